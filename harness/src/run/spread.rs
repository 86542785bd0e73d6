//! How a test binary is spread over processors: with how many test threads it runs, or into which pieces it is split.
//! Pure; what is known of the waiting work comes in as numbers.
//!
//! A piece is the same binary with other words: tests by name, or all but those. So a test that is only there on the target
//! is in the last piece, and whatever ends a piece has its culprit found as in any batch.

use triplecheck_emulators::launch::Kind;

/// A piece that takes less is not worth starting a process of its own for.
const PIECE_MS_MIN: u64 = 400;
/// The most characters of names in the words of all pieces; Windows allows 32,767 for a command line.
const NAME_CHARS_MAX: usize = 20_000;
/// By how much a task may be longer than its share before it is spread, in percent: estimates are no better.
const LONGER_PERCENT: u64 = 110;

/// What a task is expected to cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// On one processor, if that is known.
    pub(super) ms: Option<u64>,
    /// What can only be begun after it, the longest.
    pub(super) then_ms: u64,
    /// Its tests as far as they are known, the longest first.
    pub(super) tests: Vec<(String, u64)>,
    /// Whether tests may be chosen by words: libtest's own `main`, and no words of the user's.
    pub(super) splits: bool,
    /// Who decides on test threads.
    pub(super) threads: Threads,
}

/// Who decides with how many threads a test binary runs its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Threads {
    /// It is no test binary, or the user has decided.
    #[default]
    NotOurs,
    /// We do.
    Ours,
    /// One it has to be.
    One,
}

/// The pool at the moment in which a task is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Processors on which nothing of ours runs.
    pub(super) free: usize,
    /// How many tasks run at once, this one and those that run already among them.
    pub(super) lanes: usize,
    /// How many workers have nothing to do, the one that takes this task not counted.
    pub(super) idle: usize,
    /// How many other tasks wait.
    pub(super) waiting: usize,
    /// What they are expected to cost.
    pub(super) waiting_ms: u64,
}

/// How a task is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spread {
    /// As it is, with so many test threads.
    Whole {
        /// At least one.
        threads: usize,
    },
    /// In pieces: these tests each in a process, and all others in another one.
    Split(Vec<Piece>),
}

/// Tests that are run apart from the others of their binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) names: Vec<String>,
    /// What they are expected to cost.
    pub(super) ms: u64,
}

/// Up to which version a kind of emulator is not trusted with threads, and where that is said.
///
/// Threads under QEMU's user mode crash or hang in rare cases before 9.0.2 (ziglang/zig#7427, rquickjs#623), for which reason
/// cross runs tests one at a time; processes do not. WebAssembly has no threads.
pub(super) fn threads_of(kind: Kind, version: Option<&str>) -> Threads {
    match kind {
        Kind::QemuUser if version.and_then(numbers).is_none_or(|version| version < [9, 0, 2]) => Threads::One,
        Kind::Wasi => Threads::One,
        Kind::QemuUser
        | Kind::Native
        | Kind::Wine
        | Kind::QemuSystem
        | Kind::Vm
        | Kind::Remote
        | Kind::Custom => Threads::Ours,
    }
}

/// The first three numbers of a version, wherever they stand: `qemu-aarch64 version 7.2.17 (Debian …)`.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let is_number =
        |word: &&str| word.contains('.') && word.starts_with(|letter: char| letter.is_ascii_digit());
    let mut words = version.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let mut parts = words.find(is_number)?.split('.').map(|part| part.parse().unwrap_or(0));
    Some([parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)])
}

/// By how much an emulator is slower than the host, on average over the suites of real crates.
pub(super) fn slowness(kind: Option<Kind>) -> u64 {
    match kind {
        Some(Kind::Native) => 1,
        Some(Kind::Wine) => 2,
        Some(Kind::QemuUser | Kind::Custom | Kind::Remote) | None => 9,
        Some(Kind::Vm) => 12,
        Some(Kind::Wasi | Kind::QemuSystem) => 30,
    }
}

