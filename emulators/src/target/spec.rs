//! Targets that are in no table: a custom target specification, or a triple newer than the table.
//!
//! rustc itself is the parser: whoever starts it passes on what `rustc --print cfg --target SPEC.json` says,
//! so that neither the specification's format nor its defaults, both unstable, are ours to know.

use super::{Endian, Target, TargetFacts};

/// Why a listing of cfg values describes no target.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cfg listing of `{name}` has no usable `{key}`")]
pub struct BadCfg {
    /// The target it was for.
    pub name: String,
    /// The cfg key that is missing or has a value that means nothing to us.
    pub key: &'static str,
}

impl Target {
    /// The target `name` by what `rustc --print cfg --target …` prints of it. cfg does not say the tier, whether
    /// there is a std, or the executable's suffix: they are 0, `false`, and what its system always uses
    /// (consoles and bare metal have no such thing, and get none).
    ///
    /// Its facts are kept until the process ends; call it once for each specification.
    pub fn from_cfg(name: &str, cfg: &str) -> Result<Self, BadCfg> {
        let one = |key| values(cfg, key).next();
        let bad = |key| BadCfg { name: name.to_owned(), key };
        let endian = match one("target_endian") {
            Some("big") => Endian::Big,
            Some("little") => Endian::Little,
            _ => return Err(bad("target_endian")),
        };
        let os = one("target_os").ok_or_else(|| bad("target_os"))?;
        let width = one("target_pointer_width").and_then(|width| width.parse().ok());
        let mut family: Vec<&str> = values(cfg, "target_family").collect();
        family.sort_unstable();
        let mut atomic_bits: Vec<u8> =
            values(cfg, "target_has_atomic").filter_map(|width| width.parse().ok()).collect();
        atomic_bits.sort_unstable();
        let exe_suffix = match os {
            "windows" | "cygwin" => ".exe",
            "uefi" => ".efi",
            "emscripten" => ".js",
            "vxworks" => ".vxe",
            "cuda" => ".ptx",
            _ if family.contains(&"wasm") => ".wasm",
            _ => "",
        };
        let facts = TargetFacts {
            triple: keep(name),
            arch: keep(one("target_arch").ok_or_else(|| bad("target_arch"))?),
            os: keep(os),
            env: keep(one("target_env").unwrap_or_default()),
            abi: keep(one("target_abi").unwrap_or_default()),
            vendor: keep(one("target_vendor").unwrap_or("unknown")),
            family: keep(&family.join(" ")),
            endian,
            pointer_width: width.ok_or_else(|| bad("target_pointer_width"))?,
            atomic_bits: Vec::leak(atomic_bits),
            tier: 0,
            std: false,
            unwinds: one("panic") == Some("unwind"),
            crt_static: values(cfg, "target_feature").any(|feature| feature == "crt-static"),
            exe_suffix,
        };
        Ok(Self::of(Box::leak(Box::new(facts))))
    }
}

/// The values of `key="…"` lines, in order.
fn values<'a>(cfg: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    cfg.lines().filter_map(move |line| line.trim().strip_prefix(key)?.strip_prefix("=\"")?.strip_suffix('"'))
}

/// The same text, for as long as the table's own.
fn keep(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CFG: &str = "debug_assertions\npanic=\"abort\"\ntarget_abi=\"eabihf\"\ntarget_arch=\"arm\"\n\
        target_endian=\"little\"\ntarget_has_atomic=\"16\"\ntarget_has_atomic=\"8\"\ntarget_has_atomic=\"ptr\"\n\
        target_os=\"none\"\ntarget_pointer_width=\"32\"\ntarget_vendor=\"acme\"\n";

    #[test]
    fn a_custom_target_has_a_machine_like_any_other() {
        let target = Target::from_cfg("my-board", CFG).unwrap();
        assert_eq!(target.triple(), "my-board");
        assert_eq!(target.facts().atomic_bits, [8, 16]);
        assert_eq!(target.facts().vendor, "acme");
        assert_eq!(target.facts().exe_suffix, "");
        assert_eq!(target.machine().map(|machine| machine.name), Some("aarch32"));
        assert_eq!(target.cross(), None);
    }

    #[test]
    fn a_listing_without_a_needed_key_names_it() {
        for key in ["target_arch", "target_endian", "target_os", "target_pointer_width"] {
            let text: String = CFG
                .lines()
                .filter(|line| !line.starts_with(key))
                .fold(String::new(), |text, line| text + line + "\n");
            assert_eq!(Target::from_cfg("my-board", &text).unwrap_err().key, key);
        }
        assert!(Target::from_cfg("nothing", "").is_err());
    }
}
