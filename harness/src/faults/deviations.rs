//! What is known to be otherwise under an emulator than on the real thing, by emulator, version and symptom.
//!
//! A row stands beside a failure whose symptom it explains; whoever reads it has to judge. Each says in which version it
//! was seen, on 2026-11-25 unless it says otherwise, and since which version it is gone, where that is known: a newer
//! version that nobody has looked at may still have it.

use triplecheck_emulators::launch::Kind;

use super::log::{ENOSYS, SECCOMP_REQUEST};
use super::{Log, feature, instructions};
use crate::compare::Side;
use crate::observation::End;
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

/// One thing that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deviation {
    kind: Kind,
    /// The version in which it was seen.
    seen: &'static str,
    /// The first version without it.
    gone: Option<&'static str>,
    symptom: Symptom,
    /// Whether a kernel of the guest's own machine has what is missing, so that a failure of which the program tells is
    /// cause enough.
    lifted_by_a_kernel: bool,
    /// One sentence.
    text: &'static str,
}

/// How it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symptom {
    /// One of these system calls failed with this errno.
    Call(&'static [&'static str], u32),
    /// The instruction that the guest died of needs this.
    Feature(&'static str),
    /// The target's output says this, and the native one does not.
    Says(&'static str),
    /// The native output says this, and the target's does not.
    LacksWords(&'static str),
    /// The target's output has the bits of a NaN that the native one has not.
    NanBits,
    /// A signal killed the target; natively it was this other one.
    Signal(i32, i32),
    /// SIGSEGV killed the target, and natively the program said these words of its own.
    DiesWhereNativeSays(&'static str),
    /// The target's output says this, and then its module executed `unreachable`.
    TrapsAfter(&'static str),
}

const EINVAL: u32 = 22;
const SIGSEGV: i32 = 11;

const ROWS: &[Deviation] = &[
    lifted(
        Symptom::Call(&["ptrace"], ENOSYS),
        "`ptrace` is not emulated (ENOSYS): debuggers, tracers and sandboxes built on it do not work",
    ),
    lifted(
        Symptom::Call(&["io_uring_setup", "io_uring_enter", "io_uring_register"], ENOSYS),
        "io_uring is not emulated (ENOSYS)",
    ),
    lifted(Symptom::Call(&["seccomp"], ENOSYS), "`seccomp` is not emulated (ENOSYS)"),
    lifted(Symptom::Call(&[SECCOMP_REQUEST], EINVAL), "a filter of system calls is refused (EINVAL)"),
    qemu(Symptom::Call(&["prctl"], EINVAL), "`prctl` passes on only some requests (EINVAL)"),
    lifted(
        Symptom::Call(&["unshare", "setns"], EINVAL),
        "a user's namespace and others that are for one thread alone are refused (EINVAL)",
    ),
    qemu(
        Symptom::Call(&["clone"], EINVAL),
        "`clone` is either a thread or a fork: other flags are refused (EINVAL)",
    ),
    lifted(
        Symptom::Call(
            &[
                "bpf",
                "process_vm_readv",
                "process_vm_writev",
                "kexec_load",
                "keyctl",
                "add_key",
                "request_key",
            ],
            ENOSYS,
        ),
        "the emulator lacks this system call (ENOSYS), which the kernel has",
    ),
    qemu(
        Symptom::Call(
            &[
                "perf_event_open",
                "userfaultfd",
                "fanotify_init",
                "mlock2",
                "openat2",
                "futex_waitv",
                "memfd_secret",
                "landlock_create_ruleset",
                "landlock_add_rule",
                "landlock_restrict_self",
                "quotactl",
                "mbind",
                "move_pages",
                "migrate_pages",
                "pkey_alloc",
                "pkey_mprotect",
                "vmsplice",
                "fsopen",
                "open_tree",
                "move_mount",
                "mount_setattr",
                "process_madvise",
                "process_mrelease",
                "cachestat",
                "fchmodat2",
            ],
            ENOSYS,
        ),
        "the emulator lacks this system call (ENOSYS), which the kernel has",
    ),
    qemu(
        Symptom::Says("Function not implemented"),
        "the emulator lacks a system call (ENOSYS), which the kernel has: `ptrace`, io_uring, `seccomp`, `bpf` and others",
    ),
    qemu(
        Symptom::Says("os error 38"),
        "the emulator lacks a system call (ENOSYS), which the kernel has: `ptrace`, io_uring, `seccomp`, `bpf` and others",
    ),
    qemu(
        Symptom::LacksWords("No such file or directory"),
        "`posix_spawn` reports success for a program that cannot be started: the child then ends with 127",
    ),
    qemu(
        Symptom::LacksWords("os error 2"),
        "`Command::spawn` reports success for a program that cannot be started: the child then ends with 127",
    ),
    qemu(Symptom::Says("obust mutex"), "robust futexes are not emulated: `set_robust_list` is ENOSYS"),
    qemu(Symptom::Says("rseq"), "restartable sequences are not emulated: `rseq` is ENOSYS"),
    qemu(
        Symptom::Says("qemu-"),
        "`/proc/self/comm` and what other processes see of the guest name the emulator; `/proc/self/exe` is the guest's",
    ),
    qemu(
        Symptom::Says("Exec format error"),
        "a guest can start programs of its own machine only where they are registered with the kernel (`--children`)",
    ),
    qemu(
        Symptom::DiesWhereNativeSays("overflow"),
        "a handler on an alternate stack is not reliably called when the guest's stack overflows",
    ),
    qemu(
        Symptom::Signal(34, 36),
        "real-time signals are moved by two, because the emulator's C library keeps two",
    ),
    qemu(
        Symptom::Call(&["mmap", "mprotect", "munmap"], EINVAL),
        "where the host's pages are larger than the guest's, mappings that the guest's page size allows are refused",
    ),
    qemu(Symptom::Feature("AVX-512"), "TCG translates no AVX-512: a model that has it runs without"),
    qemu(Symptom::Feature("SHA"), "TCG translates no SHA extensions of x86"),
    qemu(Symptom::Feature("GFNI"), "TCG translates no GFNI"),
    qemu(
        Symptom::NanBits,
        "the payload of a NaN may be the host's, and its sign that of the translated operation",
    ),
    Deviation {
        kind: Kind::Wine,
        seen: "8.0",
        gone: Some("9.0"),
        lifted_by_a_kernel: false,
        symptom: Symptom::Says("bcryptprimitives"),
        text: "`bcryptprimitives.dll` is missing, which Rust's and Go's runtimes load",
    },
    wine(Symptom::Says("10047"), "there are no sockets of the family AF_UNIX (WSAEAFNOSUPPORT)"),
    wine(Symptom::Says("os error 120"), "the function is a stub (ERROR_CALL_NOT_IMPLEMENTED)"),
    wine(Symptom::Says("os error 50"), "the request is not supported (ERROR_NOT_SUPPORTED)"),
    vm(Symptom::Says("No space left on device"), FILES_IN_MEMORY),
    vm(Symptom::Says("os error 28"), FILES_IN_MEMORY),
    vm(Symptom::Says("Cannot allocate memory"), MEMORY),
    vm(Symptom::Says("os error 12"), MEMORY),
    vm(Symptom::Says("memory allocation of"), MEMORY),
    Deviation {
        kind: Kind::Wasi,
        seen: "preview 1",
        gone: None,
        lifted_by_a_kernel: false,
        symptom: Symptom::Says("not supported on this platform"),
        text: "WASI preview 1 has no threads, no processes and no sockets of its own",
    },
    Deviation {
        kind: Kind::Wasi,
        seen: "node 18",
        gone: None,
        lifted_by_a_kernel: false,
        symptom: Symptom::Says("Capabilities insufficient"),
        text: "node follows a relative symbolic link from the directory that was opened, and not from the link's own",
    },
    Deviation {
        kind: Kind::Wasi,
        seen: "rustup's std of 1.95",
        gone: None,
        lifted_by_a_kernel: false,
        symptom: Symptom::TrapsAfter("panicked at"),
        text: "a panic ends the program and cannot be caught: `triplecheck setup wasm32-wasip1` brings a std that unwinds, and node",
    },
];

const fn qemu(symptom: Symptom, text: &'static str) -> Deviation {
    Deviation { kind: Kind::QemuUser, seen: "7.2", gone: None, symptom, lifted_by_a_kernel: false, text }
}

/// What user-mode emulation lacks because it has no kernel.
const fn lifted(symptom: Symptom, text: &'static str) -> Deviation {
    Deviation { lifted_by_a_kernel: true, ..qemu(symptom, text) }
}

/// What a guest system lacks, as we start it.
const FILES_IN_MEMORY: &str =
    "what a program writes stays in the guest's memory until its end, and is at most 400 MiB";
const MEMORY: &str = "a guest system has 1 GiB of memory, for its kernel and for all that runs in it";

const fn vm(symptom: Symptom, text: &'static str) -> Deviation {
    Deviation {
        kind: Kind::Vm,
        seen: env!("CARGO_PKG_VERSION"),
        gone: None,
        symptom,
        lifted_by_a_kernel: false,
        text,
    }
}

const fn wine(symptom: Symptom, text: &'static str) -> Deviation {
    Deviation { kind: Kind::Wine, seen: "8.0", gone: None, symptom, lifted_by_a_kernel: false, text }
}

/// What a failure shows.
#[derive(Debug, Clone, Copy)]
pub struct Symptoms<'a> {
    /// The native run.
    pub native: Side<'a>,
    /// The target's.
    pub target: Side<'a>,
    /// The machine of the target.
    pub machine: Option<&'static Machine>,
    /// The emulator's version, where it is known.
    pub version: Option<&'a str>,
}

/// What is known that may be behind a failure, one sentence each.
pub fn known(symptoms: &Symptoms<'_>) -> Vec<String> {
    let emulator = symptoms.target.emulator;
    let log = Log::of(symptoms.target);
    let calls = log.failed_calls();
    let feature = log.last_instruction().and_then(|last| feature(symptoms.machine?, &last));
    let mut told: Vec<String> = ROWS
        .iter()
        .filter(|row| row.kind == emulator && row.is_in(symptoms.version))
        .filter(|row| row.symptom.shows(symptoms, &calls, feature))
        .map(|row| row.sentence(&calls))
        .collect();
    told.extend(log.stubs().into_iter().map(|remark| format!("wine itself says: {remark}")));
    told
}

/// How a program tells of a call's error: in the C library's words and in Rust's number.
const TOLD: [(u32, [&str; 2]); 2] =
    [(ENOSYS, ["Function not implemented", "os error 38"]), (EINVAL, ["Invalid argument", "os error 22"])];

/// Whether what the program printed tells of this error.
fn tells_of(target: Side<'_>, errno: u32) -> bool {
    let words = TOLD.iter().find(|(number, _)| *number == errno).map_or(&[][..], |(_, words)| words);
    let printed = [&target.observation.stdout, &target.observation.stderr];
    let is_in = |word: &str| printed.iter().any(|text| memchr::memmem::find(text, word.as_bytes()).is_some());
    words.iter().any(|word| is_in(word))
}

/// The system calls that failed although a kernel of the program's own machine has them: why it failed, in one sentence. A call of
/// whose error the program says nothing is none of them: event loops try io_uring, and do without it.
pub fn lacking_kernel(target: Side<'_>) -> Option<String> {
    let mut calls = Log::of(target).failed_calls();
    calls.retain(|(_, errno)| tells_of(target, *errno));
    let lacks = |call: &&(String, u32)| {
        ROWS.iter().any(|row| {
            let is_of_it = matches!(row.symptom, Symptom::Call(names, errno)
                if errno == call.1 && names.contains(&call.0.as_str()));
            row.lifted_by_a_kernel && row.kind == target.emulator && is_of_it
        })
    };
    let names: Vec<&str> = calls.iter().filter(lacks).map(|call| call.0.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} has no kernel of the program's own machine, and `{}` fails under it; a guest system has one: \
             `--emulator vm`, or `needs = \"kernel\"` in the manifest",
            target.emulator,
            names.join("`, `")
        )
    })
}

