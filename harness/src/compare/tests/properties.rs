//! What holds of any two outputs. `TRIPLECHECK_PROPERTY_CASES=1000000` looks longer.

use proptest::prelude::*;

use super::*;
use crate::compare::noise::Noisy;

fn config() -> ProptestConfig {
    let cases = std::env::var("TRIPLECHECK_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(256), failure_persistence: None, ..ProptestConfig::default() }
}

/// Text made of what the rules look at, so that random pairs come near to them.
fn near_rules() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "nan",
        "-nan",
        "nan(ind)",
        "1.#QNAN",
        "inf",
        "-inf",
        "1.#INF",
        "(nil)",
        "0",
        "0x0",
        "0000000000000000",
        "1e+10",
        "1e+010",
        "0xc.8p+0",
        "0x1.9p+3",
        "thread 'a' (",
        ") panicked at ",
        "test result: ok; finished in ",
        "0.5s",
        "/tmp/n/cwd",
        "/tmp/t/cwd",
        "Z:\\tmp\\t\\cwd",
        "/tmp/n/cwd/bin/prog",
        "\\x",
        "/x",
        "\x1b[31m",
        "\x1b[0m",
        "\x1b]",
        "\x07",
        "\r",
        "\n",
        "\r\n",
        " ",
        "  ",
        "\t",
        ".",
        "-",
        "+",
        ":",
        "'",
        "\"",
        "1",
        "12",
        "1.5",
        "-0.0",
        "v1.2.3",
        "12:30",
        "2024-02-29",
        "é",
        "\0",
        "a",
    ];
    let part = prop_oneof![
        9 => proptest::sample::select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// Ways of writing an integer, in several bases and widths.
fn write(number: i64, style: usize) -> String {
    match style {
        0 => number.to_string(),
        1 => format!("{number:#x}"),
        2 => format!("{number:x}"),
        3 => format!("{number:X}"),
        4 => format!("{number:#o}"),
        5 => format!("{number:#b}"),
        6 => format!("{number:010}"),
        7 => format!("{number:+}"),
        8 => format!("{number:016x}"),
        _ => format!("{number:>12}"),
    }
}

fn how_with_tolerance() -> How {
    let float = Tolerance { ulps: 1 << 40, abs: 1e30, rel: 0.9, single: false, zeros_equal: true };
    How { float, ..How::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn comparing_is_reflexive(text in near_rules(), other: Vec<u8>) {
        for emulator in [Kind::QemuUser, Kind::Wine] {
            let observation = seen(&text, &other, "/tmp/n/cwd");
            let (native, target) = (side(&observation, Kind::Native), side(&observation, emulator));
            let result = compare(native, target, &how_with_tolerance());
            prop_assert!(result.is_equal());
        }
    }

    #[test]
    fn comparing_is_total_and_symmetric_in_verdict(
        a in near_rules(),
        b in prop_oneof![near_rules(), any::<Vec<u8>>()],
        emulator in proptest::sample::select(&[Kind::QemuUser, Kind::Wine][..]),
        asked: bool,
    ) {
        let how = if asked { how_with_tolerance() } else { How::default() };
        let (n, t) = (seen(&a, b"", "/tmp/n/cwd"), seen(&b, b"", "/tmp/t/cwd"));
        let forth = compare(side(&n, Kind::Native), side(&t, emulator), &how);
        let back = compare(side(&t, emulator), side(&n, Kind::Native), &how);
        prop_assert_eq!(forth.is_equal(), back.is_equal());
        for difference in &forth.differences {
            let marked = difference.marks.iter().all(|mark| {
                difference.native.get(mark.native.0..mark.native.1).is_some()
                    && difference.target.get(mark.target.0..mark.target.1).is_some()
            });
            prop_assert!(marked, "{:?}", difference);
        }
    }

    #[test]
    fn how_lines_begin_alike_decides_nothing(common in near_rules(), a in near_rules(), b in near_rules()) {
        let observations = [seen(b"", b"", "/tmp/n/cwd"), seen(b"", b"", "/tmp/t/cwd")];
        let dialects = [side(&observations[0], Kind::Native), side(&observations[1], Kind::Wine)].map(Dialect::of);
        let how = How::default();
        let ground = Ground { native: &dialects[0], target: &dialects[1], how: &how };
        let lines = [a, b].map(|end| [&common[..], &end].concat());
        // A line that has noise, if only where no token is, is walked from its beginning.
        let walked = line::equal(&lines[0], &lines[1], ground, &Noisy(BTreeSet::from([usize::MAX])));
        prop_assert_eq!(line::equal(&lines[0], &lines[1], ground, Noisy::NONE), walked);
    }

    #[test]
    fn text_without_anything_for_a_rule_is_equal_only_to_itself(a in "[a-z0-9 .:-]{0,40}", b in "[a-z0-9 .:-]{0,40}") {
        let words = |text: &str| text.contains("nan") || text.contains("inf");
        prop_assume!(!words(&a) && !words(&b));
        let result = outputs(a.as_bytes(), b.as_bytes(), Kind::Wine, &How::default());
        prop_assert_eq!(result.is_equal(), a == b);
    }

    #[test]
    fn two_different_integers_are_never_equal(
        left: i64,
        delta in prop_oneof![Just(1i64), any::<i64>()],
        style in 0usize..10,
        // Nothing that would make another thing of the number than an integer: a time, a float, a thread's id.
        before in "([a-zA-Z_/\\\\\"'(\\[{<#$%&*|;=,~ \t\x1b-]*[a-zA-Z_\"'(\\[{<#$%&*|;=, \t-])?",
        after in "([)\\]}>%,;!?\"'a-zA-Z_ \t\r/|-][a-zA-Z0-9_.)\\]}>%,;!?\"' \t\r/|-]*)?",
        emulator in proptest::sample::select(&[Kind::QemuUser, Kind::Wine][..]),
    ) {
        let right = left.wrapping_add(delta);
        prop_assume!(left != right);
        let line = |number| format!("{before}{}{after}\n", write(number, style));
        for how in [How::default(), how_with_tolerance()] {
            let result = outputs(line(left).as_bytes(), line(right).as_bytes(), emulator, &how);
            prop_assert!(!result.is_equal(), "{:?} {:?}", line(left), line(right));
        }
    }

    #[test]
    fn noise_never_hides_what_is_stable(stable: u32, other: u32, noisy in proptest::array::uniform3(any::<u16>())) {
        prop_assume!(stable != other);
        let text = |noise: u16, stable: u32| format!("pid {noise} gives {stable}\n");
        let runs = [seen(text(noisy[0], stable).as_bytes(), b"", "/n"), seen(text(noisy[1], stable).as_bytes(), b"", "/n")];
        let native = side(&runs[0], Kind::Native);
        let varying = noise(native, side(&runs[1], Kind::Native), &How::default()).unwrap();
        let target = seen(text(noisy[2], other).as_bytes(), b"", "/t");
        let result = compare_beside(native, side(&target, Kind::QemuUser), &How::default(), &varying);
        prop_assert!(!result.is_equal());
    }
}
