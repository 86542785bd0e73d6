//! What a rustc says of itself. Owns the reading of `rustc -vV` and the identity under which things that were
//! built by it are kept.

/// A rustc, as `rustc -vV` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustcVersion {
    /// `release`: `1.95.0`, `1.97.0-nightly`.
    pub release: String,
    /// `commit-hash`; `unknown` where a distribution built it from a tarball.
    pub commit: String,
    /// `host`: the triple it runs on and builds for by default.
    pub host: String,
    /// `LLVM version`; empty where rustc has another backend.
    pub llvm: String,
    /// All of it, as printed. Distributions tell their builds apart in the first line alone.
    pub text: String,
}

/// A text that is not what `rustc -vV` prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read `rustc -vV`: it has no line `{missing}: …`")]
pub struct OddVersion {
    /// The line that was looked for.
    pub missing: &'static str,
}

impl RustcVersion {
    /// Reads what `rustc -vV` printed.
    pub fn parse(text: &str) -> Result<Self, OddVersion> {
        let find = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.map(|value| value.trim().to_owned())
        };
        Ok(Self {
            release: find("release").ok_or(OddVersion { missing: "release" })?,
            host: find("host").ok_or(OddVersion { missing: "host" })?,
            commit: find("commit-hash").unwrap_or_else(|| "unknown".to_owned()),
            llvm: find("LLVM version").unwrap_or_default(),
            text: text.trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STABLE: &str = "rustc 1.95.0 (59807616e 2026-04-14)
binary: rustc
commit-hash: 59807616e1fa2540724bfbac14d7976d7e4a3860
commit-date: 2026-04-14
host: x86_64-unknown-linux-gnu
release: 1.95.0
LLVM version: 22.1.2
";

    #[test]
    fn the_answer_of_rustc_is_read() {
        let version = RustcVersion::parse(STABLE).unwrap();
        assert_eq!(version.release, "1.95.0");
        assert_eq!(version.commit, "59807616e1fa2540724bfbac14d7976d7e4a3860");
        assert_eq!(version.host, "x86_64-unknown-linux-gnu");
        assert_eq!(version.llvm, "22.1.2");
    }

    #[test]
    fn a_distribution_without_commit_hash_is_read() {
        let text = STABLE.replace("commit-hash: 59807616e1fa2540724bfbac14d7976d7e4a3860\n", "");
        assert_eq!(RustcVersion::parse(&text).unwrap().commit, "unknown");
    }

    #[test]
    fn something_else_is_refused_with_the_line_that_lacks() {
        assert_eq!(RustcVersion::parse("gcc 12"), Err(OddVersion { missing: "release" }));
        assert_eq!(RustcVersion::parse("release: 1.0"), Err(OddVersion { missing: "host" }));
    }
}
