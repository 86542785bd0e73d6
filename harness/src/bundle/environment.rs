//! Which variables go into a bundle: those that the manifest sets, and of all others those that are known to change what
//! programs do. What looks like a secret stays outside, whoever set it. Pure.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::LeftOut;

/// Variables that programs, their languages' runtimes or emulators look at; `*` ends a beginning.
const ALLOWED: [&str; 26] = [
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "CLICOLOR*",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "RUST_TEST_*",
    "PROPTEST_*",
    "QUICKCHECK_*",
    "INSTA_*",
    "SOURCE_DATE_EPOCH",
    "GLIBC_TUNABLES",
    "MALLOC_*",
    "OMP_*",
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
    "QEMU_*",
    "WINEDEBUG",
    "WINEDLLOVERRIDES",
];

/// Variables that are this machine's own wherever a bundle is run.
const OF_THE_MACHINE: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// Parts of names whose values are nobody else's.
const SECRET_NAMES: [&str; 12] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "COOKIE",
    "BEARER",
];

/// How the values of well-known secrets begin.
const SECRET_VALUES: [&str; 12] = [
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "AKIA",
    "xoxb-",
    "xoxp-",
    "sk-",
    "eyJ",
    "-----BEGIN",
    "npm_",
];

/// The variables of a bundle, and what is left out of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The variables.
    pub env: BTreeMap<String, String>,
    /// Those that would have been, and why they are not.
    pub left_out: Vec<LeftOut>,
}

/// Chooses from the environment that guests inherit, and from what the case and its target set.
pub fn choose(inherited: &[(OsString, OsString)], own: &[(OsString, OsString)]) -> Chosen {
    let mut chosen = Chosen::default();
    let allowed = inherited.iter().filter(|(name, _)| is_allowed(&name.to_string_lossy()));
    for (name, value) in allowed.chain(own) {
        if OF_THE_MACHINE.iter().any(|known| name == known) {
            continue;
        }
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            let what = format!("the variable {}", name.display());
            chosen.left_out.push(LeftOut::new(what, "it is not text"));
            continue;
        };
        if looks_secret(name, value) {
            chosen.env.remove(name);
            chosen.left_out.push(LeftOut::new(format!("the variable {name}"), "it looks like a secret"));
        } else {
            chosen.env.insert(name.to_owned(), value.to_owned());
        }
    }
    chosen
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

/// Whether a variable holds what should not travel: by its name, by how well-known secrets look, by a password in an
/// address, or by being long and without order.
pub fn looks_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part)) || is_secret_value(value)
}

/// Whether a value looks like a secret whatever it is called.
pub fn is_secret_value(value: &str) -> bool {
    let known = |start: &str| value.starts_with(start) && value.len() >= start.len() + 8;
    let password = value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    SECRET_VALUES.iter().any(|start| known(start)) || password || is_random(value)
}

/// A long word of letters in both cases and digits that change places all the time.
fn is_random(value: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        b'+' | b'_' | b'-' | b'=' => Some(3),
        _ => None,
    };
    let kinds: Option<Vec<u8>> = value.bytes().map(kind).collect();
    let Some(kinds) = kinds.filter(|kinds| kinds.len() >= 28) else { return false };
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    (0..3).all(|kind| kinds.contains(&kind)) && changes * 3 > kinds.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn what_is_known_to_matter_is_chosen_and_secrets_are_named() {
        let inherited = [("LC_ALL", "C.UTF-8"), ("EDITOR", "vi"), ("PATH", "/bin"), ("GITHUB_TOKEN", "x")];
        let own = [("MODE", "fast"), ("DB_PASSWORD", "hunter2"), ("TMPDIR", "/tmp/1"), ("LC_ALL", "C")];
        let chosen = choose(&env(&inherited), &env(&own));
        let names: Vec<(&str, &str)> = chosen.env.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(names, [("LC_ALL", "C"), ("MODE", "fast")]);
        assert_eq!(chosen.left_out, [LeftOut::new("the variable DB_PASSWORD", "it looks like a secret")]);
    }

    #[test]
    fn secrets_are_known_by_their_values_too() {
        for secret in [
            "ghp_0123456789abcdef",
            "https://me:hunter2@example.org/x",
            "eyJhbGciOiJIUzI1NiJ9.e30.x",
            "-----BEGIN PRIVATE KEY-----",
            "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE",
        ] {
            assert!(looks_secret("MODE", secret), "{secret}");
        }
        for plain in [
            "C.UTF-8",
            "https://example.org/a:b@c",
            "sk-1",
            "0123456789abcdef0123456789abcdef01234567",
            "/usr/lib/x86_64-linux-gnu/AVeryLongDirectoryName1",
        ] {
            assert!(!looks_secret("MODE", plain), "{plain}");
        }
    }
}