/// Decides how a task is run. Where nothing else waits it gets all that is free; where it is longer than its share of all
/// work it is spread, so that it does not run alone in the end.
pub(super) fn spread(work: &Work, room: Room) -> Spread {
    if work.threads == Threads::NotOurs {
        return Spread::Whole { threads: 1 };
    }
    let free = room.free.max(1);
    let beside = room.waiting.min(room.idle);
    let even = (free / (beside + 1)).max(1);
    let whole = |threads| match work.threads {
        Threads::Ours => Spread::Whole { threads },
        Threads::NotOurs | Threads::One => Spread::Whole { threads: 1 },
    };
    let Some(ms) = work.ms else { return whole(even) };
    let share = (ms + room.waiting_ms) / room.lanes.max(1) as u64;
    if ms * 100 <= share * LONGER_PERCENT || room.lanes < 2 {
        return whole(if room.waiting == 0 { free } else { 1 });
    }
    let wanted = usize::try_from(ms.div_ceil(share.max(1))).unwrap_or(usize::MAX).min(room.lanes);
    let evenly = in_threads(work, ms, wanted) * 100 <= ms / wanted as u64 * LONGER_PERCENT;
    if work.threads == Threads::Ours && wanted <= free && (evenly || !work.splits) {
        return whole(wanted);
    }
    let pieces = if work.splits { pieces(work, ms, wanted) } else { Vec::new() };
    if pieces.is_empty() { whole(even) } else { Spread::Split(pieces) }
}

/// How long a binary takes with so many threads: libtest begins tests in the order of their names, so that a long one may
/// begin when all others are done.
fn in_threads(work: &Work, ms: u64, threads: usize) -> u64 {
    let each = share_of_rest(work, ms);
    let mut tests: Vec<&(String, u64)> = work.tests.iter().collect();
    tests.sort();
    let mut busy_until = vec![0; threads];
    for (_, ms) in tests {
        if let Some(first) = busy_until.iter_mut().min() {
            *first += ms + each;
        }
    }
    busy_until.into_iter().max().unwrap_or(0)
}

/// What no test's duration accounts for is the same for each of them.
fn share_of_rest(work: &Work, ms: u64) -> u64 {
    let known: u64 = work.tests.iter().map(|(_, ms)| ms).sum();
    ms.saturating_sub(known) / work.tests.len().max(1) as u64
}

/// All pieces but the last: each takes the longest tests that are left and fit into its share.
fn pieces(work: &Work, ms: u64, count: usize) -> Vec<Piece> {
    let each = share_of_rest(work, ms);
    let share = ms / count as u64;
    let mut left: Vec<(&str, u64)> = work.tests.iter().map(|(name, ms)| (name.as_str(), ms + each)).collect();
    let mut chars = 0;
    let mut found = Vec::new();
    for _ in 1..count {
        let mut piece = Piece { names: Vec::new(), ms: 0 };
        left.retain(|(name, ms)| {
            let fits = piece.names.is_empty() || piece.ms + ms <= share;
            let speakable = chars + name.len() < NAME_CHARS_MAX;
            if fits && speakable {
                chars += name.len() + "--skip  ".len();
                piece.ms += ms;
                piece.names.push((*name).to_owned());
            }
            !(fits && speakable)
        });
        if piece.ms < PIECE_MS_MIN || left.is_empty() {
            break;
        }
        found.push(piece);
    }
    let apart: u64 = found.iter().map(|piece| piece.ms).sum();
    if ms.saturating_sub(apart) < PIECE_MS_MIN { Vec::new() } else { found }
}

/// The words with which a piece is run: only these tests.
pub(super) fn only(names: &[String]) -> Vec<String> {
    std::iter::once("--exact".to_owned()).chain(names.iter().cloned()).collect()
}

