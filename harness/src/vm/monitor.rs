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
    /// What has come between the answers to the last commands.
    events: Vec<Value>,
}

impl Monitor {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { lines: BufReader::new(stream), is_open: false, events: Vec::new() }
    }

    /// Has QEMU stop, and write all of its state but the memory into a file. The memory is in its own.
    pub(super) fn save(&mut self, state: &fs_err::File) -> Result<(), String> {
        // The end is told, so that nobody has to ask for it.
        self.migrate("migrate", state, &["x-ignore-shared", "events"])?;
        self.wait(|event| event["event"] == "MIGRATION" && event["data"]["status"] == "completed")
    }

    /// Has QEMU take its state from a file, and run.
    pub(super) fn restore(&mut self, state: &fs_err::File) -> Result<(), String> {
        self.migrate("migrate-incoming", state, &["x-ignore-shared"])?;
        self.wait(|event| event["event"] == "RESUME")
    }

    /// How many requests a share has got, by its queue of virtio: a number of 16 bits that begins anew after its last.
    /// An error where QEMU does not tell: `x-query-virtio-queue-status` is there since 7.2.
    pub(super) fn requests(&mut self, slot: u32) -> Result<u64, String> {
        let path = format!("/machine/peripheral/share{slot}/virtio-backend");
        let words = json!({ "path": path, "queue": 0 });
        let answer = self.obey(&[("x-query-virtio-queue-status", words)], None)?;
        answer["last-avail-idx"].as_u64().ok_or_else(|| "its monitor counts no requests".to_owned())
    }

    fn migrate(&mut self, name: &str, state: &fs_err::File, capabilities: &[&str]) -> Result<(), String> {
        let capabilities: Vec<Value> =
            capabilities.iter().map(|name| json!({"capability": name, "state": true})).collect();
        let commands = [
            // Memory that is in a file is no part of the state.
            ("migrate-set-capabilities", json!({ "capabilities": capabilities })),
            ("getfd", json!({ "fdname": STATE })),
            (name, json!({ "uri": format!("fd:{STATE}") })),
        ];
        self.obey(&commands, Some(state)).map(|_| ())
    }

    /// Waits for an event, or for that of a failure.
    fn wait(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<(), String> {
        let has_failed = |event: &Value| {
            event["event"] == "MIGRATION"
                && matches!(event["data"]["status"].as_str(), Some("failed" | "cancelled"))
        };
        let is_the_end = |event: &Value| is_it(event) || has_failed(event);
        let early = self.events.drain(..).find(|event| is_the_end(event));
        let event = early.map_or_else(|| self.line(is_the_end), Ok)?;
        if is_it(&event) { Ok(()) } else { Err("the state was not carried over".to_owned()) }
    }

    /// Has QEMU obey commands, one after the other. The result is the answer to the last one, the error that to the first which
    /// is refused.
    ///
    /// They are written at once, since QEMU reads each byte by itself and wakes its loop for each answer.
    fn obey(&mut self, commands: &[(&str, Value)], file: Option<&fs_err::File>) -> Result<Value, String> {
        let mut names = Vec::new();
        let mut lines = String::new();
        if !self.is_open {
            let prepared = self.lines.get_ref().set_read_timeout(Some(DEADLINE));
            prepared.map_err(|error| error.to_string())?;
            names.push("qmp_capabilities");
            lines.push_str("{\"execute\":\"qmp_capabilities\"}\n");
            self.is_open = true;
        }
        for (name, words) in commands {
            names.push(name);
            lines.push_str(&format!("{}\n", json!({ "execute": name, "arguments": words })));
        }
        let lost = |error: io::Error| format!("its monitor takes no command: {error}");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = file.map(|file| [file.as_fd()]);
        if let Some(descriptors) = &descriptors {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let bytes = [IoSlice::new(lines.as_bytes())];
        let sent = sendmsg(self.lines.get_ref(), &bytes, &mut ancillary, SendFlags::NOSIGNAL);
        if sent.map_err(|error| lost(error.into()))? != lines.len() {
            return Err(lost(io::ErrorKind::WriteZero.into()));
        }
        self.events.clear();
        let mut result = Value::Null;
        for name in names {
            let mut answer = self.line(|line| line.get("return").is_some() || line.get("error").is_some())?;
            if let Some(why) = answer["error"]["desc"].as_str() {
                return Err(format!("`{name}`: {why}"));
            }
            result = answer["return"].take();
        }
        Ok(result)
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
            match serde_json::from_str(&text) {
                Ok(line) if is_it(&line) => return Ok(line),
                Ok(line) => self.events.push(line),
                Err(_) => {}
            }
        }
        Err("its monitor does not come to an end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    type Migrate = fn(&mut Monitor, &fs_err::File) -> Result<(), String>;

    /// What a QEMU that says these lines makes of a restore, or of a save.
    #[track_caller]
    fn check(migrate: Migrate, lines: &[&str], expected: Result<(), &str>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(lines.join("\n").as_bytes()).unwrap();
        theirs.write_all(b"\n").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let state = fs_err::File::open("/dev/null").unwrap();
        assert_eq!(migrate(&mut Monitor::new(ours), &state), expected.map_err(str::to_owned));
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
        let runs = r#"{"event": "RESUME"}"#;
        check(Monitor::restore, &[HELLO, DONE, DONE, DONE, DONE, &active, runs, &completed], Ok(()));
        check(Monitor::restore, &[HELLO, DONE, DONE, DONE, runs, DONE], Ok(()));
        check(Monitor::save, &[HELLO, DONE, DONE, DONE, &active, DONE, &completed], Ok(()));
        let refused = r#"{"error": {"class": "GenericError", "desc": "no such capability"}}"#;
        for migrate in [Monitor::restore, Monitor::save] {
            check(
                migrate,
                &[HELLO, DONE, DONE, DONE, DONE, &active, &failed],
                Err("the state was not carried over"),
            );
            check(migrate, &[HELLO, DONE, DONE, DONE, DONE, &active], Err("its monitor is gone"));
            check(migrate, &[HELLO, DONE, refused], Err("`migrate-set-capabilities`: no such capability"));
        }
    }
}
