//! A private `binfmt_misc`: this process and all it starts find the foreign programs of their children, and nobody
//! else on the machine sees anything of it.
//!
//! Since Linux 6.7 every user namespace may have registrations of its own. What is done, and why in this order:
//! 1. A child of ours is born into new user and mount namespaces, mounts `binfmt_misc` and registers. It is a child so
//!    that whatever is forbidden on the way (containers and some distributions forbid much) leaves us as we were.
//! 2. It opens its namespaces for us and ends. They live on in the descriptors.
//! 3. We join them.
//!
//! The child shares our memory and descriptors and is waited for once ([`unix::work_inside`]): on a busy machine each
//! change between the two is dearer than all that they do.
//!
//! User ids: a privileged parent (root) writes an identity map of everything it sees itself into the child's namespace,
//! and owners, groups and `chown` are as before. Anybody else may map one id, and only id 0 may register; so the child is
//! root in there, and we go on into a second namespace inside the first, in which we have our own id again.
//!
//! What is lost: rights over the machine itself (mounting real file systems, the clock, setuid programs), and for an
//! ordinary user the supplementary groups, which show as the overflow group.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::process::{
    Pid, fchdir, getegid, geteuid, parent_process_death_signal, set_parent_process_death_signal,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::registrations;
use crate::unix;

/// What was tried when it did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Fork,
    Unshare,
    Count,
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
    fn text(self) -> &'static str {
        match self {
            Step::Fork => "a process cannot be started",
            Step::Unshare => "user namespaces are not allowed here",
            Step::Count => "there may be no more user or mount namespaces here",
            Step::Map => "a user namespace cannot be given user ids here",
            Step::Mount => {
                "binfmt_misc cannot be mounted in a user namespace (Linux 6.7 or later, and leave of the container or of AppArmor)"
            }
            Step::Register => "binfmt_misc takes no registration in a user namespace (Linux 6.7 or later)",
            Step::Join => "the user namespace cannot be joined",
            Step::Return => "the user namespace can be joined only in part",
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
        // The system speaks of a device without space, and means these numbers.
        if self.step == Step::Count {
            return format!("{self}: {}", limits(|name| fs::read_to_string(name).ok()));
        }
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

/// What the child leaves us.
struct Made {
    user: OwnedFd,
    mount: OwnedFd,
    /// Where it stands, in its own mounts: joining them leads to their root.
    directory: OwnedFd,
}

fn enter_by(mapping: Mapping, lines: &[Vec<u8>]) -> Result<(), CannotEnter> {
    let own = (geteuid().as_raw(), getegid().as_raw());
    // A change of credentials takes it away; only our own parent can have set it, so it is the guest's by right.
    let death_signal = parent_process_death_signal().unwrap_or(None);
    let map = |child| match mapping {
        Mapping::Identity => map_all(child).map_err(|error| Step::Map.failed(error)),
        Mapping::OwnToRoot => Ok(()),
    };
    let made = unix::work_inside(libc::CLONE_NEWUSER | libc::CLONE_NEWNS, map, || make(mapping, own, lines));
    let joined = made.map_err(not_born)?.and_then(|made| join(mapping, own, &made));
    if death_signal.is_some() {
        let _ = set_parent_process_death_signal(death_signal);
    }
    joined
}

/// What limits the number of namespaces, by what reads a file.
fn limits(read: impl Fn(&str) -> Option<String>) -> String {
    let all = ["user", "mnt"].map(|kind| {
        let most = read(&format!("/proc/sys/user/max_{kind}_namespaces"));
        (kind, most.map_or("unknown".to_owned(), |most| most.trim().to_owned()))
    });
    if let Some((kind, _)) = all.iter().find(|(_, most)| most == "0") {
        return format!("`user.max_{kind}_namespaces` is 0");
    }
    let [user, mnt] = all.map(|(kind, most)| format!("`user.max_{kind}_namespaces` ({most})"));
    format!("as many are in use as {user} and {mnt} allow, or they are nested too deep")
}

/// Why there is no child: for want of a process, or because namespaces are refused or used up.
fn not_born(error: io::Error) -> CannotEnter {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    let step = match code {
        None | Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => Step::Fork,
        // `namespaces(7)`: a limit on their number, or on their depth, is reached.
        Some(Errno::NOSPC | Errno::USERS) => Step::Count,
        Some(_) => Step::Unshare,
    };
    step.failed(error)
}

/// The child: fills its namespaces, and opens them.
fn make(mapping: Mapping, own: (u32, u32), lines: &[Vec<u8>]) -> Result<Made, CannotEnter> {
    if mapping == Mapping::OwnToRoot {
        map_one("self", (own.0, 0), (own.1, 0)).map_err(|error| Step::Map.failed(error))?;
    }
    let directory = registrations::DIRECTORY;
    mount("binfmt_misc", directory, "binfmt_misc", MountFlags::empty(), None)
        .map_err(|errno| Step::Mount.failed(errno))?;
    let register = fs::File::options().write(true).open(Path::new(directory).join("register"));
    let mut register = register.map_err(|error| Step::Register.failed(error))?;
    // One write is one registration.
    lines
        .iter()
        .try_for_each(|line| register.write_all(line))
        .map_err(|error| Step::Register.failed(error))?;
    let opened = |path, flags| {
        open(path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Step::Join.failed(errno))
    };
    Ok(Made {
        user: opened("/proc/self/ns/user", OFlags::RDONLY)?,
        mount: opened("/proc/self/ns/mnt", OFlags::RDONLY)?,
        directory: opened(".", OFlags::PATH | OFlags::DIRECTORY)?,
    })
}

/// The parent: follows the child.
fn join(mapping: Mapping, own: (u32, u32), made: &Made) -> Result<(), CannotEnter> {
    move_into_link_name_space(made.user.as_fd(), Some(LinkNameSpaceType::User))
        .map_err(|errno| Step::Join.failed(errno))?;
    move_into_link_name_space(made.mount.as_fd(), Some(LinkNameSpaceType::Mount))
        .and_then(|()| fchdir(&made.directory))
        .map_err(|errno| Step::Return.failed(errno))?;
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
    fn namespaces_that_are_used_up_are_told_from_those_that_are_forbidden() {
        let sentence = |errno: Errno| not_born(errno.into()).sentence();
        let used_up = sentence(Errno::NOSPC);
        assert!(used_up.starts_with("there may be no more user or mount namespaces here: "), "{used_up}");
        assert!(!used_up.contains("space left"), "{used_up}");
        assert!(sentence(Errno::PERM).starts_with("user namespaces are not allowed here: "));
        assert!(sentence(Errno::AGAIN).starts_with("a process cannot be started: "));
        let with = |user: &str| limits(|name| name.contains("user_").then(|| format!("{user}\n")));
        assert_eq!(with("0"), "`user.max_user_namespaces` is 0");
        assert_eq!(
            with("7"),
            "as many are in use as `user.max_user_namespaces` (7) and `user.max_mnt_namespaces` (unknown) allow, or they \
             are nested too deep"
        );
    }

    #[test]
    fn what_we_see_is_mapped_to_itself() {
        let nested = "         0     100000      65536\n     65536       1000          1\n";
        assert_eq!(identity(nested), "0 0 65536\n65536 65536 1\n");
        assert_eq!(identity("         0          0 4294967295\n"), "0 0 4294967295\n");
    }
}
