//! Where a failing assertion stands, from what the program said when it failed. Pure.

/// A place in a source file, as the compiler named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location<'a> {
    /// The file.
    pub(super) file: &'a str,
    /// The line, from 1.
    pub(super) line: u32,
    /// The column, from 1, where it is told.
    pub(super) column: Option<u32>,
}

/// The first place that a message names: of a panic of Rust's, an assertion of C's, an error of a compiler's.
pub(super) fn find(text: &str) -> Option<Location<'_>> {
    text.lines().find_map(|line| panic(line).or_else(|| assertion(line)).or_else(|| compiler(line)))
}

/// `thread 'main' (7) panicked at src/lib.rs:10:9:`; before Rust 1.73 the message stood in front of the place.
fn panic(line: &str) -> Option<Location<'_>> {
    let (before, place) = line.split_once(" panicked at ")?;
    if !before.starts_with("thread '") {
        return None;
    }
    let place = place.strip_suffix(':').unwrap_or(place);
    place_of(place.rsplit_once("', ").map_or(place, |(_, place)| place))
}

/// glibc, musl, macOS and mingw each have words of their own for a failing `assert`.
fn assertion(line: &str) -> Option<Location<'_>> {
    // `prog: order.c:7: main: Assertion `n == 1' failed.`
    if let Some((before, _)) = line.split_once(": Assertion `") {
        let mut parts = before.rsplitn(3, ':');
        let (_function, number) = (parts.next()?, parts.next()?);
        let file = parts.next()?;
        let file = file.rsplit_once(": ").map_or(file, |(_, file)| file);
        return Some(Location { file, line: number.parse().ok()?, column: None });
    }
    let rest = line.strip_prefix("Assertion failed: ")?;
    // `Assertion failed: n == 1 (order.c: main: 7)`
    if let Some(place) = rest.strip_suffix(')')
        && let Some((_, place)) = place.rsplit_once('(')
    {
        let mut parts = place.rsplitn(3, ": ");
        let (number, _function, file) = (parts.next()?, parts.next()?, parts.next()?);
        return Some(Location { file, line: number.parse().ok()?, column: None });
    }
    // `Assertion failed: n == 1, file order.c, line 7`, and `…: (n == 1), function main, file order.c, line 7.`
    let (_, place) = rest.rsplit_once(", file ")?;
    let (file, number) = place.rsplit_once(", line ")?;
    Some(Location { file, line: number.trim_end_matches('.').parse().ok()?, column: None })
}

/// `  --> src/lib.rs:3:5` of rustc, `order.c:3:5: error: …` of C compilers.
fn compiler(line: &str) -> Option<Location<'_>> {
    if let Some(place) = line.trim_start().strip_prefix("--> ") {
        return place_of(place);
    }
    let (place, _) = line.split_once(": error: ").or_else(|| line.split_once(": fatal error: "))?;
    place_of(place)
}

/// `FILE:LINE:COLUMN` or `FILE:LINE`; a file of Windows' has a colon of its own.
fn place_of(place: &str) -> Option<Location<'_>> {
    let (rest, last) = place.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    let with_column = rest.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    match with_column {
        Some((file, line)) if !file.is_empty() => Some(Location { file, line, column: Some(last) }),
        _ if rest.is_empty() || rest.starts_with(':') => None,
        _ => Some(Location { file: rest, line: last, column: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, u32, Option<u32>)>) {
        let found = find(text).map(|found| (found.file, found.line, found.column));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn places_are_read_from_every_kind_of_message() {
        let multi = "failed\n\nthread 'tests::a: b' (1920) panicked at src/lib.rs:10:9:\nassertion failed";
        check(multi, Some(("src/lib.rs", 10, Some(9))));
        check(
            "thread 'main' panicked at 'no, src/x.rs:1:1 it', src/main.rs:2:5",
            Some(("src/main.rs", 2, Some(5))),
        );
        check("thread 'main' panicked at C:\\a\\b.rs:2:5:", Some(("C:\\a\\b.rs", 2, Some(5))));
        check("order: order.c:7: main: Assertion `n == 1' failed.", Some(("order.c", 7, None)));
        check("Assertion failed: n == 1 (order.c: main: 7)", Some(("order.c", 7, None)));
        check("Assertion failed: n == 1, file c/order.c, line 7", Some(("c/order.c", 7, None)));
        check("Assertion failed: (n), function main, file order.c, line 7.", Some(("order.c", 7, None)));
        check("error[E0080]: overflow\n --> src/lib.rs:3:5\n  |", Some(("src/lib.rs", 3, Some(5))));
        check("order.c:3:5: error: no such thing", Some(("order.c", 3, Some(5))));
        check("order.c:3: fatal error: no such thing", Some(("order.c", 3, None)));
    }

    #[test]
    fn other_text_names_no_place() {
        for text in ["", "ok", "it panicked at noon", "thread 'x' panicked at nowhere", ":1:2"] {
            check(text, None);
        }
        check(" --> :3:5", None);
        check("Assertion failed: ", None);
        check(": Assertion `", None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text: String) {
            let _ = find(&text);
        }
    }
}
