//! A Windows program's start through our launcher, and the whole of its exit status.
//!
//! Wine's own status is the low byte of the program's, so that an access violation (0xC0000005) would be status 5; and it is
//! 0 when Wine's server was ended under the program. The launcher writes the status into a file, and where there is none
//! the program did not come to its end. It costs a second start of a Windows process, 15 ms, which is why `exec` does
//! without: there eight bits are all that its caller can be given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use triplecheck_emulators::launch::{Launch, Preparation};
use triplecheck_emulators::target::Target;

use crate::observation::End;
use crate::prepare::wine;

/// What is started instead of the program.
pub(super) struct Launched {
    /// The launcher.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// Where the status will be.
    pub(super) status: PathBuf,
}

/// The start of `program` through the launcher; `None` where it is no program of Wine's, or not for x86, whose machine code
/// the launcher is, or has a path that a Windows command line does not carry as it is.
pub(super) fn launched(
    launch: &Launch,
    target: &Target,
    program: &Path,
    args: &[OsString],
    dir: &Path,
) -> Option<Launched> {
    if !matches!(target.facts().arch, "x86" | "x86_64") {
        return None;
    }
    let Some(Preparation::WinePrefix { prefix, .. }) = &launch.preparation else { return None };
    let status = dir.join("status");
    let program = windows_path(&std::path::absolute(program).ok()?)?;
    let mut words: Vec<OsString> =
        vec![windows_path(&status)?.into(), program.clone().into(), "-".into(), program.into()];
    words.extend_from_slice(args);
    Some(Launched { program: wine::launcher_path(prefix), args: words, status })
}

/// `Z:\…`, as Wine shows the host's files.
fn windows_path(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '\n']))?;
    Some(format!("Z:{}", text.replace('/', "\\")))
}

/// How the program ended, from the file at `status` and from how Wine did.
pub(super) fn end(status: &Path, wine: End) -> End {
    if !matches!(wine, End::Exited { .. }) {
        return wine;
    }
    let Ok(record) = std::fs::read(status) else { return without_record(&wine) };
    let Ok([kind, value]) = <[u8; 8]>::try_from(record.as_slice()).map(words) else {
        return without_record(&wine);
    };
    match kind {
        1 => End::Exited { code: value },
        _ => End::NotStarted { why: refusal(value) },
    }
}

fn words(record: [u8; 8]) -> [u32; 2] {
    [0, 4].map(|at| u32::from_le_bytes(std::array::from_fn(|index| record[at + index])))
}

fn without_record(wine: &End) -> End {
    End::NotStarted {
        why: format!("Wine ended ({wine}) and left no word of the program's end: its server was ended"),
    }
}

/// Windows' reason for not starting a program.
fn refusal(error: u32) -> String {
    match error {
        2 | 3 => "Wine does not find the program".to_owned(),
        5 => "Wine may not read the program".to_owned(),
        11 | 193 => "Wine refuses the format of the program".to_owned(),
        216 => "the program is for another machine than this Wine".to_owned(),
        other => format!("Wine does not start the program: Windows error {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_whole_only_where_the_launcher_wrote_it() {
        let dir = tempfile::tempdir().unwrap();
        let status = dir.path().join("status");
        let five = || End::Exited { code: 5 };
        assert!(matches!(end(&status, five()), End::NotStarted { .. }), "no record");
        assert_eq!(end(&status, End::Signalled { signal: 15 }), End::Signalled { signal: 15 });
        std::fs::write(&status, [1, 0, 0, 0, 5, 0, 0, 0xc0]).unwrap();
        assert_eq!(end(&status, five()), End::Exited { code: 0xc000_0005 });
        std::fs::write(&status, [2, 0, 0, 0, 193, 0, 0, 0]).unwrap();
        assert!(matches!(end(&status, five()), End::NotStarted { why } if why.contains("format")));
        std::fs::write(&status, [1, 0, 0]).unwrap();
        assert!(matches!(end(&status, five()), End::NotStarted { .. }), "half a record");
    }

    #[test]
    fn only_paths_that_windows_can_write_are_launched() {
        assert_eq!(windows_path(Path::new("/tmp/a b/é.exe")).as_deref(), Some("Z:\\tmp\\a b\\é.exe"));
        assert_eq!(windows_path(Path::new("/tmp/a\"b")), None);
        assert_eq!(windows_path(Path::new("/tmp/a\\b")), None);
    }
}
