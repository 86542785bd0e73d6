//! Words as a POSIX shell reads them, for commands that people paste.

/// Quotes a word where a shell would split or expand it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (word, quoted) in
            [("a::b", "a::b"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("c::*", "'c::*'")]
        {
            assert_eq!(quote(word), quoted);
        }
    }
}
