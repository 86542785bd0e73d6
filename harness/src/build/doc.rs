//! Documentation tests: cargo builds and runs them in one go, so what is prepared here is a call of cargo for each target,
//! with the hook as its runner. What it prints is libtest's text.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Piece, ProgramKind};
use crate::error::{About as _, Result};
use crate::plan::CargoOrigin;
use crate::toolchain::{CargoTarget, Toolchain};

/// The name under which documentation tests stand.
const NAME: &str = "doc";

/// Variables of the caller's that cargo itself needs and guests do not get.
const CARGOS_OWN: [&str; 4] = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "CARGO_BUILD_JOBS"];

/// One call of cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocCall {
    /// Words after `cargo`.
    pub args: Vec<OsString>,
    /// Variables on top of the inherited ones.
    pub env: Vec<(String, String)>,
    /// Where it is started.
    pub dir: PathBuf,
}

/// The documentation tests of a package as a program of every target, the host first in `targets`.
pub fn pieces(
    toolchain: &Toolchain,
    origin: &CargoOrigin,
    targets: &[CargoTarget],
    target_dir: &Path,
) -> Result<Vec<Piece>> {
    let hook = std::env::current_exe().about("find", "/proc/self/exe")?;
    let mut calls = BTreeMap::new();
    for target in targets {
        let cargo_call = toolchain
            .cargo_call(std::slice::from_ref(target))
            .about("prepare documentation tests in", target_dir)?;
        let mut args: Vec<OsString> = vec!["test".into(), "--doc".into(), "--no-fail-fast".into()];
        args.extend(["--manifest-path".into(), origin.manifest_path.clone().into()]);
        args.extend(["--target-dir".into(), target_dir.into()]);
        args.extend(cargo_call.args);
        if target.triple != toolchain.version.host {
            args.extend(["--config".into(), runner(&target.triple, &hook).into()]);
        }
        args.extend(origin.args.iter().cloned());
        args.push("--".into());
        args.extend(origin.test_args.iter().map(OsString::from));
        let own = CARGOS_OWN.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let env = own.chain(cargo_call.env).collect();
        let dir = origin.manifest_path.parent().map(Path::to_path_buf).unwrap_or_default();
        calls.insert(target.triple.clone(), DocCall { args, env, dir });
    }
    let piece = |triple: &String| Piece {
        id: NAME.to_owned(),
        name: NAME.to_owned(),
        kind: ProgramKind::CargoDoc { calls: calls.clone() },
        target: triple.clone(),
        file: toolchain.cargo.clone(),
    };
    Ok(calls.keys().map(piece).collect())
}

/// cargo's configuration that makes the hook the runner for a target: a list, because a word of a variable ends at a blank.
fn runner(triple: &str, hook: &Path) -> String {
    let hook = hook.display().to_string();
    // A TOML string in its literal form has no escapes; a path with an apostrophe needs the other one.
    let quoted = if hook.contains('\'') { format!("{hook:?}") } else { format!("'{hook}'") };
    format!("target.{triple}.runner=[{quoted}, 'exec', '-t', '{triple}', '--']")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_is_a_list_that_toml_reads() {
        for hook in ["/usr/bin/triplecheck", "/a b/it's/triplecheck"] {
            let text = runner("s390x-unknown-linux-gnu", Path::new(hook));
            let table: toml::Table = toml::from_str(&text).unwrap();
            let words = table["target"]["s390x-unknown-linux-gnu"]["runner"].as_array().unwrap();
            assert_eq!(words[0].as_str(), Some(hook));
            assert_eq!(words.len(), 5);
        }
    }
}
