//! QEMU's monitor, as far as snapshots and shares need it (`docs/interop/qmp-spec.rst`): one line of JSON for a command, one
//! for its answer, and events between them.

use std::io::{self, BufRead as _, BufReader, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};

/// How long QEMU may take to answer: its state without its memory is half a megabyte.
const DEADLINE: Duration = Duration::from_secs(30);

/// How many lines come before the one that is waited for, at the most.
const LINES_MAX: usize = 1000;

/// The name by which QEMU knows the file of the state.
const STATE: &str = "state";

pub(super) struct Monitor {
    lines: BufReader<UnixStream>,
    /// Whether it takes commands already.
    is_open: bool,
}

impl Monitor {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { lines: BufReader::new(stream), is_open: false }
    }

    /// Has QEMU stop, and write all of its state but the memory into a file. The memory is in its own.
    pub(super) fn save(&mut self, state: &fs_err::File) -> Result<(), String> {
        self.migrate("migrate", state)
    }

    /// Has QEMU take its state from a file, and run.
    pub(super) fn restore(&mut self, state: &fs_err::File) -> Result<(), String> {
        self.migrate("migrate-incoming", state)
    }

    /// How many requests a share has got, by its queue of virtio: a number of 16 bits that begins anew after its last.
    /// An error where QEMU does not tell: `x-query-virtio-queue-status` is there since 7.2.
    pub(super) fn requests(&mut self, slot: u32) -> Result<u64, String> {
        self.open()?;
        let path = format!("/machine/peripheral/share{slot}/virtio-backend");
        let words = json!({ "path": path, "queue": 0 });
        let answer = self.command("x-query-virtio-queue-status", &words, None)?;
        answer["last-avail-idx"].as_u64().ok_or_else(|| "its monitor counts no requests".to_owned())
    }

    fn open(&mut self) -> Result<(), String> {
        if !self.is_open {
            let prepared = self.lines.get_ref().set_read_timeout(Some(DEADLINE));
            prepared.map_err(|error| error.to_string())?;
            self.command("qmp_capabilities", &json!({}), None)?;
            self.is_open = true;
        }
        Ok(())
    }

    fn migrate(&mut self, command: &str, state: &fs_err::File) -> Result<(), String> {
        self.open()?;
        // Memory that is in a file is no part of the state; and the end is told, so that nobody has to ask for it.
        let capabilities =
            ["x-ignore-shared", "events"].map(|name| json!({"capability": name, "state": true}));
        self.command("migrate-set-capabilities", &json!({ "capabilities": capabilities }), None)?;
        self.command("getfd", &json!({ "fdname": STATE }), Some(state))?;
        self.command(command, &json!({ "uri": format!("fd:{STATE}") }), None)?;
        loop {
            let line = self.line(|line| line["event"] == "MIGRATION")?;
            match line["data"]["status"].as_str() {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => return Err("the state was not carried over".to_owned()),
                _ => {}
            }
        }
    }

    fn command(&mut self, name: &str, words: &Value, file: Option<&fs_err::File>) -> Result<Value, String> {
        let line = format!("{}\n", json!({ "execute": name, "arguments": words }));
        let lost = |error: io::Error| format!("its monitor does not take `{name}`: {error}");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = file.map(|file| [file.as_fd()]);
        if let Some(descriptors) = &descriptors {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let bytes = [IoSlice::new(line.as_bytes())];
        let sent = sendmsg(self.lines.get_ref(), &bytes, &mut ancillary, SendFlags::NOSIGNAL);
        if sent.map_err(|error| lost(error.into()))? != line.len() {
            return Err(lost(io::ErrorKind::WriteZero.into()));
        }
        let mut answer = self.line(|line| line.get("return").is_some() || line.get("error").is_some())?;
        match answer["error"]["desc"].as_str() {
            Some(why) => Err(format!("`{name}`: {why}")),
            None => Ok(answer["return"].take()),
        }
    }

    /// The next line of this kind.
    fn line(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<Value, String> {
        for _ in 0..LINES_MAX {
            let mut text = String::new();
            match self.lines.read_line(&mut text) {
                Ok(0) => return Err("its monitor is gone".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("its monitor does not answer: {error}")),
            }
            if let Ok(line) = serde_json::from_str(&text)
                && is_it(&line)
            {
                return Ok(line);
            }
        }
        Err("its monitor does not come to an end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// What a QEMU that says these lines makes of a restore.
    fn check(lines: &[&str], expected: Result<(), &str>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(lines.join("\n").as_bytes()).unwrap();
        theirs.write_all(b"\n").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let state = fs_err::File::open("/dev/null").unwrap();
        assert_eq!(Monitor::new(ours).restore(&state), expected.map_err(str::to_owned));
    }

    const HELLO: &str = r#"{"QMP": {"version": {}, "capabilities": []}}"#;
    const DONE: &str = r#"{"return": {}}"#;

    /// What a QEMU that says these lines makes of two questions for the requests of a share.
    fn counted(lines: &[&str]) -> [Result<u64, String>; 2] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(lines.join("\n").as_bytes()).unwrap();
        theirs.write_all(b"\n").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let mut monitor = Monitor::new(ours);
        [monitor.requests(1), monitor.requests(1)]
    }

    #[test]
    fn requests_are_counted_by_a_qemu_that_tells_them() {
        let queue = |count: u32| format!(r#"{{"return": {{"used-idx": 7, "last-avail-idx": {count}}}}}"#);
        let (first, second) = (queue(80), queue(94));
        assert_eq!(counted(&[HELLO, DONE, &first, r#"{"event": "RESUME"}"#, &second]), [Ok(80), Ok(94)]);
        let unknown = r#"{"error": {"class": "CommandNotFound", "desc": "it has not been found"}}"#;
        let why = Err("`x-query-virtio-queue-status`: it has not been found".to_owned());
        assert_eq!(counted(&[HELLO, DONE, unknown, unknown]), [why.clone(), why]);
        assert!(counted(&[HELLO, DONE, DONE, DONE]).iter().all(Result::is_err), "an answer without a count");
    }

    #[test]
    fn a_state_is_restored_when_qemu_says_that_it_is() {
        let event = |status: &str| format!(r#"{{"event": "MIGRATION", "data": {{"status": "{status}"}}}}"#);
        let (active, completed, failed) = (event("active"), event("completed"), event("failed"));
        check(&[HELLO, DONE, DONE, DONE, DONE, &active, "{\"event\": \"RESUME\"}", &completed], Ok(()));
        check(&[HELLO, DONE, DONE, DONE, DONE, &active, &failed], Err("the state was not carried over"));
        check(&[HELLO, DONE, DONE, DONE, DONE, &active], Err("its monitor is gone"));
        let refused = r#"{"error": {"class": "GenericError", "desc": "no such capability"}}"#;
        check(&[HELLO, DONE, refused], Err("`migrate-set-capabilities`: no such capability"));
    }
}
