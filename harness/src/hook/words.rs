//! A list of words as each reader wants it, so that it comes out of the reader's own splitting as the same list.

use crate::shell::quote;

/// For a POSIX shell, and for Python's `shlex.split`, which reads the same quotes.
pub(super) fn shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// For readers that split at white space and know no quotes (cargo's variables); `None` where a word has some.
pub(super) fn blanks(words: &[String]) -> Option<String> {
    let splits = |word: &String| word.is_empty() || word.contains(char::is_whitespace);
    (!words.iter().any(splits)).then(|| words.join(" "))
}

/// For the go command: words may stand in either kind of quotes, but there is no escape within them. `None` where
/// a word has both kinds and a blank.
pub(super) fn go(words: &[String]) -> Option<String> {
    let quoted = words.iter().map(|word| {
        let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "'\"".contains(c));
        let mark = match (plain, word.contains('\''), word.contains('"')) {
            (true, _, _) => "",
            (false, false, _) => "'",
            (false, true, false) => "\"",
            (false, true, true) => return None,
        };
        Some(format!("{mark}{word}{mark}"))
    });
    Some(quoted.collect::<Option<Vec<_>>>()?.join(" "))
}

/// A list in TOML.
pub(super) fn toml(words: &[String]) -> String {
    let words = words.iter().map(|word| toml::Value::from(word.as_str()).to_string());
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// A list in Meson's machine files, whose strings know `\\` and `\'`.
pub(super) fn meson(words: &[String]) -> String {
    let words = words.iter().map(|word| format!("'{}'", word.replace('\\', r"\\").replace('\'', r"\'")));
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// The arguments of CMake's `set`, one an element of the list; a `;` in a word must not end its element.
pub(super) fn cmake(words: &[String]) -> String {
    let escaped = |word: &String| {
        let mut out = String::from('"');
        for c in word.chars() {
            match c {
                // Read twice: as an argument, and as an element of a list.
                ';' => out.push_str(r"\\;"),
                '\\' | '"' | '$' => out.extend(['\\', c]),
                _ => out.push(c),
            }
        }
        out.push('"');
        out
    };
    words.iter().map(escaped).collect::<Vec<_>>().join(" ")
}

/// The value of a variable in a makefile whose recipes hand it to a shell.
pub(super) fn make(words: &[String]) -> String {
    shell(words).replace('$', "$$").replace('#', r"\#")
}

/// One word of a `.bazelrc`, which knows a shell's quotes and backslashes.
pub(super) fn bazelrc(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn plain_words_stay_readable_everywhere() {
        let words = list(&["/opt/bin/triplecheck", "exec", "--"]);
        assert_eq!(shell(&words), "/opt/bin/triplecheck exec --");
        assert_eq!(blanks(&words).unwrap(), "/opt/bin/triplecheck exec --");
        assert_eq!(go(&words).unwrap(), "/opt/bin/triplecheck exec --");
        assert_eq!(toml(&words), r#"["/opt/bin/triplecheck", "exec", "--"]"#);
        assert_eq!(meson(&words), "['/opt/bin/triplecheck', 'exec', '--']");
        assert_eq!(cmake(&words), r#""/opt/bin/triplecheck" "exec" "--""#);
        assert_eq!(make(&words), "/opt/bin/triplecheck exec --");
    }

    #[test]
    fn a_blank_is_quoted_or_refused() {
        let words = list(&["/my tools/x", "--"]);
        assert_eq!(shell(&words), "'/my tools/x' --");
        assert_eq!(blanks(&words), None);
        assert_eq!(go(&words).unwrap(), "'/my tools/x' --");
        assert_eq!(go(&list(&["it's x"])).unwrap(), "\"it's x\"");
        assert_eq!(go(&list(&["it's \"x\""])), None);
    }

    #[test]
    fn what_a_reader_would_expand_is_escaped_for_it() {
        let words = list(&[r#"/a$b\c;d"e'f#g"#]);
        assert_eq!(toml(&words), r#"['''/a$b\c;d"e'f#g''']"#);
        assert_eq!(meson(&words), r#"['/a$b\\c;d"e\'f#g']"#);
        assert_eq!(cmake(&words), r#""/a\$b\\c\\;d\"e'f#g""#);
        assert_eq!(make(&list(&["/a$b#c"])), r"'/a$$b\#c'");
        assert_eq!(bazelrc(r#"a "b" \"#), r#""a \"b\" \\""#);
    }
}
