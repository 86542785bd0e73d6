//! Recognisers of words: spellings, paths, names.

use triplecheck_emulators::target::Target;

use super::Sides;
use crate::diagnose::cause::{Cause, Class};
use crate::diagnose::tokens::{Lines, Pair, parts};
use crate::diagnose::values::numbers::byte_order_cause;

/// Infinity and the null pointer, as C libraries spell them.
pub(super) fn spelling(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if sides.native.libc == sides.target.libc {
        return None;
    }
    let infinite = |text: &str| {
        let text = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
        matches!(text.trim_end_matches('0'), "inf" | "infinity" | "1.#inf")
    };
    let null = |text: &str| {
        let zeros = text.strip_prefix("0x").unwrap_or(text);
        text == "nil" || text == "null" || (!zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0'))
    };
    let what = if infinite(pair.native) && infinite(pair.target) {
        "an infinity"
    } else if null(pair.native) && null(pair.target) && (pair.native == "nil" || pair.target == "nil") {
        "a null pointer"
    } else {
        return None;
    };
    let sentence = format!("the text of {what} is the C library's choice; print a word of your own");
    Some(Cause::new(Class::Spelling, sentence))
}

/// The byte order itself, printed.
pub(super) fn byte_order_name(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native.endian.name(), sides.target.endian.name());
    let says = |text: &str, order: &str| text.to_ascii_lowercase().contains(order);
    (native != target && says(pair.native, native) && says(pair.target, target))
        .then(|| byte_order_cause(sides))
}

/// The target's own name where the native one has its own.
pub(super) fn machine_name(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let names = |target: &Target| {
        let facts = target.facts();
        let machine = target.machine();
        [
            Some(facts.triple),
            Some(facts.arch),
            machine.and_then(|machine| machine.uname),
            machine.and_then(|machine| machine.debian),
            machine.and_then(|machine| machine.go),
            Some(facts.os),
            Some(facts.family),
        ]
    };
    let (native, target) = (names(sides.native_target), names(sides.other));
    let says = |text: &str, name: Option<&str>| {
        name.is_some_and(|name| !name.is_empty() && text.to_ascii_lowercase().contains(name))
    };
    let both = native
        .iter()
        .zip(&target)
        .any(|(native, other)| native != other && says(pair.native, *native) && says(pair.target, *other));
    // A target whose standard library has no name for it prints nothing there.
    let bare = |text: &str| text.trim_matches('-').to_owned();
    let left_out = native != target
        && native.iter().flatten().any(|name| {
            let named = !name.is_empty() && pair.native.contains(name);
            named && bare(&pair.native.replace(name, "")) == bare(pair.target)
        });
    (both || left_out).then(|| {
        Cause::new(
            Class::MachineName,
            "the machine or system that the program was built for is part of the output",
        )
    })
}

/// A CR that text mode put before a LF.
pub(super) fn line_ending(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let differ = sides.target.windows != sides.native.windows;
    let dump = (pair.native, pair.target) == ("0a", "0d") || (pair.native, pair.target) == ("0d", "0a");
    (differ && dump).then(line_ending_cause)
}

/// The sentence on line endings.
pub(in crate::diagnose) fn line_ending_cause() -> Cause {
    let sentence =
        "a file or stream in text mode, in which Windows writes CR LF; open it in binary mode (`\"wb\"`)";
    Cause::new(Class::LineEnding, sentence)
}

/// The same path with the other separator, with or without a drive.
pub(super) fn path_form(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if sides.target.windows == sides.native.windows {
        return None;
    }
    let (unix, windows) =
        if sides.target.windows { (pair.native, pair.target) } else { (pair.target, pair.native) };
    let posix = windows.replace("\\\\", "/").replace('\\', "/");
    let without_drive = match posix.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &posix[2..],
        _ => posix.as_str(),
    };
    let fits = windows.contains('\\') && (posix == unix || without_drive == unix);
    // A list of paths is joined by another character, too.
    let list = unix.contains(':') && windows.contains(';') && windows.replace(';', ":") == unix;
    (fits || list).then(|| {
        let sentence = "Windows separates paths with `\\` and lists of them with `;`; print them in one form of \
                        your own";
        Cause::new(Class::PathForm, sentence)
    })
}

/// Two names that differ in case, where one side's names have none.
pub(super) fn name_case(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let differ = sides.target.windows != sides.native.windows;
    (differ && pair.native.eq_ignore_ascii_case(pair.target)).then(name_case_cause)
}

/// The sentence on the case of names.
pub(in crate::diagnose) fn name_case_cause() -> Cause {
    let sentence =
        "Windows knows no case in names of files and variables; use names that differ in more than case";
    Cause::new(Class::NameCase, sentence)
}

/// Something said of a locale, by two C libraries.
pub(super) fn locale(pair: Pair<'_>, line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    const ABOUT: &[&str] = &["locale", "codeset", "charset", "collat", "lc_", "decimal point", "thousands"];
    let point =
        || pair.native.replace(',', ".") == pair.target || pair.target.replace(',', ".") == pair.native;
    let number = pair.native.bytes().any(|byte| byte.is_ascii_digit());
    let fits = line.speaks_of(ABOUT) || (number && point());
    (sides.native.libc != sides.target.libc && fits).then(|| {
        let sentence =
            "locales are the C library's: which exist, and what they say, differs; use the `C` locale";
        Cause::new(Class::Locale, sentence)
    })
}

/// The same values in another order on one line.
pub(super) fn reordered(line: Lines<'_>) -> Option<Cause> {
    let sorted = |line| {
        let mut words: Vec<&str> = parts(line).collect();
        words.sort_unstable();
        words
    };
    let (native, target) = (sorted(line.native), sorted(line.target));
    (native.len() > 1 && native == target && line.parts().len() > 1).then(ordering_cause)
}

/// The sentence on order.
pub(in crate::diagnose) fn ordering_cause() -> Cause {
    let sentence = "the same values in another order: of a hash table, a directory, threads, or operands that C does \
                    not order; sort before printing";
    Cause::new(Class::Ordering, sentence)
}
