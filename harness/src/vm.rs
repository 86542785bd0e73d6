//! Guest systems: a whole Linux kernel of another machine under QEMU, in which programs run one after the other or side
//! by side, each as under any other emulator.
//!
//! Three processes have a part in it. `triplecheck __vm` ([`client`]) stands for one program: it carries its words,
//! input and output, and ends as it ended, so that whoever supervises it sees no difference to an emulator of user mode.
//! `triplecheck __vm-serve` ([`serve`]) owns one QEMU and carries the frames of all clients over its one port. Inside, the
//! agent (`harness/agent`) is the first process. A run keeps one server for each system; where there is none, the client
//! starts its own.
//!
//! What is surprising:
//! - QEMU's own exit status means nothing: it is 0 after a panic too. A program has ended only where the agent says so.
//! - Nothing is written to the host's file system but what the program made below its directory and `TMPDIR`, at its
//!   end, by the client and with the client's rights.
//! - The guest sees the host's whole file system, read only, with a layer of its own above it that is gone with it.

pub mod client;
mod guest;
mod hot;
pub(crate) mod image;
mod inherited;
pub mod kvm;
mod monitor;
mod passed;
mod serve;
mod slots;
pub mod snapshot;
mod state;
mod up;
mod wire;

pub use serve::main as serve_main;

/// The hidden subcommand that runs a program in a guest system.
pub const SUBCOMMAND: &str = "__vm";
/// The hidden subcommand that asks the host's KVM what it is good for.
pub const KVM_SUBCOMMAND: &str = "__kvm";
/// The hidden subcommand that owns a guest system.
pub const SERVE_SUBCOMMAND: &str = "__vm-serve";
/// The variable that names the directory in which the servers of a run listen. No guest sees it.
pub(crate) const SERVERS_VARIABLE: &str = "TRIPLECHECK_VM_SERVERS";

/// What the lines begin with in which a client says that the system, and not the program, has failed.
pub(crate) const VOICE: &str = "triplecheck-vm: ";

/// The source of the first process, for set-up to compile: names and texts of its files, the crate's root first.
pub(crate) const AGENT_SOURCES: [(&str, &str); 12] = [
    ("agent.rs", include_str!("../agent/agent.rs")),
    ("boot.rs", include_str!("../agent/boot.rs")),
    ("cell.rs", include_str!("../agent/cell.rs")),
    ("hot.rs", include_str!("../agent/hot.rs")),
    ("keeper.rs", include_str!("../agent/keeper.rs")),
    ("linux.rs", include_str!("../agent/linux.rs")),
    ("made.rs", include_str!("../agent/made.rs")),
    ("root.rs", include_str!("../agent/root.rs")),
    ("start.rs", include_str!("../agent/start.rs")),
    ("streams.rs", include_str!("../agent/streams.rs")),
    ("untouched.rs", include_str!("../agent/untouched.rs")),
    ("wire.rs", include_str!("../agent/wire.rs")),
];

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::{Memory, Start, System};
use triplecheck_emulators::vm::{kernels, release_of};

/// How much memory a guest has. It is taken from the host as it is used.
const MEMORY_MIB: u32 = 1024;

/// Which system is meant, as the lookup has put it into words.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) system: &'static System,
    pub(crate) qemu: PathBuf,
    pub(crate) kernel: PathBuf,
    pub(crate) cpu: String,
    pub(crate) accelerator: Accelerator,
    pub(crate) board: String,
}

/// The words of a client: the system, and how the program is started in it.
#[derive(Debug)]
struct Words {
    wanted: Wanted,
    sysroot: Option<PathBuf>,
    argv0: Option<OsString>,
    program: PathBuf,
    args: Vec<OsString>,
}

/// Where in `servers` the server of the system listens that these words of a launch name; `None` where they name none.
pub fn socket(words: &[impl AsRef<OsStr>], servers: &Path) -> Option<PathBuf> {
    let words: Vec<OsString> = words.iter().map(|word| word.as_ref().to_owned()).collect();
    Some(Wanted::of_words(&words)?.socket(servers))
}

