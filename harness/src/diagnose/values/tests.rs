use proptest::prelude::*;

use super::*;
use crate::diagnose::cause::Class;

const HOST: &str = "x86_64-unknown-linux-gnu";
const A64: &str = "aarch64-unknown-linux-gnu";
const ARMV7: &str = "armv7-unknown-linux-gnueabihf";
const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const PPC64LE: &str = "powerpc64le-unknown-linux-gnu";
const RISCV: &str = "riscv64gc-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const WASI: &str = "wasm32-wasip1";

fn class_between(native: &str, target: &str, from: &str, to: &str) -> Option<Class> {
    let (from, to) = (Target::parse(from).unwrap(), Target::parse(to).unwrap());
    cause(&[Lines { native, target }], &Sides::of(&from, &to)).map(|cause| cause.class)
}

#[track_caller]
fn check(native: &str, target: &str, triple: &str, expected: Option<Class>) {
    assert_eq!(class_between(native, target, HOST, triple), expected, "{native} | {target} on {triple}");
}

/// Said of a target that differs in the respect, and not of one that does not.
#[track_caller]
fn tells(native: &str, target: &str, class: Class, differing: &str, alike: &str) {
    check(native, target, differing, Some(class));
    assert_ne!(class_between(native, target, HOST, alike), Some(class), "{native} | {target} on {alike}");
}

#[test]
fn reversed_bytes_are_byte_order() {
    let reversed = |native, target| tells(native, target, Class::ByteOrder, S390X, A64);
    reversed("n = 0x01020304", "n = 0x04030201");
    reversed("16909060", "67305985");
    reversed("-2", "-16777217");
    reversed("checksum 31474dc9", "checksum c94d4731");
    reversed("header [49, 4d, 80, 02, 00, 00]", "header [49, 4d, 00, 00, 02, 80]");
    reversed("[1, 2]", "[2, 1]");
    reversed("version 1.2.3.4", "version 4.3.2.1");
    reversed("id 00112233445566770a0b", "id 33221100776655440b0a");
    reversed("1.5", "3.13984e-319");
    reversed("order little", "order big");
}

#[test]
fn a_byte_with_and_without_sign_is_char() {
    tells("c=-56", "c=200", Class::CharSign, A64, I686);
    tells("first ffffffc8", "first c8", Class::CharSign, A64, I686);
    tells("sum 61", "sum 573", Class::CharSign, RISCV, WINDOWS);
    check("c=-56", "c=201", A64, None);
}

#[test]
fn narrower_words_are_told_apart_from_a_short_long() {
    tells("4294967296", "0", Class::PointerWidth, ARMV7, A64);
    tells("1310720 blocks", "262144 blocks", Class::PointerWidth, WASI, A64);
    tells("18446744073709551615", "4294967295", Class::PointerWidth, I686, S390X);
    tells("9223372036854775807", "2147483647", Class::PointerWidth, I686, S390X);
    tells("8", "4", Class::PointerWidth, ARMV7, A64);
    tells("18446744073709551615", "4294967295", Class::PointerWidth, ARMV7, A64);
    tells("long 8", "long 4", Class::LongWidth, WINDOWS, A64);
    tells("15! = 1307674368000", "15! = 2004310016", Class::LongWidth, WINDOWS, A64);
    tells("record of 20 bytes", "record of 12 bytes", Class::PointerWidth, ARMV7, A64);
}

#[test]
fn layouts_are_told_apart_from_words() {
    tells("record of 24 bytes, aligned to 8", "record of 16 bytes, aligned to 4", Class::Layout, I686, ARMV7);
    tells("24 bytes, fields at 8 16", "20 bytes, fields at 4 12", Class::Layout, I686, A64);
    tells("size 48, align 16", "size 40, align 8", Class::Layout, S390X, A64);
    tells("entry of 32 bytes, aligned to 16", "entry of 24 bytes, aligned to 8", Class::Layout, ARMV7, A64);
    check(
        "two pointers: 16 bytes, aligned to 8",
        "two pointers: 8 bytes, aligned to 4",
        I686,
        Some(Class::PointerWidth),
    );
}

#[test]
fn floats_are_told_apart_by_what_their_machines_do() {
    tells("-2147483648", "2147483647", Class::FloatConversion, A64, WINDOWS);
    tells("-9223372036854775808", "0", Class::FloatConversion, A64, I686);
    tells("64 binary digits", "113 binary digits", Class::LongDouble, A64, WINDOWS);
    tells("0.3333333333333333333423684", "0.3333333333333333333333333", Class::LongDouble, S390X, WINDOWS);
    tells("sizeof(long double) = 16", "sizeof(long double) = 8", Class::LongDouble, ARMV7, WINDOWS);
    tells("0.30000000000000004", "0.30000000000000010", Class::FloatRounding, A64, ARMV7);
    check("0.30000000000000004", "0.31000000000000010", A64, None);
    check("-nan", "nan", A64, Some(Class::Nan));
    check("bits fff8000000000000", "bits 7ff8000000000000", RISCV, Some(Class::Nan));
    check("bits fff8000000000000", "bits 7ff0000000000000", RISCV, None);
}

