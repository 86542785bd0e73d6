//! The two messages between the harness and a supervisor: the job, and what came of it.
//!
//! Owns the bytes and nothing else; it must never touch a descriptor of the guest. Both ends are the same binary, so
//! there is no version and no room for growth, but a damaged message is an error and not a panic, because the peer may
//! have been killed in the middle of it.
//!
//! The job travels over the socket and not as arguments and environment of the supervisor, for four reasons: the
//! guest's arguments then meet the kernel's size limit only once, as they would without us; a secret in the environment
//! is not shown to other users by `ps`; `LD_*` variables do not reach our own dynamic linker; and the supervisor can
//! take the next job without being executed again.
//!
//! Strings are NUL-terminated where they lie, so that the supervisor passes pointers into the message to `execve`
//! without copying anything.

use std::ffi::CStr;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::net::SendFlags;

use super::{Job, Limits, Stdin, Stream, SuperviseError, Supervised, Survivor, Termination, Truncated};

/// The longest message accepted. The kernel takes at most 6 MiB of arguments and environment, and a longer job must
/// still reach `execve` to be refused by it.
const FRAME_BYTES_MAX: usize = 1 << 30;

/// A job as the supervisor sees it: pointers into the message it came in.
pub(super) struct Order<'a> {
    pub(super) limits: Limits,
    /// Empty for `/dev/null`.
    pub(super) stdin: &'a CStr,
    pub(super) stdout: &'a CStr,
    pub(super) stderr: &'a CStr,
    pub(super) dir: &'a CStr,
    pub(super) program: &'a CStr,
    pub(super) argv: Vec<&'a CStr>,
    pub(super) envp: Vec<&'a CStr>,
}

/// What a supervisor was doing when the system refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    OpenStdin,
    CreateStdout,
    CreateStderr,
    WriteStdout,
    WriteStderr,
    EnterDirectory,
    Pipe,
    StartProcess,
    Wait,
    ListProcesses,
    Decode,
}

/// The supervisor's answer to one job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ended(Supervised),
    Failed { step: Step, errno: i32 },
}

const STEPS: [Step; 11] = [
    Step::OpenStdin,
    Step::CreateStdout,
    Step::CreateStderr,
    Step::WriteStdout,
    Step::WriteStderr,
    Step::EnterDirectory,
    Step::Pipe,
    Step::StartProcess,
    Step::Wait,
    Step::ListProcesses,
    Step::Decode,
];

/// Writes one message. A peer that is gone is an `EPIPE`, never a signal.
pub(super) fn send(socket: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = rustix::io::retry_on_intr(|| rustix::net::send(&socket, bytes, SendFlags::NOSIGNAL))?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

/// Reads one message into `bytes`, without its length; `false` when the peer closed the socket instead.
pub(super) fn receive(mut socket: impl Read, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut header = [0; 4];
    match socket.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let length = u32::from_le_bytes(header) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(damaged());
    }
    bytes.clear();
    socket.take(length as u64).read_to_end(bytes)?;
    if bytes.len() == length { Ok(true) } else { Err(damaged()) }
}

/// The message for a job.
pub(super) fn encode_job(job: &Job<'_>) -> Result<Vec<u8>, SuperviseError> {
    let mut writer = Writer::new(job.program);
    writer.duration(job.limits.deadline);
    writer.duration(job.limits.grace);
    writer.number(job.limits.output_bytes_max);
    writer.number(job.args.len() as u64 + 1);
    writer.number(job.env.len() as u64);
    match job.stdin {
        Stdin::Null => writer.string("a path", &[b""])?,
        Stdin::File(path) => writer.path(path)?,
    }
    for path in [job.stdout, job.stderr, job.dir, job.program] {
        writer.path(path)?;
    }
    let argv0 = job.argv0.unwrap_or(job.program.as_os_str());
    writer.string("an argument", &[argv0.as_bytes()])?;
    for argument in job.args {
        writer.string("an argument", &[argument.as_bytes()])?;
    }
    for (name, value) in job.env {
        writer.string("an environment variable", &[name.as_bytes(), b"=", value.as_bytes()])?;
    }
    writer.finish()
}

/// Reads a job; `None` when the message is damaged.
pub(super) fn decode_job(bytes: &[u8]) -> Option<Order<'_>> {
    let mut reader = Reader { rest: bytes };
    let limits = Limits {
        deadline: reader.duration()?,
        grace: reader.duration()?,
        output_bytes_max: reader.number()?,
    };
    let arguments = reader.number()?;
    let variables = reader.number()?;
    let order = Order {
        limits,
        stdin: reader.string()?,
        stdout: reader.string()?,
        stderr: reader.string()?,
        dir: reader.string()?,
        program: reader.string()?,
        argv: reader.strings(arguments)?,
        envp: reader.strings(variables)?,
    };
    reader.rest.is_empty().then_some(order)
}