/// A digest of [`AGENT_SOURCES`].
pub(crate) fn agent_key() -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in AGENT_SOURCES {
        hasher.update(name.as_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

/// The command that makes the system in `dir` anew.
pub(crate) fn made_anew(system: &System, dir: &Path) -> String {
    let series = kernels::series(&release_of(dir));
    let which = match kernels::Packaged::find(system, Some(&series)) {
        Some(_) => format!("{}@linux-{series}", system.triple),
        None => format!("{} --kernel FILE", system.triple),
    };
    format!("rm -r {} && triplecheck setup --vm {which}", crate::shell::quote(&dir.display().to_string()))
}

impl Wanted {
    /// The system of a launch's words; `None` where they are not ours.
    pub(crate) fn of_words(words: &[OsString]) -> Option<Self> {
        let value = |name: &str| {
            let place = words.iter().position(|word| word == name)?;
            words.get(place + 1)
        };
        Some(Self {
            system: System::named(value("--machine")?.to_str()?)?,
            qemu: value("--qemu")?.into(),
            kernel: value("--kernel")?.into(),
            cpu: value("--cpu")?.to_str()?.to_owned(),
            accelerator: Accelerator::named(value("--accel")?.to_str()?)?,
            board: value("--board")?.to_str()?.to_owned(),
        })
    }

    /// The same as words.
    pub(crate) fn words(&self) -> Vec<OsString> {
        vec![
            "--machine".into(),
            self.system.machine.into(),
            "--qemu".into(),
            self.qemu.clone().into(),
            "--kernel".into(),
            self.kernel.clone().into(),
            "--cpu".into(),
            self.cpu.clone().into(),
            "--accel".into(),
            self.accelerator.name().into(),
            "--board".into(),
            self.board.clone().into(),
        ]
    }

    /// How it is started; what differs from one start to the next is left out.
    fn start(&self) -> Start<'_> {
        Start {
            accelerator: self.accelerator,
            board: &self.board,
            cpu: &self.cpu,
            kernel: &self.kernel,
            port_fd: 0,
            share: Path::new("/"),
            memory_mib: MEMORY_MIB,
            memory: Memory::Own,
            monitor_fd: None,
        }
    }

    /// The command that makes the snapshot from which it is restored.
    pub(crate) fn setup(&self) -> String {
        let release = release_of(&self.kernel);
        let variant = match self.accelerator {
            Accelerator::Tcg if self.cpu != kernels::cpu(self.system, &release) => self.cpu.clone(),
            Accelerator::Tcg | Accelerator::Kvm => format!("linux-{}", kernels::series(&release)),
        };
        format!("`triplecheck setup --vm {}@{variant}`", self.system.triple)
    }

    /// What makes a system anew that is not as it should be: with the same kernel, which is Debian's or the user's.
    pub(crate) fn remedy(&self) -> String {
        format!("`{}` makes the system anew", made_anew(self.system, &self.kernel))
    }

    /// The same under TCG, with the board and the processor that are right for it.
    fn under_tcg(&self) -> Self {
        Self {
            accelerator: Accelerator::Tcg,
            board: self.system.board.to_owned(),
            cpu: kernels::cpu(self.system, &release_of(&self.kernel)).to_owned(),
            ..self.clone()
        }
    }

    /// The name of the socket on which its server listens: short, because the kernel allows 107 bytes for the whole path.
    pub(crate) fn socket(&self, servers: &Path) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        for word in self.words() {
            hasher.update(word.as_encoded_bytes());
            hasher.update(&[0]);
        }
        servers.join(&hasher.finalize().to_hex()[..12])
    }

    /// `linux-6.1`: by which reports name the kernel.
    pub(crate) fn kernel_name(&self) -> String {
        format!("linux-{}", kernels::series(&release_of(&self.kernel)))
    }
}

impl Words {
    /// `--machine M --qemu Q --kernel K --cpu C --accel A --board B [--sysroot S] --argv0 A -- PROGRAM ARG…`
    fn read(words: &[OsString]) -> Option<Self> {
        let end = words.iter().position(|word| word == "--")?;
        let (options, rest) = (&words[..end], &words[end + 1..]);
        let (program, args) = rest.split_first()?;
        let value = |name: &str| {
            let place = options.iter().position(|word| word == name)?;
            options.get(place + 1).cloned()
        };
        Some(Self {
            wanted: Wanted::of_words(options)?,
            sysroot: value("--sysroot").map(PathBuf::from),
            argv0: value("--argv0"),
            program: program.into(),
            args: args.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lookup takes any system whose file has this name. An agent that was changed must not be taken for the one before.
    #[test]
    fn a_changed_agent_has_a_new_name() {
        let known = ("initramfs-16", "b09cbca096b831b276c4bfe7c387520f93cf15f773cfadf7ebfad1443358ca38");
        assert_eq!(
            (triplecheck_emulators::vm::INITRAMFS, agent_key().as_str()),
            known,
            "give `INITRAMFS` the next number, and write both here"
        );
    }

    #[test]
    fn what_is_not_as_it_should_be_is_made_anew_with_the_same_kernel() {
        for (release, setup) in [
            ("6.12.117+deb13-16k", "setup --vm aarch64-unknown-linux-gnu@linux-6.12-16k`"),
            ("6.1.0-50", "setup --vm aarch64-unknown-linux-gnu@linux-6.1`"),
            ("7.2.0-mine", "setup --vm aarch64-unknown-linux-gnu --kernel FILE`"),
        ] {
            let words =
                format!("--machine aarch64 --qemu q --kernel /c/{release} --cpu c --accel tcg --board b");
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            let remedy = Wanted::of_words(&words).unwrap().remedy();
            assert!(remedy.contains(&format!("rm -r /c/{release} && triplecheck {setup}")), "{remedy}");
        }
    }

    #[test]
    fn a_snapshot_is_made_for_the_kernel_or_the_processor_that_is_wanted() {
        for (cpu, setup) in
            [(System::named("aarch64").unwrap().cpu, "@linux-6.1`"), ("cortex-a53", "@cortex-a53`")]
        {
            let words =
                format!("--machine aarch64 --qemu q --kernel /c/6.1.0-50 --cpu {cpu} --accel tcg --board b");
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            let setup_of = Wanted::of_words(&words).unwrap().setup();
            assert!(setup_of.ends_with(setup), "{setup_of}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        let text = "--machine s390x --qemu /q --kernel /c/vm/s390x/6.1.0-50 --cpu host --accel kvm --board b \
                    --sysroot /s --argv0 n -- /p -- x";
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        let read = Words::read(&words).unwrap();
        assert_eq!(read.wanted.words(), words[..12]);
        assert_eq!(read.wanted.kernel_name(), "linux-6.1");
        assert_eq!((read.sysroot, read.argv0), (Some("/s".into()), Some("n".into())));
        assert_eq!((read.program, read.args), ("/p".into(), vec!["--".into(), "x".into()]));
        let under_tcg = read.wanted.under_tcg();
        assert_eq!((under_tcg.cpu.as_str(), under_tcg.board.as_str()), ("max", "s390-ccw-virtio"));
        assert!(Words::read(&words[..13]).is_none());
        assert!(Words::read(&words[2..]).is_none());
    }
}
