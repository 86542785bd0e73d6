//! Archives that somebody made to do harm, and such that were damaged.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tar::EntryType;

use super::{Limits, files_below, is_ours, pack, relative, unpack, zstd};

/// An entry: its kind, its name as it is written, where it links to, and its bytes.
type Entry<'a> = (EntryType, &'a str, &'a str, &'a [u8]);

fn tar_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, link, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o6777);
        header.set_size(bytes.len() as u64);
        // Written as it is: the library would refuse to.
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// What unpacking these bytes comes to, and that nothing was written beside the place for it.
#[track_caller]
fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("x.tar.zst");
    fs_err::write(&archive, bytes).unwrap();
    let into = dir.path().join("into");
    fs_err::create_dir(&into).unwrap();
    let result = unpack(&archive, &into, &limits);
    let beside: Vec<String> = files_below(dir.path()).unwrap().into_keys().collect();
    assert!(beside.iter().all(|name| name == "x.tar.zst" || name.starts_with("into/")), "{beside:?}");
    result.map_err(|error| error.render()).map(|()| files_below(&into).unwrap().into_keys().collect())
}

fn compressed(tar: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    zstd::compress(tar, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn refused(entries: &[Entry<'_>], words: &str) {
    let told = unpacked(&compressed(&tar_of(entries)), Limits::USUAL).unwrap_err();
    assert!(told.contains(words) && told.contains("x.tar.zst"), "`{words}` is not in: {told}");
}

#[test]
fn nothing_is_written_outside_of_the_place() {
    for name in ["/etc/x", "../x", "a/../../x", "..", "a/..", "", "a\\..\\x"] {
        refused(&[(EntryType::Regular, name, "", b"1")], "outside of its place");
        refused(&[(EntryType::Directory, name, "", b"")], "outside of its place");
    }
    let long = [&b"../"[..], &[b'a'; 200], b"\0"].concat();
    refused(
        &[(EntryType::GNULongName, "././@LongLink", "", &long), (EntryType::Regular, "x", "", b"1")],
        "outside of its place",
    );
    let pax = b"19 path=../../../x\n";
    refused(
        &[(EntryType::XHeader, "h", "", pax), (EntryType::Regular, "x", "", b"1")],
        "outside of its place",
    );
}

#[test]
fn links_devices_and_pipes_are_refused() {
    for (kind, words) in [
        (EntryType::Symlink, "holds a link"),
        (EntryType::Link, "holds a link"),
        (EntryType::Char, "holds a device"),
        (EntryType::Block, "holds a device"),
        (EntryType::Fifo, "holds a named pipe"),
        (EntryType::GNUSparse, "holds a file with holes"),
        (EntryType::new(b'V'), "holds something that is no file"),
    ] {
        refused(&[(kind, "x", "/etc/passwd", b"")], words);
    }
    // Through a link that is inside, a later entry would be written outside.
    refused(&[(EntryType::Symlink, "a", "/tmp", b""), (EntryType::Regular, "a/x", "", b"1")], "holds a link");
}

#[test]
fn no_entry_changes_what_another_one_made() {
    let file = |name| (EntryType::Regular, name, "", &b"1"[..]);
    refused(&[file("x"), file("x")], "two entries for `x`");
    refused(&[file("x"), file("x/y")], "two entries for `x/y`");
    refused(&[file("x/y"), file("x")], "two entries for `x`");
}

#[test]
fn there_are_limits_to_entries_bytes_and_the_ratio() {
    let few = Limits { entries_max: 2, bytes_max: 1 << 30, ratio_max: 1000 };
    let three = ["a", "b", "c"].map(|name| (EntryType::Regular, name, "", &b"1"[..]));
    let told = unpacked(&compressed(&tar_of(&three)), few).unwrap_err();
    assert!(told.contains("more than 2 entries"), "{told}");

    let small = Limits { bytes_max: 4096, ..few };
    let bytes = vec![7; 8192];
    let told = unpacked(&compressed(&tar_of(&[(EntryType::Regular, "a", "", &bytes)])), small).unwrap_err();
    assert!(told.contains("more than 4096 bytes"), "{told}");

    let zeros = vec![0; 80 << 20];
    let bomb = compressed(&tar_of(&[(EntryType::Regular, "a", "", &zeros)]));
    let tight = Limits { ratio_max: 100, ..few };
    let told = unpacked(&bomb, tight).unwrap_err();
    assert!(told.contains("more than 100 times its size"), "{} bytes: {told}", bomb.len());

    let name = vec![b'a'; 100_000];
    refused(&[(EntryType::GNULongName, "l", "", &name)], "a name or a header of 100000 bytes");
}

#[test]
fn an_archive_that_is_cut_short_or_none_is_told() {
    let text: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let whole =
        compressed(&tar_of(&[(EntryType::Regular, "a", "", &text), (EntryType::Regular, "b", "", b"1")]));
    assert_eq!(unpacked(&whole, Limits::USUAL).unwrap(), ["a", "b"]);
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        let told = unpacked(&whole[..length], Limits::USUAL).unwrap_err();
        assert!(told.contains("damaged, cut short, or no `.tar.zst`"), "{length}: {told}");
    }
    for none in [
        &b"no archive"[..],
        &compressed(b"no tar, and long enough to be read as a header? ".repeat(20).as_slice()),
    ] {
        assert!(unpacked(none, Limits::USUAL).unwrap_err().contains("damaged"), "{none:?}");
    }
    // The file inside is shorter than its header says, and then everything ends.
    let tar = tar_of(&[(EntryType::Regular, "a", "", &text)]);
    assert!(unpacked(&compressed(&tar[..4096]), Limits::USUAL).unwrap_err().contains("damaged"));
    assert!(unpacked(&compressed(&tar_of(&[])), Limits::USUAL).unwrap_err().contains("is empty"));
}

/// A valid archive to spoil.
fn valid() -> Vec<u8> {
    let text: Vec<u8> = (0..2_000_u32).flat_map(|number| format!("{number} ").into_bytes()).collect();
    compressed(&tar_of(&[(EntryType::Regular, "a", "", &text), (EntryType::Directory, "b", "", b"")]))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_a_panic(bytes in vec(any::<u8>(), 0..600), whole in any::<bool>()) {
        let magic = if whole { Vec::new() } else { vec![0x28, 0xb5, 0x2f, 0xfd] };
        let _ = unpacked(&[magic, bytes].concat(), Limits::USUAL);
    }

    #[test]
    fn no_damage_is_a_panic(places in vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut bytes = valid();
        for (index, byte) in places {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = unpacked(&bytes, Limits::USUAL);
    }
}

#[test]
fn what_is_packed_is_unpacked_and_the_same_files_are_the_same_bytes() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    for name in ["a", "b/c", &long] {
        let path = from.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, name).unwrap();
    }
    fs_err::set_permissions(from.join("a"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let packed = |name: &str| {
        let archive = dir.path().join(name);
        pack(&files_below(&from).unwrap(), &archive).unwrap();
        archive
    };
    let (one, two) = (packed("1.tar.zst"), packed("2.tar.zst"));
    assert_eq!(fs_err::read(&one).unwrap(), fs_err::read(&two).unwrap());
    let into = dir.path().join("into");
    fs_err::create_dir(&into).unwrap();
    unpack(&one, &into, &Limits::USUAL).unwrap();
    super::verify(&into, &one).unwrap();
    assert!(is_ours(&one) && !is_ours(&from.join("a")));
    let other = dir.path().join("other.tar.zst");
    fs_err::write(&other, compressed(&tar_of(&[(EntryType::Regular, "B3SUMS.txt", "", b"1")]))).unwrap();
    assert!(!is_ours(&other));
    let mode = |name: &str| fs_err::metadata(into.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("a") & 0o111, 0o111);
    assert_eq!(mode("b/c") & 0o6111, 0);
    assert_eq!(fs_err::read_to_string(into.join(&long)).unwrap(), long);
    assert!(pack(&files_below(&from).unwrap(), Path::new("/proc/none/x.tar.zst")).is_err());
}

#[test]
fn a_name_leads_nowhere_but_down() {
    for name in ["a", "a/b.c", "a//b", "a/b/"] {
        assert!(relative(name).is_some(), "{name}");
    }
    for name in ["", "/", "/etc/passwd", "..", "a/../b", "../a", "./a", "C:\\a", "a\\..\\b", "a\0b"] {
        assert_eq!(relative(name), None, "{name:?}");
    }
}
