//! A private `binfmt_misc`: this process and all it starts find the foreign programs of their children, and nobody
//! else on the machine sees anything of it.
//!
//! Since Linux 6.7 every user namespace may have registrations of its own. What is done, and why in this order:
//! 1. A child of ours enters new user and mount namespaces, mounts `binfmt_misc` and registers. It is a child so that
//!    whatever is forbidden on the way (containers and some distributions forbid much) leaves us as we were.
//! 2. We join it: one call, which fails as a whole or not at all.
//! 3. The child ends. The namespaces live on with us.
//!
//! User ids: a privileged parent (root) writes an identity map of everything it sees itself into the child's namespace,
//! and owners, groups and `chown` are as before. Anybody else may map one id, and only id 0 may register; so the child is
//! root in there, and we go on into a second namespace inside the first, in which we have our own id again.
//!
//! What is lost: rights over the machine itself (mounting real file systems, the clock, setuid programs), and for an
//! ordinary user the supplementary groups, which show as the overflow group.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rustix::mount::{MountFlags, mount};
use rustix::process::{
    Pid, PidfdFlags, WaitOptions, getegid, geteuid, parent_process_death_signal, pidfd_open,
    set_parent_process_death_signal, waitpid,
};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::registrations;
use crate::unix::{self, Fork};

/// What was tried when it did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Step {
    Fork = 1,
    Unshare,
    Map,
    Mount,
    Register,
    Join,
    Return,
    Read,
}

/// Why there is no private `binfmt_misc`.
#[derive(Debug, thiserror::Error)]
#[error("{}", step.text())]
pub struct CannotEnter {
    step: Step,
    source: io::Error,
}

impl Step {
    const ALL: [Step; 8] = [
        Step::Fork,
        Step::Unshare,
        Step::Map,
        Step::Mount,
        Step::Register,
        Step::Join,
        Step::Return,
        Step::Read,
    ];

    fn text(self) -> &'static str {
        match self {
            Step::Fork => "a process cannot be started",
            Step::Unshare => "user namespaces are not allowed here",
            Step::Map => "a user namespace cannot be given user ids here",
            Step::Mount => {
                "binfmt_misc cannot be mounted in a user namespace (Linux 6.7 or later, and leave of the container or of AppArmor)"
            }
            Step::Register => "binfmt_misc takes no registration in a user namespace (Linux 6.7 or later)",
            Step::Join => "the user namespace cannot be joined",
            Step::Return => "the own user id cannot be taken again",
            Step::Read => "what is to be registered cannot be read",
        }
    }

    fn failed(self, source: impl Into<io::Error>) -> CannotEnter {
        CannotEnter { step: self, source: source.into() }
    }
}

impl CannotEnter {
    /// The step and what the system said, in one line.
    pub(crate) fn sentence(&self) -> String {
        format!("{self}: {}", self.source)
    }

    /// That the lines cannot be read.
    pub(super) fn unreadable(source: io::Error) -> CannotEnter {
        Step::Read.failed(source)
    }
}

/// Whose map is written by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mapping {
    /// All ids to themselves, written by the parent, which has the right to.
    Identity,
    /// Our own id to 0, written by the child.
    OwnToRoot,
}

/// Enters namespaces in which `lines` are registered. This process must be the only thread of its kind. On failure it
/// is as it was before, but for the step [`Step::Return`], after which it may not go on.
///
/// # Errors
/// [`CannotEnter`] says which step was refused.
pub(crate) fn enter(lines: &[Vec<u8>]) -> Result<(), CannotEnter> {
    if geteuid().is_root() {
        match enter_by(Mapping::Identity, lines) {
            // Root without the right to set user ids, as in some containers, is anybody else.
            Err(CannotEnter { step: Step::Map, .. }) => {}
            other => return other,
        }
    }
    enter_by(Mapping::OwnToRoot, lines)
}

fn enter_by(mapping: Mapping, lines: &[Vec<u8>]) -> Result<(), CannotEnter> {
    let own = (geteuid().as_raw(), getegid().as_raw());
    let (up_reader, up_writer) = io::pipe().map_err(|error| Step::Fork.failed(error))?;
    let (down_reader, down_writer) = io::pipe().map_err(|error| Step::Fork.failed(error))?;
    // A change of credentials takes it away; only our own parent can have set it, so it is the guest's by right.
    let death_signal = parent_process_death_signal().unwrap_or(None);
    let child = match unix::fork().map_err(|error| Step::Fork.failed(error))? {
        Fork::Child => {
            drop((up_reader, down_writer));
            let mut wire = Wire { reader: down_reader, writer: up_writer };
            let served = catch_unwind(AssertUnwindSafe(|| serve(mapping, own, lines, &mut wire)));
            unix::leave(u8::from(served.is_err()));
        }
        Fork::Parent(child) => child,
    };
    drop((up_writer, down_reader));
    let mut wire = Wire { reader: up_reader, writer: down_writer };
    let joined = join(mapping, own, child, &mut wire);
    // Its end of file is the child's sign to end.
    drop(wire);
    let _ = waitpid(Some(child), WaitOptions::empty());
    if death_signal.is_some() {
        let _ = set_parent_process_death_signal(death_signal);
    }
    joined
}

/// The two pipes between parent and child: one byte for "go on", five for how it went.
struct Wire {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Wire {
    fn go_on(&mut self) -> io::Result<()> {
        self.writer.write_all(&[0])
    }

