//! What glibc's loader asks first: `ld.so.cache`, in the machine's own form. A machine that is booted from a disk has one;
//! the host's is of no use to a foreign program, whose loader then tries hundreds of paths for each library (on s390x 777,
//! for the features that a processor may have), each of them a system call under emulation.
//!
//! The format is that of glibc's `sysdeps/generic/dl-cache.h`, which loaders have read since 2.2.

use std::cmp::{Ordering, Reverse};

use triplecheck_emulators::binary::Elf;
use triplecheck_emulators::target::Endian;

/// `CACHEMAGIC_VERSION_NEW`.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

/// The bytes of a header and of an entry.
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;

/// `FLAG_ELF_LIBC6` and the machine's own flag, by our name of the machine.
const FLAGS: [(&str, u32); 6] = [
    ("x86_64", 0x0303),
    ("s390x", 0x0403),
    ("powerpc64le", 0x0503),
    ("aarch32", 0x0903),
    ("aarch64", 0x0a03),
    ("riscv64", 0x1003),
];

/// A cache with these libraries: their names, and where they are. `None` where the loader of such a program has another form.
pub(super) fn cache(machine: &str, elf: &Elf, libraries: &[(String, String)]) -> Option<Vec<u8>> {
    /// `EF_ARM_ABI_FLOAT_HARD`, and double precision of `EF_RISCV_FLOAT_ABI` (elf.h).
    const ARM_HARD: u32 = 0x400;
    const RISCV_DOUBLE: u32 = 0x4;
    let (_, flags) = FLAGS.iter().find(|(name, _)| *name == machine)?;
    let is_usual = match machine {
        "aarch32" => elf.flags & ARM_HARD != 0,
        "riscv64" => elf.flags & 0x6 == RISCV_DOUBLE,
        _ => true,
    };
    if !is_usual || libraries.is_empty() {
        return None;
    }
    let mut sorted: Vec<&(String, String)> = libraries.iter().collect();
    sorted.sort_by_key(|(name, _)| Reverse(Name(name.as_bytes())));
    let number = |value: usize| {
        let value = u32::try_from(value).ok()?;
        Some(match elf.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        })
    };
    let strings_at = HEADER_BYTES + sorted.len() * ENTRY_BYTES;
    let (mut entries, mut strings) = (Vec::new(), Vec::new());
    for (name, path) in &sorted {
        entries.extend(number(*flags as usize)?);
        for text in [name, path] {
            entries.extend(number(strings_at + strings.len())?);
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        }
        // For any version of the kernel and any processor.
        entries.extend([0; 12]);
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend(number(sorted.len())?);
    bytes.extend(number(strings.len())?);
    // `cache_file_new_flags_endian_little` and `_big`.
    bytes.push(if elf.endian == Endian::Little { 2 } else { 3 });
    bytes.resize(HEADER_BYTES, 0);
    bytes.extend(entries);
    bytes.extend(strings);
    Some(bytes)
}

/// A library's name in the order in which the loader looks for it (`_dl_cache_libcmp`): digits by the number that they are,
/// and after everything else.
#[derive(PartialEq, Eq)]
struct Name<'a>(&'a [u8]);

impl Ord for Name<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.0, other.0);
        loop {
            let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let order = match (digits(left), digits(right)) {
                (0, 0) => match (left.split_first(), right.split_first()) {
                    (Some((first, rest)), Some((other, others))) if first == other => {
                        (left, right) = (rest, others);
                        continue;
                    }
                    (first, other) => return first.map(|(byte, _)| byte).cmp(&other.map(|(byte, _)| byte)),
                },
                (0, _) => Ordering::Less,
                (_, 0) => Ordering::Greater,
                (one, two) => {
                    let significant = |digits: &[u8]| {
                        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
                        digits[zeros..].to_vec()
                    };
                    let (one_is, two_is) = (significant(&left[..one]), significant(&right[..two]));
                    (left, right) = (&left[one..], &right[two..]);
                    one_is.len().cmp(&two_is.len()).then(one_is.cmp(&two_is))
                }
            };
            if order != Ordering::Equal {
                return order;
            }
        }
    }
}

impl PartialOrd for Name<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(endian: Endian, flags: u32) -> Elf {
        Elf {
            bits: 64,
            endian,
            machine: 22,
            flags,
            load_address: None,
            interpreter: None,
            needed: Vec::new(),
            runpath: Vec::new(),
            executable: true,
            complete: true,
        }
    }

    fn libraries(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), format!("/lib/{name}"))).collect()
    }

    #[test]
    fn a_cache_has_the_loaders_form_and_the_machines_byte_order() {
        let bytes = cache("s390x", &elf(Endian::Big, 0), &libraries(&["libc.so.6"])).unwrap();
        let mut expected = b"glibc-ld.so.cache1.1\0\0\0\x01\0\0\0\x19\x03".to_vec();
        expected.resize(HEADER_BYTES, 0);
        expected.extend(*b"\0\0\x04\x03\0\0\0\x48\0\0\0\x52");
        expected.extend([0; 12]);
        expected.extend(*b"libc.so.6\0/lib/libc.so.6\0");
        assert_eq!(bytes, expected);
        let little = cache("riscv64", &elf(Endian::Little, 5), &libraries(&["libc.so.6"])).unwrap();
        assert_eq!(little[20..29], *b"\x01\0\0\0\x19\0\0\0\x02");
    }

    /// The order of a cache that `ldconfig` of glibc 2.36 wrote for these names.
    #[test]
    fn names_are_in_the_loaders_order() {
        let order = [
            "libstdc++.so.6",
            "libm.so.6",
            "libgcc_s.so.1",
            "libc.so.6",
            "liba.so.10",
            "liba.so.9",
            "liba-2.so",
        ];
        let mut mixed = libraries(&order);
        mixed.sort();
        let bytes = cache("aarch64", &elf(Endian::Little, 0), &mixed).unwrap();
        let strings = &bytes[HEADER_BYTES + order.len() * ENTRY_BYTES..];
        let names: Vec<&[u8]> = strings.split(|byte| *byte == 0).step_by(2).take(order.len()).collect();
        assert_eq!(names, order.map(str::as_bytes));
    }

    #[test]
    fn programs_of_an_unusual_interface_get_none() {
        assert_eq!(cache("riscv64", &elf(Endian::Little, 1), &libraries(&["libc.so.6"])), None);
        assert_eq!(cache("aarch32", &elf(Endian::Little, 0x200), &libraries(&["libc.so.6"])), None);
        assert_eq!(cache("mips", &elf(Endian::Big, 0), &libraries(&["libc.so.6"])), None);
    }
}