/// The message for a reply.
pub(super) fn encode_reply(reply: &Reply) -> Vec<u8> {
    let mut writer = Writer::new(Path::new(""));
    match reply {
        Reply::Failed { step, errno } => {
            writer.number(0);
            writer.number(*step as u64);
            writer.number(u64::from(errno.unsigned_abs()));
        }
        Reply::Ended(ended) => {
            let [kind, first, second] = termination_numbers(&ended.termination);
            for number in [1, kind, first, second] {
                writer.number(number);
            }
            writer.duration(ended.wall);
            writer.duration(ended.cpu);
            writer.number(ended.peak_rss_bytes);
            writer.number(u64::from(ended.truncated.stdout));
            writer.number(u64::from(ended.truncated.stderr));
            writer.number(ended.stdout_bytes);
            writer.number(ended.stderr_bytes);
            writer.number(ended.leaked.len() as u64);
            for survivor in &ended.leaked {
                writer.number(u64::from(survivor.pid.unsigned_abs()));
                writer.bytes.extend(survivor.name.bytes().filter(|byte| *byte != 0));
                writer.bytes.push(0);
            }
        }
    }
    writer.finish().expect("a reply holds at most SURVIVORS_MAX short names, none with a NUL")
}

/// Reads a reply; `None` when the message is damaged.
pub(super) fn decode_reply(bytes: &[u8]) -> Option<Reply> {
    let mut reader = Reader { rest: bytes };
    let reply = if reader.number()? == 0 {
        let step = *STEPS.get(usize::try_from(reader.number()?).ok()?)?;
        Reply::Failed { step, errno: i32::try_from(reader.number()?).ok()? }
    } else {
        Reply::Ended(Supervised {
            termination: termination([reader.number()?, reader.number()?, reader.number()?])?,
            wall: reader.duration()?,
            cpu: reader.duration()?,
            peak_rss_bytes: reader.number()?,
            truncated: Truncated { stdout: reader.number()? != 0, stderr: reader.number()? != 0 },
            stdout_bytes: reader.number()?,
            stderr_bytes: reader.number()?,
            leaked: reader.survivors()?,
        })
    };
    reader.rest.is_empty().then_some(reply)
}

fn termination_numbers(termination: &Termination) -> [u64; 3] {
    match termination {
        Termination::Exited(code) => [0, u64::from(*code), 0],
        Termination::Signalled { signal, core } => [1, u64::from(signal.unsigned_abs()), u64::from(*core)],
        Termination::TimedOut { after } => [2, nanoseconds(*after), 0],
        Termination::OutputLimit { stream } => [3, stream.index() as u64, 0],
        Termination::NotStarted { errno } => [4, u64::from(errno.unsigned_abs()), 0],
        Termination::Interrupted => [5, 0, 0],
    }
}

fn termination([kind, first, second]: [u64; 3]) -> Option<Termination> {
    Some(match kind {
        0 => Termination::Exited(u32::try_from(first).ok()?),
        1 => Termination::Signalled { signal: i32::try_from(first).ok()?, core: second != 0 },
        2 => Termination::TimedOut { after: Duration::from_nanos(first) },
        3 => Termination::OutputLimit { stream: *Stream::ALL.get(usize::try_from(first).ok()?)? },
        4 => Termination::NotStarted { errno: i32::try_from(first).ok()? },
        5 => Termination::Interrupted,
        _ => return None,
    })
}

/// Nanoseconds up to 584 years; anything longer is as good as that.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the message is damaged")
}

/// A message being written; the first four bytes are its length.
struct Writer<'a> {
    bytes: Vec<u8>,
    program: &'a Path,
}

impl Writer<'_> {
    fn new(program: &Path) -> Writer<'_> {
        Writer { bytes: vec![0; 4], program }
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn duration(&mut self, duration: Duration) {
        self.number(nanoseconds(duration));
    }

    fn path(&mut self, path: &Path) -> Result<(), SuperviseError> {
        // The supervisor keeps the directory it was started in, which may not be where the harness is by now. An
        // unreadable current directory leaves the path as it is, and whoever opens it says what is wrong.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.string("a path", &[absolute.as_os_str().as_bytes()])
    }

    fn string(&mut self, what: &'static str, parts: &[&[u8]]) -> Result<(), SuperviseError> {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        if self.bytes[start..].contains(&0) {
            return Err(SuperviseError::Nul { what, program: self.program.to_path_buf() });
        }
        self.bytes.push(0);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, SuperviseError> {
        let length = self.bytes.len() - 4;
        if length > FRAME_BYTES_MAX {
            let source = rustix::io::Errno::TOOBIG.into();
            return Err(SuperviseError::System {
                act: "describe the job",
                program: self.program.to_path_buf(),
                source,
            });
        }
        let header = u32::try_from(length).expect("FRAME_BYTES_MAX is below 4 GiB");
        self.bytes[..4].copy_from_slice(&header.to_le_bytes());
        Ok(self.bytes)
    }
}