    fn wait(&mut self) -> io::Result<()> {
        self.reader.read_exact(&mut [0])
    }

    /// Says that all is done, or which step was refused and why.
    fn tell(&mut self, done: &Result<(), CannotEnter>) -> io::Result<()> {
        let (step, errno) = match done {
            Ok(()) => (0, 0),
            Err(error) => (error.step as u8, error.source.raw_os_error().unwrap_or(0)),
        };
        let [a, b, c, d] = errno.to_le_bytes();
        self.writer.write_all(&[step, a, b, c, d])
    }

    fn hear(&mut self) -> Result<(), CannotEnter> {
        let mut said = [0; 5];
        self.reader.read_exact(&mut said).map_err(|error| Step::Fork.failed(error))?;
        let [step, errno @ ..] = said;
        match Step::ALL.into_iter().find(|known| *known as u8 == step) {
            None => Ok(()),
            Some(step) => Err(step.failed(io::Error::from_raw_os_error(i32::from_le_bytes(errno)))),
        }
    }
}

/// The child: makes the namespaces and waits until they have been joined, or the parent is gone.
fn serve(mapping: Mapping, own: (u32, u32), lines: &[Vec<u8>], wire: &mut Wire) {
    let done = make(mapping, own, lines, wire);
    if wire.tell(&done).is_ok() {
        let _ = wire.wait();
    }
}

fn make(mapping: Mapping, own: (u32, u32), lines: &[Vec<u8>], wire: &mut Wire) -> Result<(), CannotEnter> {
    unix::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS).map_err(|error| Step::Unshare.failed(error))?;
    match mapping {
        Mapping::OwnToRoot => {
            map_one("self", (own.0, 0), (own.1, 0)).map_err(|error| Step::Map.failed(error))?;
        }
        Mapping::Identity => {
            wire.tell(&Ok(())).and_then(|()| wire.wait()).map_err(|error| Step::Map.failed(error))?;
        }
    }
    let directory = registrations::DIRECTORY;
    mount("binfmt_misc", directory, "binfmt_misc", MountFlags::empty(), None)
        .map_err(|errno| Step::Mount.failed(errno))?;
    let register = fs::File::options().write(true).open(Path::new(directory).join("register"));
    let mut register = register.map_err(|error| Step::Register.failed(error))?;
    // One write is one registration.
    lines.iter().try_for_each(|line| register.write_all(line)).map_err(|error| Step::Register.failed(error))
}

/// The parent: writes the child's map where that is its part, and follows it.
fn join(mapping: Mapping, own: (u32, u32), child: Pid, wire: &mut Wire) -> Result<(), CannotEnter> {
    if mapping == Mapping::Identity {
        wire.hear()?;
        map_all(child).map_err(|error| Step::Map.failed(error))?;
        wire.go_on().map_err(|error| Step::Fork.failed(error))?;
    }
    wire.hear()?;
    let pidfd = pidfd_open(child, PidfdFlags::empty()).map_err(|errno| Step::Join.failed(errno))?;
    let both = ThreadNameSpaceType::USER | ThreadNameSpaceType::MOUNT;
    move_into_thread_name_spaces(pidfd.as_fd(), both).map_err(|errno| Step::Join.failed(errno))?;
    // The new mount namespace begins at its root; the child stands where we stood.
    let directory = format!("/proc/{}/cwd", child.as_raw_nonzero());
    rustix::process::chdir(directory).map_err(|errno| Step::Return.failed(errno))?;
    if mapping == Mapping::OwnToRoot && own != (0, 0) {
        unix::unshare(libc::CLONE_NEWUSER).map_err(|error| Step::Return.failed(error))?;
        map_one("self", (0, own.0), (0, own.1)).map_err(|error| Step::Return.failed(error))?;
    }
    Ok(())
}

/// Maps one user and one group id, outer to inner. Whoever is not privileged may do that only after giving up
/// `setgroups` (`user_namespaces(7)`).
fn map_one(process: &str, user: (u32, u32), group: (u32, u32)) -> io::Result<()> {
    let file = |name: &str| format!("/proc/{process}/{name}");
    fs::write(file("setgroups"), "deny")?;
    fs::write(file("gid_map"), format!("{} {} 1", group.1, group.0))?;
    fs::write(file("uid_map"), format!("{} {} 1", user.1, user.0))
}

/// Maps everything that we see to itself in the child's namespace.
fn map_all(child: Pid) -> io::Result<()> {
    for name in ["uid_map", "gid_map"] {
        let ours = fs::read_to_string(format!("/proc/self/{name}"))?;
        fs::write(format!("/proc/{}/{name}", child.as_raw_nonzero()), identity(&ours))?;
    }
    Ok(())
}

/// From lines `inside outside count` to lines `inside inside count`.
fn identity(map: &str) -> String {
    let rows = map.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter_map(|row| match row[..] {
        [inside, _, count] => Some(format!("{inside} {inside} {count}\n")),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_see_is_mapped_to_itself() {
        let nested = "         0     100000      65536\n     65536       1000          1\n";
        assert_eq!(identity(nested), "0 0 65536\n65536 65536 1\n");
        assert_eq!(identity("         0          0 4294967295\n"), "0 0 4294967295\n");
    }
}