/// Whether the guest has tried to start a program of which the kernel did not know the format.
pub fn has_started_in_vain(target: Side<'_>) -> bool {
    const ENOEXEC: u32 = 8;
    let calls = Log::of(target).failed_calls();
    calls.iter().any(|(name, errno)| *errno == ENOEXEC && matches!(name.as_str(), "execve" | "execveat"))
}

impl Deviation {
    fn is_in(&self, version: Option<&str>) -> bool {
        match (self.gone, version) {
            (Some(gone), Some(version)) => is_older(version, gone),
            (None, _) | (_, None) => true,
        }
    }

    fn sentence(&self, calls: &[(String, u32)]) -> String {
        let range = match self.gone {
            Some(gone) => format!("before {gone}"),
            None => format!("seen in {}", self.seen),
        };
        let which = match self.symptom {
            Symptom::Call(names, errno) => {
                let failed = calls.iter().filter(|call| call.1 == errno && names.contains(&call.0.as_str()));
                let failed: Vec<&str> = failed.map(|call| call.0.as_str()).collect();
                format!(" [{}]", failed.join(", "))
            }
            Symptom::Feature(_)
            | Symptom::Says(_)
            | Symptom::LacksWords(_)
            | Symptom::NanBits
            | Symptom::Signal(..)
            | Symptom::DiesWhereNativeSays(_)
            | Symptom::TrapsAfter(_) => String::new(),
        };
        format!("known deviation of {} ({range}): {}{which}", self.kind, self.text)
    }
}