/// The words with which the last piece is run: all tests but these.
pub(super) fn all_but(pieces: &[Piece]) -> Vec<String> {
    let names = pieces.iter().flat_map(|piece| &piece.names);
    let skips = names.flat_map(|name| ["--skip".to_owned(), name.clone()]);
    std::iter::once("--exact".to_owned()).chain(skips).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(tests: &[(&str, u64)], rest_ms: u64) -> Work {
        let tests: Vec<(String, u64)> = tests.iter().map(|(name, ms)| ((*name).to_owned(), *ms)).collect();
        let ms = tests.iter().map(|(_, ms)| ms).sum::<u64>() + rest_ms;
        Work { ms: Some(ms), then_ms: 0, tests, splits: true, threads: Threads::Ours }
    }

    /// Two processors, nothing running.
    fn room(waiting: usize, waiting_ms: u64) -> Room {
        Room { free: 2, lanes: 2, idle: 1, waiting, waiting_ms }
    }

    #[track_caller]
    fn split(spread: &Spread, expected: &[&[&str]]) {
        let Spread::Split(pieces) = spread else { panic!("{spread:?}") };
        let names: Vec<Vec<&str>> =
            pieces.iter().map(|piece| piece.names.iter().map(String::as_str).collect()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn the_only_binary_gets_all_processors() {
        let unknown = Work { threads: Threads::Ours, ..Work::default() };
        assert_eq!(spread(&unknown, room(0, 0)), Spread::Whole { threads: 2 });
        assert_eq!(spread(&work(&[("a", 50), ("b", 50)], 0), room(0, 0)), Spread::Whole { threads: 2 });
    }

    #[test]
    fn many_binaries_get_one_each() {
        let unknown = Work { threads: Threads::Ours, ..Work::default() };
        assert_eq!(spread(&unknown, room(5, 0)), Spread::Whole { threads: 1 });
        assert_eq!(spread(&work(&[("a", 900)], 0), room(3, 3000)), Spread::Whole { threads: 1 });
        let wide = Room { free: 8, lanes: 8, idle: 7, waiting: 1, waiting_ms: 0 };
        assert_eq!(spread(&unknown, wide), Spread::Whole { threads: 4 });
    }

    #[test]
    fn what_is_longer_than_its_share_is_spread() {
        let even = work(&[("a", 3000), ("b", 3000), ("c", 3000), ("d", 3000)], 0);
        assert_eq!(spread(&even, room(1, 1000)), Spread::Whole { threads: 2 }, "threads cost nothing");
        let busy = Room { free: 1, ..room(1, 1000) };
        split(&spread(&even, busy), &[&["a", "b"]]);
        let serial = Work { threads: Threads::One, ..even };
        split(&spread(&serial, room(1, 1000)), &[&["a", "b"]]);
    }

    #[test]
    fn a_test_that_takes_as_long_as_all_others_is_run_beside_them() {
        let tests = [("long", 9000), ("a", 3000), ("b", 3000), ("c", 3000)];
        split(&spread(&work(&tests, 0), room(0, 0)), &[&["long"]]);
        let early = [("a_long_one", 9000), ("b", 3000), ("c", 3000), ("d", 3000)];
        assert_eq!(spread(&work(&early, 0), room(0, 0)), Spread::Whole { threads: 2 }, "it begins first");
        let four = Room { free: 4, lanes: 4, idle: 3, waiting: 0, waiting_ms: 0 };
        let tests = [("a", 5000), ("b", 4000), ("c", 3000), ("d", 2000), ("e", 2000)];
        split(&spread(&work(&tests, 0), four), &[&["a"], &["b"], &["c"]]);
    }

    #[test]
    fn what_is_short_is_not_split() {
        let serial = Work { threads: Threads::One, ..work(&[("a", 300), ("b", 300)], 0) };
        assert_eq!(spread(&serial, room(0, 0)), Spread::Whole { threads: 1 });
        let one_test = Work { threads: Threads::One, ..work(&[("a", 30_000)], 0) };
        assert_eq!(spread(&one_test, room(0, 0)), Spread::Whole { threads: 1 }, "there is nothing beside it");
    }

    #[test]
    fn what_the_user_decides_is_left_alone() {
        let theirs = Work { threads: Threads::NotOurs, ..work(&[("a", 9000), ("b", 9000)], 0) };
        assert_eq!(spread(&theirs, room(0, 0)), Spread::Whole { threads: 1 });
        let words = Work { splits: false, threads: Threads::One, ..work(&[("a", 9000), ("b", 9000)], 0) };
        assert_eq!(spread(&words, room(0, 0)), Spread::Whole { threads: 1 });
    }

    #[test]
    fn names_in_pieces_have_a_limit_and_nothing_is_in_two() {
        let many: Vec<(String, u64)> = (0..5000).map(|n| (format!("module::test_number_{n}"), 10)).collect();
        let work = Work { ms: Some(50_000), tests: many, splits: true, threads: Threads::One, then_ms: 0 };
        let Spread::Split(pieces) = spread(&work, room(0, 0)) else { panic!("it is long") };
        let words = all_but(&pieces);
        assert!(words.iter().map(|word| word.len() + 1).sum::<usize>() < 32_000);
        let mut names: Vec<&String> = pieces.iter().flat_map(|piece| &piece.names).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len() * 2 + 1, words.len());
    }

    #[test]
    fn old_qemu_gets_one_thread_and_new_one_more() {
        let of = |version| threads_of(Kind::QemuUser, Some(version));
        assert_eq!(of("qemu-aarch64 version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u16)"), Threads::One);
        assert_eq!(of("9.0.1"), Threads::One);
        assert_eq!(of("9.0.2"), Threads::Ours);
        assert_eq!(of("qemu-s390x version 10.0.3"), Threads::Ours);
        assert_eq!(of("unknown"), Threads::One);
        assert_eq!(threads_of(Kind::Wine, None), Threads::Ours);
    }
}