#[test]
fn words_of_the_c_library_are_spellings() {
    tells("inf", "1.#INF", Class::Spelling, WINDOWS, A64);
    tells("parent (nil)", "parent 0000000000000000", Class::Spelling, WINDOWS, A64);
    tells("locale accepted", "locale refused", Class::Locale, WASI, A64);
    tells("1.5", "1,5", Class::Locale, WINDOWS, A64);
}

#[test]
fn systems_are_recognised_by_their_paths_names_and_lines() {
    tells("would write a/b", "would write a\\b", Class::PathForm, WINDOWS, A64);
    tells("/tmp/x", "Z:\\tmp\\x", Class::PathForm, WINDOWS, A64);
    tells("a:b", "a;b", Class::PathForm, WINDOWS, A64);
    tells("Readme.txt", "README.TXT", Class::NameCase, WINDOWS, A64);
    tells("08 0a 0b", "08 0d 0a", Class::LineEnding, WINDOWS, A64);
    tells("key v1-x86_64", "key v1-aarch64", Class::MachineName, A64, I686);
    tells("linux", "windows", Class::MachineName, WINDOWS, A64);
    tells("plugin-linux.bin", "plugin-.bin", Class::MachineName, WASI, HOST);
}

#[test]
fn sizes_of_system_types_are_recognised() {
    tells("4096", "65536", Class::PageSize, WASI, A64);
    tells("wchar_t 4", "wchar_t 2", Class::WideCharacter, WINDOWS, WASI);
    tells("the sixth is 1f980", "the sixth is d83e", Class::WideCharacter, WINDOWS, A64);
    tells("expires in 2100", "expires in 1963", Class::TimeWidth, I686, A64);
    tells("time 4102444800", "time -192522496", Class::TimeWidth, ARMV7, A64);
}

#[test]
fn a_cleared_value_may_be_a_shift_or_a_first_byte_and_the_same_words_are_an_order() {
    tells("mask 00001234", "mask 00000000", Class::ShiftCount, PPC64LE, A64);
    tells("mask 00001234", "mask 00000000", Class::ShiftCount, S390X, A64);
    tells("first byte 1", "first byte 0", Class::ByteOrder, S390X, A64);
    check("first byte 0", "first byte 1", S390X, None);
    check("3 2 1", "1 2 3", A64, Some(Class::Ordering));
    check("b a", "a b", A64, Some(Class::Ordering));
}

#[test]
fn what_explains_most_values_wins() {
    let lines = [
        Lines { native: "count 3", target: "count 4" },
        Lines { native: "c -56", target: "c 200" },
        Lines { native: "n 0x01020304", target: "n 0x04030201" },
        Lines { native: "n 0x01020305", target: "n 0x05030201" },
    ];
    let (native, target) = (Target::parse(HOST).unwrap(), Target::parse(S390X).unwrap());
    let cause = cause(&lines, &Sides::of(&native, &target)).unwrap();
    assert_eq!(cause.class, Class::ByteOrder);
}

#[test]
fn nothing_is_explained_by_what_both_targets_share() {
    for target in [A64, PPC64LE, RISCV] {
        check("0x01020304", "0x04030201", target, None);
        check("8", "4", target, None);
        check("left", "right", target, None);
        check("4294967296", "0", target, (target == PPC64LE).then_some(Class::ShiftCount));
    }
    check("-56", "200", I686, None);
    check("left", "right", S390X, None);
    check("12", "13", ARMV7, None);
}

fn triple() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![A64, ARMV7, I686, S390X, PPC64LE, RISCV, WINDOWS, WASI, HOST])
}

proptest! {
    #[test]
    fn no_cause_is_named_for_equal_lines(line in ".*", number: i128, triple in triple()) {
        prop_assert_eq!(class_between(&line, &line, HOST, triple), None);
        let text = format!("{line} {number} {number:x}");
        prop_assert_eq!(class_between(&text, &text, HOST, triple), None);
    }

    #[test]
    fn two_builds_for_one_target_share_everything_but_order_and_nan(left in "[ -~]*", right in "[ -~]*") {
        for triple in [HOST, S390X, WINDOWS, I686] {
            let class = class_between(&left, &right, triple, triple);
            prop_assert!(matches!(class, None | Some(Class::Ordering | Class::Nan)), "{:?}", class);
        }
    }

    #[test]
    fn any_lines_are_read_without_a_panic(left: String, right: String, triple in triple()) {
        let _ = class_between(&left, &right, HOST, triple);
    }

    #[test]
    fn every_number_is_recognised_by_its_reversed_bytes(number: u32, wide: u64) {
        prop_assume!(number != number.swap_bytes() && wide != wide.swap_bytes());
        let class = |left: String, right: String| class_between(&left, &right, HOST, S390X);
        let hex = |value: u64| format!("{value:016x}");
        prop_assert_eq!(class(hex(wide), hex(wide.swap_bytes())), Some(Class::ByteOrder));
        prop_assert_eq!(class(wide.to_string(), wide.swap_bytes().to_string()), Some(Class::ByteOrder));
        let short = (number.to_string(), number.swap_bytes().to_string());
        prop_assert_eq!(class(short.0, short.1), Some(Class::ByteOrder));
    }
}