impl Symptom {
    fn shows(self, symptoms: &Symptoms<'_>, calls: &[(String, u32)], feature: Option<&str>) -> bool {
        let (native, target) = (symptoms.native, symptoms.target);
        match self {
            Self::Call(names, errno) => {
                calls.iter().any(|call| call.1 == errno && names.contains(&call.0.as_str()))
            }
            Self::Feature(wanted) => feature == Some(wanted),
            Self::Says(words) => says(target, words) && !says(native, words),
            Self::LacksWords(words) => says(native, words) && !says(target, words),
            Self::NanBits => {
                let at_home = nans(native);
                nans(target).iter().any(|bits| !at_home.contains(bits))
            }
            Self::Signal(at_home, there) => {
                native.observation.end == (End::Signalled { signal: at_home })
                    && target.observation.end == (End::Signalled { signal: there })
            }
            Self::DiesWhereNativeSays(words) => {
                target.observation.end == (End::Signalled { signal: SIGSEGV })
                    && native.observation.end != target.observation.end
                    && says(native, words)
                    && !says(target, words)
            }
            Self::TrapsAfter(words) => {
                let observation = target.observation;
                let mut lines = super::lines::own(&observation.stderr, target.emulator);
                says(target, words)
                    && native.observation.end != observation.end
                    && lines.any(|line| line.contains("trap: unreachable"))
            }
        }
    }
}

