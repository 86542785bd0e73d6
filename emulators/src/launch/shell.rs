//! A command line as text for a POSIX shell. Pasting it must start exactly what the harness starts: that is
//! the whole purpose, so every byte survives and no word is ever split, globbed or expanded.
//!
//! `$'…'` is used for bytes that a terminal would not show; POSIX has it since 2024 and bash, zsh, ksh and
//! busybox have had it for long. Everything else is plain quoting.

use std::ffi::OsStr;
use std::fmt::Write as _;

use super::{CommandLine, EnvChange};

/// The whole line: `env -u A B=c program words`, without `env` where no variable changes.
pub(super) fn line(command: &CommandLine) -> String {
    let mut words = environment(&command.env);
    if let Some(argv0) = &command.argv0 {
        // Only bash and zsh have `exec -a`, and `env` would pass its own idea of the name.
        words.extend(["bash".into(), "-c".into(), r#"'exec -a "$0" "$@"'"#.into(), quoted(argv0)]);
    }
    words.push(quoted(command.program.as_os_str()));
    words.extend(command.args.iter().map(|word| quoted(word)));
    words.join(" ")
}

/// The words of `env`, with the last change to each variable winning and removals first, as `env` reads them.
fn environment(changes: &[EnvChange]) -> Vec<String> {
    let mut removed = Vec::new();
    let mut set: Vec<(&OsStr, String)> = Vec::new();
    for change in changes {
        let name = change.name();
        let earlier = set.iter().position(|(known, _)| *known == name).map(|at| set.remove(at).1);
        let was_removed = removed.iter().position(|known| *known == name).map(|at| removed.remove(at));
        match change {
            EnvChange::Set(_, value) => set.push((name, quoted(value))),
            EnvChange::Remove(_) => removed.push(name),
            EnvChange::Prepend(_, value, separator) => {
                let rest = match (earlier, was_removed) {
                    (Some(text), _) => format!("{}{text}", quoted(OsStr::new(&separator.to_string()))),
                    (None, Some(_)) => String::new(),
                    (None, None) => caller_value(name, *separator),
                };
                set.push((name, format!("{}{rest}", quoted(value))));
            }
        }
    }
    if removed.is_empty() && set.is_empty() {
        return Vec::new();
    }
    let mut words = vec!["env".to_owned()];
    for name in removed {
        words.extend(["-u".to_owned(), quoted(name)]);
    }
    words.extend(set.into_iter().map(|(name, value)| format!("{}={value}", quoted(name))));
    words
}

/// What the shell's own environment holds, behind the separator, or nothing where it is unset or empty. A name
/// that is no shell identifier cannot be asked for; the emulators' list variables all are.
fn caller_value(name: &OsStr, separator: char) -> String {
    let name = name.to_string_lossy();
    format!("\"${{{name}:+{separator}${name}}}\"")
}

/// One word, quoted only where it has to be.
fn quoted(word: &OsStr) -> String {
    let bytes = word.as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    match word.to_str() {
        Some(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(bytes),
    }
}

/// `$'…'` with every byte that is not printable ASCII written in octal.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\{byte:03o}").expect("writing to a string cannot fail"),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn command(args: Vec<OsString>, env: Vec<EnvChange>) -> CommandLine {
        CommandLine { program: "printf".into(), argv0: None, args, env }
    }

    /// What a real shell makes of the line, word by word, each ended by a NUL.
    fn read_by(shell: &str, line: &str) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "the test asks a real shell how it reads the line")]
        let output = std::process::Command::new(shell).args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_every_byte_back() {
        use std::os::unix::ffi::OsStringExt as _;
        let words: Vec<OsString> = [
            &b"plain-1.2/x"[..],
            b"",
            b"a b\t",
            b"it's $HOME `x` \\ \"q\" *?[!#~",
            b"new\nline\x01",
            b"\xff\xfe '\\ \xc3\xa9",
            "日本".as_bytes(),
            b"~",
            b"A=b",
        ]
        .iter()
        .map(|bytes| OsString::from_vec(bytes.to_vec()))
        .collect();
        let mut args = vec![OsString::from("%s\\0")];
        args.extend(words.iter().cloned());
        let expected: Vec<u8> = words.into_iter().flat_map(|w| [w.into_vec(), vec![0]].concat()).collect();
        assert_eq!(read_by("bash", &line(&command(args, Vec::new()))), expected);
    }

    #[test]
    fn the_environment_folds_to_its_end_state() {
        let set = |name: &str, value: &str| EnvChange::Set(name.into(), value.into());
        let prepend = |name: &str, value: &str| EnvChange::Prepend(name.into(), value.into(), ':');
        let remove = |name: &str| EnvChange::Remove(name.into());
        let changes = vec![
            set("A", "1"),
            remove("A"),
            remove("B"),
            set("B", "x y"),
            prepend("B", "/p"),
            prepend("C", "/c"),
        ];
        assert_eq!(line(&command(vec![], changes)), "env -u A B=/p:'x y' C=/c\"${C:+:$C}\" printf");
    }

    #[test]
    fn a_pasted_list_variable_keeps_what_the_shell_had() {
        let mut wanted = command(vec!["C".into()], vec![EnvChange::Prepend("C".into(), "/c d".into(), ';')]);
        wanted.program = "printenv".into();
        assert_eq!(read_by("sh", &format!("export C='/a b'\n{}", line(&wanted))), b"/c d;/a b\n");
        assert_eq!(read_by("sh", &format!("unset C\n{}", line(&wanted))), b"/c d\n");
    }
}
