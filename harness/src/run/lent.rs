//! The libraries that came with a native program, for where the host's own do not suit it: one is missing, or the C library
//! is older than what it was linked with.
//!
//! The host's come first, because a program is then started as any other: called by a loader, it finds the loader in
//! `/proc/self/exe`. That they do not suit is told by the loader, and by nothing that is cheaper to ask.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::launch::Launch;
use triplecheck_emulators::lookup::Options;

use crate::archive;
use crate::observation::{End, Observation};

/// What glibc's loader says when it starts nothing: with 127 of a library that is missing, with 1 of one that is too old.
const MISSING: &str = "error while loading shared libraries";
const TOO_OLD: [&str; 2] = ["version `", "' not found (required by"];

/// The loader's own words, where it refused the program.
pub(super) fn refusal(seen: &Observation) -> Option<String> {
    if !matches!(seen.end, End::Exited { code: 1 | 127 }) || !seen.stdout.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&seen.stderr);
    let refused = |line: &&str| line.contains(MISSING) || TOO_OLD.iter().all(|part| line.contains(part));
    text.lines().find(refused).map(str::to_owned)
}

/// The start of a program by the loader that came with it; `None` where none did.
pub(super) fn launch(options: &Options, program: &Path, launch: &Launch) -> Option<Launch> {
    let Ok(Binary::Elf(elf)) = Binary::read(program) else { return None };
    let interpreter = elf.interpreter?;
    let of = |root: &PathBuf| {
        let loader = root.join(interpreter.trim_start_matches('/'));
        loader.is_file().then(|| (loader, root.clone()))
    };
    let (loader, root) = options.sysroots.iter().find_map(of)?;
    let below = archive::files_below(&root).ok()?;
    let dirs: BTreeSet<PathBuf> =
        below.values().filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
    let path = std::env::join_paths(options.library_path.iter().cloned().chain(dirs)).ok()?;
    let prefix: Vec<OsString> = vec![loader.into(), "--library-path".into(), path];
    Some(Launch { prefix, sysroot: Some(root), ..launch.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_loaders_and_not_the_programs() {
        let seen = |code, stdout: &str, stderr: &str| Observation {
            end: End::Exited { code },
            stdout: stdout.into(),
            stderr: stderr.into(),
            files: std::collections::BTreeMap::new(),
            wall: std::time::Duration::ZERO,
            cpu: std::time::Duration::ZERO,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            emulator_log: Vec::new(),
            roots: Vec::new(),
        };
        let missing = "./p: error while loading shared libraries: libx.so.1: cannot open shared object file: No such file or directory\n";
        let old = "./p: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by ./p)\n";
        assert_eq!(refusal(&seen(127, "", missing)).as_deref(), Some(missing.trim_end()));
        assert_eq!(refusal(&seen(1, "", old)).as_deref(), Some(old.trim_end()));
        assert_eq!(refusal(&seen(1, "", "version `2' is wrong\n")), None);
        assert_eq!(refusal(&seen(1, "it ran\n", old)), None, "who has printed was started");
        assert_eq!(refusal(&seen(0, "", missing)), None);
    }

    #[test]
    fn a_program_is_called_by_the_loader_that_came_with_it() {
        // Some dynamic program of this machine's, which is all that matters.
        let program = Path::new("/bin/sh");
        let Ok(Binary::Elf(elf)) = Binary::read(program) else { return };
        let Some(interpreter) = elf.interpreter else { return };
        let dir = tempfile::tempdir().unwrap();
        let loader = dir.path().join(interpreter.trim_start_matches('/'));
        let native = Launch {
            emulator: triplecheck_emulators::launch::Emulator {
                kind: triplecheck_emulators::launch::Kind::Native,
                program: None,
                cpu: None,
            },
            prefix: Vec::new(),
            env: Vec::new(),
            sysroot: None,
            preparation: None,
        };
        let options = Options {
            sysroots: vec![dir.path().to_owned()],
            library_path: vec!["/own".into()],
            ..Options::default()
        };
        assert_eq!(launch(&options, program, &native), None, "no loader came with it");
        for file in [&loader, &dir.path().join("usr/lib/libx.so")] {
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, "").unwrap();
        }
        let launch = launch(&options, program, &native).unwrap();
        let words: Vec<String> = launch.prefix.iter().map(|word| word.display().to_string()).collect();
        assert_eq!((words[0].as_str(), words[1].as_str()), (loader.to_str().unwrap(), "--library-path"));
        let dirs: Vec<&str> = words[2].split(':').collect();
        assert_eq!(dirs[0], "/own");
        assert!(dirs.contains(&dir.path().join("usr/lib").to_str().unwrap()), "{dirs:?}");
    }
}