/// Whether the program said this on either stream.
fn says(side: Side<'_>, words: &str) -> bool {
    let (stderr, _) = super::split(&side.observation.stderr, side.emulator);
    let in_text = |text: &[u8]| text.windows(words.len()).any(|part| part == words.as_bytes());
    in_text(&side.observation.stdout) || in_text(&stderr)
}

/// The words of 8 or 16 hexadecimal digits on standard output that are the bits of a NaN.
fn nans(side: Side<'_>) -> Vec<u64> {
    let text = String::from_utf8_lossy(&side.observation.stdout);
    let bits = |word: &str| {
        let digits = word.trim_start_matches("0x");
        let bits = u64::from_str_radix(digits, 16).ok()?;
        let is_nan = match digits.len() {
            8 => f32::from_bits(u32::try_from(bits).ok()?).is_nan(),
            16 => f64::from_bits(bits).is_nan(),
            _ => false,
        };
        is_nan.then_some(bits)
    };
    text.split(|character: char| !character.is_ascii_alphanumeric()).filter_map(bits).collect()
}

/// Whether one version is older than another, by major and minor number.
fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    numbers(version) < numbers(than)
}

/// What a guest died of that was ended by an instruction: the instruction, the function it is in, and what it needs.
pub fn instruction(target: Side<'_>, of: &Target) -> Option<String> {
    if !matches!(target.observation.end, End::Signalled { signal: 4 | 5 }) {
        return None;
    }
    let last = Log::of(target).last_instruction()?;
    let bytes: Vec<String> = last.code.iter().map(|byte| format!("{byte:02x}")).collect();
    let what = if last.text.is_empty() || last.text.starts_with('.') {
        format!("`{}`", bytes.join(" "))
    } else {
        format!("`{}` ({})", last.text, bytes.join(" "))
    };
    let place = last.function.as_ref().map_or(String::new(), |function| format!(" in `{function}`"));
    let model = of.cpu_variant().map_or(String::new(), |model| format!(", which `{model}` lacks"));
    Some(match of.machine().and_then(|machine| feature(machine, &last)) {
        Some(instructions::STOP) => format!("it stops itself with {what}{place}"),
        Some(needs) => format!("the instruction {what}{place} needs {needs}{model}"),
        None => format!("the instruction {what}{place} is not known to this processor"),
    })
}
