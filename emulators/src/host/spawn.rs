//! The one place of this crate where a process is started: what an emulator says of itself, and the
//! sentinels.
//!
//! Every start has a deadline and a group of its own, which is killed when the deadline passes; output goes to
//! a file without a name and is read back up to a limit, so that no pipe can be held open by a survivor.
#![expect(clippy::disallowed_methods, reason = "this is the spawn module of the emulators crate")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use wait_timeout::ChildExt as _;

/// The longest that a tool may take to say something of itself. Wine and node answer in milliseconds; a tool that does not is broken
/// or waits for something that will not come.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// The most that is read of what `--version` prints.
const VERSION_BYTES_MAX: u64 = 4096;
/// The most that is read of a list of CPU models. PowerPC's, the longest, has 25 KiB.
const CPU_HELP_BYTES_MAX: u64 = 256 * 1024;
/// The longest that a sentinel of ten instructions may take on a machine under load.
const SENTINEL_DEADLINE: Duration = Duration::from_secs(10);

/// The first bytes that `program --version` writes to its standard output, if it ends well and in time.
pub(super) fn version_text(program: &Path) -> Option<String> {
    let (status, text) = answer(program, &["--version"], VERSION_BYTES_MAX)?;
    status.success().then_some(text)
}

/// What `program -cpu help` writes to its standard output, if it ends in time. The user-mode emulators end with
/// status 1 after it (QEMU 7.2), so that the text alone tells whether it was understood.
pub(super) fn cpu_help_text(program: &Path) -> Option<String> {
    let (_, text) = answer(program, &["-cpu", "help"], CPU_HELP_BYTES_MAX)?;
    Some(text).filter(|text| !text.is_empty())
}

/// What `program -accel help` writes to its standard output, if it ends well and in time.
pub(super) fn accelerators_text(program: &Path) -> Option<String> {
    let (status, text) = answer(program, &["-accel", "help"], VERSION_BYTES_MAX)?;
    status.success().then_some(text)
}

/// The first line that a command writes to its standard output, if it ends well and in time.
pub(super) fn line(words: &[OsString]) -> Option<String> {
    let (program, words) = words.split_first()?;
    let (status, text) = answer(Path::new(program), words, VERSION_BYTES_MAX)?;
    status.success().then(|| text.lines().next().map(str::to_owned))?
}

/// How the program ends with these words, and the first bytes that it writes to its standard output.
fn answer(program: &Path, words: &[impl AsRef<OsStr>], bytes_max: u64) -> Option<(ExitStatus, String)> {
    let mut output = unnamed_file().ok()?;
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(output.try_clone().ok()?)
        .stderr(Stdio::null())
        // A 32-bit or damaged host library in the caller's paths is for guests, not for emulators.
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("LD_PRELOAD")
        .process_group(0)
        .spawn()
        .ok()?;
    let status = wait(&mut child, ANSWER_DEADLINE)?;
    output.rewind().ok()?;
    let mut bytes = Vec::new();
    output.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether the kernel itself, and no registered emulator, executes this program until it exits with `status`.
#[cfg(target_os = "linux")]
pub(super) fn executes(program: &[u8], status: i32) -> bool {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    let Ok(mut file) = unnamed_file() else { return false };
    if file.write_all(program).is_err() {
        return false;
    }
    let started = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut child) = started else { return false };
    // The sentinel waits for its input, so the link is that of the running program for as long as we look.
    let executed = std::fs::read_link(format!("/proc/{}/exe", child.id()));
    let by_kernel = executed.is_ok_and(|path| path.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"));
    drop(child.stdin.take());
    wait(&mut child, SENTINEL_DEADLINE).and_then(|ended| ended.code()) == Some(status) && by_kernel
}

/// A file in memory, which is gone with its descriptor.
#[cfg(target_os = "linux")]
fn unnamed_file() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(File::from(rustix::fs::memfd_create("triplecheck", flags)?))
}

/// A file in the directory for temporary files, whose name is removed at once.
#[cfg(not(target_os = "linux"))]
fn unnamed_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("triplecheck-version-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Waits for the end of `child`; after the deadline its whole group is killed and `None` returned.
fn wait(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    if let Ok(Some(status)) = child.wait_timeout(deadline) {
        return Some(status);
    }
    // The child has not been waited for, so its number cannot belong to anybody else.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead as _;

    #[test]
    fn after_the_deadline_the_whole_group_is_gone() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = io::BufReader::new(child.stdout.take().unwrap());
        let mut grandchild = String::new();
        output.read_line(&mut grandchild).unwrap();
        assert!(wait(&mut child, Duration::from_millis(1)).is_none());
        // The grandchild holds the pipe until it dies: the end of the file is the proof.
        assert_eq!(output.read_line(&mut String::new()).unwrap(), 0, "{grandchild} survived");
    }
}
