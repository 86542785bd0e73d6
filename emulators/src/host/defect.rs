//! Why a file that has an emulator's name and may be executed is none that works.
//!
//! A shell would run such a file as a script, the kernel would say that its format is wrong, and a hook that is
//! linked to its own emulator's name would start itself: each ends with a status and a text that nobody reads as
//! "the emulator is broken". So the file is looked at before it is trusted.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Host, LocalHost};
use crate::binary::Binary;
use crate::lookup::subject::machine_of;

/// What is wrong with the program; `None` where it answers.
pub(super) fn of(host: &LocalHost, program: &Path) -> Option<String> {
    if is_own(program) {
        return Some("a link to this program itself".to_owned());
    }
    let wrong = match Binary::read(program) {
        Err(error) => Some(error.to_string()),
        Ok(binary @ Binary::Elf(_)) => {
            let machine = machine_of(&binary);
            let starts = machine.is_some_and(|machine| host.executes(machine));
            (!starts).then(|| {
                format!("a program for {}", machine.map_or("another machine", |machine| machine.name))
            })
        }
        Ok(Binary::Script(script)) => (!host.is_file(Path::new(&script.interpreter)))
            .then(|| format!("a script whose interpreter `{}` is not there", script.interpreter)),
        Ok(Binary::MachO) => (host.os() != "macos").then(|| "a program of macOS".to_owned()),
        Ok(Binary::Pe(_) | Binary::Wasm(_)) => Some("no program of this host's system".to_owned()),
    };
    wrong.or_else(|| host.version(program).is_none().then(|| "it does not answer `--version`".to_owned()))
}

/// Whether the file, through all links, is the one that is running.
pub(super) fn is_own(program: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    // Where the kernel shows it, the file itself; its path may be another's by now.
    let own = identity(Path::new("/proc/self/exe"))
        .or_else(|| std::env::current_exe().ok().and_then(|path| identity(&path)));
    own.is_some() && own == identity(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::write_program;

    #[test]
    fn what_only_looks_like_an_emulator_is_told_from_one_that_answers() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let host = || LocalHost::new().with_variable("TRIPLECHECK_CACHE", Some(cache.clone().into()));
        // Machine 0 is nobody's.
        let mut foreign = vec![0_u8; 64];
        foreign[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (bytes, expected) in [
            (&b"#!/bin/sh\necho tool version 1.2\n"[..], None),
            (b"#!/bin/sh\nexit 1\n", Some("does not answer")),
            (b"#!/bin/sh\n", Some("does not answer")),
            (b"#!/nowhere/sh\n", Some("interpreter `/nowhere/sh`")),
            (b"hello\n", Some("not a program")),
            (b"", Some("empty")),
            (&foreign, Some("another machine")),
        ] {
            let program = dir.path().join("tool");
            write_program(&program, bytes, 0o755);
            let defect = of(&host(), &program);
            match (&defect, expected) {
                (None, None) => {}
                (Some(text), Some(words)) => assert!(text.contains(words), "{text}"),
                _ => panic!("{defect:?} instead of {expected:?}"),
            }
        }
        let link = dir.path().join("qemu-aarch64");
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &link).unwrap();
        assert!(is_own(&link) && of(&host(), &link).unwrap().contains("itself"));
        assert!(!is_own(dir.path()) && !is_own(&dir.path().join("absent")));
    }
}
