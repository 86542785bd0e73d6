//! Files of the host: its own programs, links, and what is no file at all.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use triplecheck_emulators::binary::{Binary, UnreadableBinary};
use triplecheck_emulators::target::Endian;

use crate::images::ElfImage;
use crate::sources::Counted;

#[cfg(target_os = "linux")]
#[test]
fn this_very_program_is_read_as_what_it_was_built_for() {
    let Ok(Binary::Elf(elf)) = Binary::read(Path::new("/proc/self/exe")) else {
        panic!("{:?}", Binary::read(Path::new("/proc/self/exe")));
    };
    assert_eq!(elf.endian, if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little });
    assert!(elf.executable && elf.complete);
    if cfg!(not(target_abi = "x32")) {
        assert_eq!(u32::from(elf.bits), usize::BITS);
    }
    if let Some(machine) = [("x86_64", 62), ("aarch64", 183), ("riscv64", 243), ("s390x", 22)]
        .into_iter()
        .find_map(|(arch, machine)| (arch == std::env::consts::ARCH).then_some(machine))
    {
        assert_eq!(elf.machine, machine);
    }
    if cfg!(target_env = "gnu") && cfg!(not(target_feature = "crt-static")) {
        assert!(elf.needed.iter().any(|name| name.starts_with("libc.so")), "{:?}", elf.needed);
        assert!(Path::new(&elf.interpreter.unwrap()).exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_usual_program_takes_a_handful_of_reads() {
    let file = File::open("/proc/self/exe").unwrap();
    let counted = Counted::new(&file);
    Binary::read_from(&counted).unwrap();
    assert!(counted.reads.get() <= 6, "{} reads", counted.reads.get());
    assert!(counted.bytes.get() <= 16 * 1024, "{} bytes", counted.bytes.get());
}

#[test]
fn links_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("program");
    fs::write(&program, ElfImage::program(64, Endian::Big, 22).build()).unwrap();
    symlink("program", dir.path().join("link")).unwrap();
    symlink("link", dir.path().join("second")).unwrap();
    assert_eq!(Binary::read(&dir.path().join("second")).unwrap(), Binary::read(&program).unwrap(),);
}

#[test]
fn what_is_not_there_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    for name in ["missing", "missing/program", "dangling", "file/program"] {
        let answer = Binary::read(&dir.path().join(name));
        assert!(matches!(answer, Err(UnreadableBinary::NotFound)), "{name}: {answer:?}");
    }
}

#[test]
fn neither_a_directory_nor_a_fifo_nor_a_device_is_opened_as_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    // Opening a fifo that nobody writes to would wait for ever.
    for path in [dir.path(), &fifo, Path::new("/dev/null"), Path::new("/dev/zero")] {
        let answer = Binary::read(path);
        assert!(matches!(answer, Err(UnreadableBinary::NotAFile(_))), "{}: {answer:?}", path.display());
    }
}

#[test]
fn a_link_that_leads_to_itself_is_an_error_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    symlink("loop", dir.path().join("loop")).unwrap();
    let answer = Binary::read(&dir.path().join("loop"));
    assert!(matches!(answer, Err(UnreadableBinary::Io(_))), "{answer:?}");
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(Binary::read(file.path()), Err(UnreadableBinary::Empty)));
}