/// A message being read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn duration(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_nanos)
    }

    fn string(&mut self) -> Option<&'a CStr> {
        let string = CStr::from_bytes_until_nul(self.rest).ok()?;
        self.rest = &self.rest[string.count_bytes() + 1..];
        Some(string)
    }

    fn strings(&mut self, count: u64) -> Option<Vec<&'a CStr>> {
        // A string takes a byte at least, so a larger count is damage and not a reason to allocate.
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len())?;
        (0..count).map(|_| self.string()).collect()
    }

    fn survivors(&mut self) -> Option<Vec<Survivor>> {
        let count = usize::try_from(self.number()?).ok().filter(|count| *count <= self.rest.len())?;
        (0..count)
            .map(|_| {
                let pid = i32::try_from(self.number()?).ok()?;
                Some(Survivor { pid, name: self.string()?.to_string_lossy().into_owned() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};

    use proptest::prelude::*;

    use super::*;

    fn any_termination() -> impl Strategy<Value = Termination> {
        prop_oneof![
            any::<u32>().prop_map(Termination::Exited),
            (1..65, any::<bool>()).prop_map(|(signal, core)| Termination::Signalled { signal, core }),
            any::<u64>().prop_map(|after| Termination::TimedOut { after: Duration::from_nanos(after) }),
            prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)]
                .prop_map(|stream| Termination::OutputLimit { stream }),
            (1..200).prop_map(|errno| Termination::NotStarted { errno }),
            Just(Termination::Interrupted),
        ]
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let survivor = (1..i32::MAX, "[^\0]{0,15}").prop_map(|(pid, name)| Survivor { pid, name });
        let leaked = proptest::collection::vec(survivor, 0..4);
        let ended = (any_termination(), any::<[u64; 5]>(), any::<[bool; 2]>(), leaked).prop_map(
            |(
                termination,
                [wall, cpu, peak_rss_bytes, stdout_bytes, stderr_bytes],
                [stdout, stderr],
                leaked,
            )| {
                Reply::Ended(Supervised {
                    termination,
                    wall: Duration::from_nanos(wall),
                    cpu: Duration::from_nanos(cpu),
                    peak_rss_bytes,
                    leaked,
                    truncated: Truncated { stdout, stderr },
                    stdout_bytes,
                    stderr_bytes,
                })
            },
        );
        let failed = (proptest::sample::select(STEPS.to_vec()), 1..200)
            .prop_map(|(step, errno)| Reply::Failed { step, errno });
        prop_oneof![ended, failed]
    }

    proptest! {
        #[test]
        fn a_reply_arrives_as_it_was_sent(reply in any_reply()) {
            let frame = encode_reply(&reply);
            let mut bytes = Vec::new();
            prop_assert!(receive(frame.as_slice(), &mut bytes).unwrap());
            prop_assert_eq!(decode_reply(&bytes), Some(reply));
        }

        #[test]
        fn damage_is_noticed_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_reply(&bytes);
            let _ = decode_job(&bytes);
        }

        #[test]
        fn a_reply_cut_short_is_refused(reply in any_reply(), keep in 0.0..1.0) {
            let frame = encode_reply(&reply);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "any cut will do")]
            let cut = (frame.len() as f64 * keep) as usize;
            let mut bytes = Vec::new();
            prop_assert!(!matches!(receive(&frame[..cut], &mut bytes), Ok(true)));
            prop_assert_eq!(decode_reply(&frame[4..cut.max(4)]), None);
        }
    }

    fn job<'a>(args: &'a [OsString], env: &'a [(OsString, OsString)]) -> Job<'a> {
        Job {
            program: Path::new("/bin/guest"),
            argv0: Some(OsStr::new("guest")),
            args,
            env,
            dir: Path::new("/work"),
            stdin: Stdin::Null,
            stdout: Path::new("/out"),
            stderr: Path::new("/err"),
            limits: Limits { deadline: Duration::MAX, grace: Duration::from_millis(5), output_bytes_max: 7 },
        }
    }

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let args = [OsString::new(), OsStr::from_bytes(b"\xff\n=").to_owned()];
        let env = [("Z".into(), "1".into()), ("A".into(), OsString::new())];
        let frame = encode_job(&job(&args, &env)).unwrap();
        let order = decode_job(&frame[4..]).unwrap();
        assert_eq!(order.argv, [c"guest", c"", c"\xff\n="]);
        assert_eq!(order.envp, [c"Z=1", c"A="]);
        assert_eq!((order.program, order.dir), (c"/bin/guest", c"/work"));
        assert_eq!((order.stdin, order.stdout, order.stderr), (c"", c"/out", c"/err"));
        assert_eq!(order.limits.grace, Duration::from_millis(5));
        assert_eq!(order.limits.deadline, Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_nul_byte_is_refused_and_named() {
        let args = ["a\0b".into()];
        let error = encode_job(&job(&args, &[])).unwrap_err();
        assert_eq!(error.to_string(), "pass an argument with a NUL byte to `/bin/guest`");
    }
}
