//! How arguments reach a bare-metal program: through the option `-semihosting-config` of QEMU's system
//! emulators, and from there through the guest's own call.
//!
//! QEMU keeps the words apart only for MIPS, whose calls (UHI) ask for one argument at a time. Everywhere else
//! the call is `SYS_GET_CMDLINE`, which gives one line of all words with blanks between them, and the guest's
//! library splits it: Arm's C library (newlib's `libgloss`) and Rust's `semihosting` both take a part between
//! quotes for one word, and neither knows a way to quote a quote. What cannot be told so is refused, because the
//! program would see other words than it was given.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::Guest;

/// The word in a launch's prefix that is replaced by the configuration with the guest's words as a line.
pub const SEMIHOSTING_LINE: &str = "{semihosting-line}";
/// The word in a launch's prefix that is replaced by the configuration with the guest's words one by one.
pub const SEMIHOSTING_WORDS: &str = "{semihosting-words}";
/// The character device that the guest's console is connected to; the prefix defines it by this name.
pub const SEMIHOSTING_CONSOLE: &str = "console";

/// In which form the guest asks for its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Line,
    Words,
}

impl Form {
    /// The form that this word of a prefix stands for, if it is one of the two.
    pub(super) fn of(word: &OsStr) -> Option<Self> {
        [(SEMIHOSTING_LINE, Self::Line), (SEMIHOSTING_WORDS, Self::Words)]
            .into_iter()
            .find_map(|(name, form)| (word == name).then_some(form))
    }

    /// The value of `-semihosting-config` for this guest, whose own name is the first word.
    ///
    /// Without a character device QEMU sends all that the guest prints to standard error (7.2 to 10.0).
    pub(super) fn configuration(self, argv0: &OsStr, args: &[OsString]) -> OsString {
        let mut value = format!("enable=on,target=native,chardev={SEMIHOSTING_CONSOLE}").into_bytes();
        for word in std::iter::once(argv0).chain(args.iter().map(OsString::as_os_str)) {
            value.extend(b",arg=");
            let bytes = match self {
                // A word that cannot be quoted is refused by `unspeakable` before it comes to this.
                Self::Line => quoted(word.as_bytes()).unwrap_or_else(|| word.as_bytes().to_vec()),
                Self::Words => word.as_bytes().to_vec(),
            };
            // A comma ends the value of an option of QEMU's; two are one that does not.
            value.extend(
                bytes
                    .iter()
                    .flat_map(|byte| if *byte == b',' { &b",,"[..] } else { std::slice::from_ref(byte) }),
            );
        }
        OsString::from_vec(value)
    }

    /// The first of the guest's words that this form cannot carry.
    pub(super) fn unspeakable<'g>(self, guest: &'g Guest<'_>) -> Option<&'g OsStr> {
        let words = std::iter::once(guest.argv0.unwrap_or(guest.program.as_os_str()));
        let mut words = words.chain(guest.args.iter().map(OsString::as_os_str));
        words.find(|word| self == Self::Line && quoted(word.as_bytes()).is_none())
    }
}

/// The word as a part of the line; `None` where it holds both kinds of quotes.
fn quoted(word: &[u8]) -> Option<Vec<u8>> {
    let has = |quote: u8| word.contains(&quote);
    let plain = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'\'' && *byte != b'"';
    if !word.is_empty() && word.iter().all(plain) {
        return Some(word.to_vec());
    }
    let quote = [b'\'', b'"'].into_iter().find(|quote| !has(*quote))?;
    Some([&[quote], word, &[quote]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[track_caller]
    fn check(form: Form, words: &[&str], expected: &str) {
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        let value = form.configuration(OsStr::new("p"), &args);
        assert_eq!(
            value.to_str(),
            Some(format!("enable=on,target=native,chardev=console,arg=p{expected}").as_str())
        );
    }

    #[test]
    fn words_of_a_line_are_quoted_where_a_blank_or_nothing_would_be_lost() {
        check(Form::Line, &[], "");
        check(Form::Line, &["a", "-b=c"], ",arg=a,arg=-b=c");
        check(Form::Line, &["a b", "", "it's", "\""], ",arg='a b',arg='',arg=\"it's\",arg='\"'");
    }

    #[test]
    fn words_that_are_asked_for_one_by_one_stay_as_they_are() {
        check(Form::Words, &["a b", "", "it's \"q\""], ",arg=a b,arg=,arg=it's \"q\"");
    }

    #[test]
    fn a_comma_is_doubled_for_the_emulators_own_parser() {
        check(Form::Line, &["a,b", ",,"], ",arg=a,,b,arg=,,,,");
        check(Form::Words, &["x,arg=y"], ",arg=x,,arg=y");
    }

    #[test]
    fn a_word_with_both_kinds_of_quotes_cannot_be_told_in_a_line() {
        let args: Vec<OsString> = ["fine", "it's \"q\""].map(OsString::from).to_vec();
        let guest = Guest { program: Path::new("/p"), argv0: None, args: &args };
        assert_eq!(Form::Line.unspeakable(&guest), Some(OsStr::new("it's \"q\"")));
        assert_eq!(Form::Words.unspeakable(&guest), None);
        assert_eq!(Form::Line.unspeakable(&Guest { args: &args[..1], ..guest }), None);
    }
}
