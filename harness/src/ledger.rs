//! The ledger: one record for every start of a foreign program, so that a build which says "ok" although a program
//! could not be started is found out.
//!
//! A file of JSON lines, appended to by many processes at once: each record is one write to a file opened for
//! appending, which the kernel does not mix with another's. A hook becomes its guest, so it can say that and how a guest
//! was started but not how it ended; a refusal is told in full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{About as _, Result};

/// The variable that names the ledger of all hook calls.
pub const VARIABLE: &str = "TRIPLECHECK_LEDGER";

/// What became of one start, as far as the hook can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Started under an emulator, by a call of the hook.
    Ran,
    /// Started under an emulator by another guest, or by a program of the host, through the kernel.
    Nested,
    /// A program of the host's: run by the host itself, or refused where one for another target was asked for.
    Native,
    /// Not started, for a reason that is not the program's.
    Infrastructure,
}

/// One start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What became of it.
    pub verdict: Start,
    /// The program's words, its own name first; bytes that are not UTF-8 are replaced.
    pub argv: Vec<String>,
    /// The program's file.
    pub program: PathBuf,
    /// Where it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The triple that fits its header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The emulator's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulator: Option<String>,
    /// The emulator's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where its libraries are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysroot: Option<PathBuf>,
    /// The hook's own status, where the program was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u8>,
    /// Why it was not started, or why its children may not find their emulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would help.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fixes: Vec<String>,
}

impl Record {
    /// Appends it to the ledger at `path`, which is made where it is not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, path: &Path) -> Result<()> {
        let mut line = serde_json::to_string(self).unwrap_or_else(|_| {
            // Only a path that is not UTF-8 has no JSON; the words say it well enough.
            let plain = Record { program: PathBuf::new(), cwd: None, sysroot: None, ..self.clone() };
            serde_json::to_string(&plain).unwrap_or_default()
        });
        line.push('\n');
        let mut file = File::options().append(true).create(true).open(path).about("open the ledger", path)?;
        file.write_all(line.as_bytes()).about("write the ledger", path)
    }
}

/// All records of the ledger at `path`, in the order in which they were written; none where there is no file. A line
/// that is cut off, by a full disk, is passed over.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(path: &Path) -> Result<Vec<Record>> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).about("read the ledger", path),
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn records_come_back_and_a_line_that_is_cut_off_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        assert_eq!(read(&path).unwrap(), []);
        let record = Record {
            verdict: Start::Infrastructure,
            argv: vec!["./p".into(), "a\nb".into()],
            program: "/b/p".into(),
            cwd: Some("/b".into()),
            target: Some("s390x-unknown-linux-gnu".into()),
            emulator: None,
            version: None,
            sysroot: None,
            status: Some(126),
            reason: Some("no loader".into()),
            fixes: vec!["apt-get install it".into()],
        };
        record.append(&path).unwrap();
        let odd: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"/b/\xff".to_vec());
        Record { program: PathBuf::from(odd), ..record.clone() }.append(&path).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b"{\"verdict\":\"ra").unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], record);
        assert_eq!(read[1].argv, record.argv);
    }
}
