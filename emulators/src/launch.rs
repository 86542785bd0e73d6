//! How a program is started through its emulator: a value from which command lines are made without any I/O.
//!
//! A launch is decided once per target (or program) and then makes one [`CommandLine`] per start. Nothing here
//! looks at a file, at the environment or at the current directory: what depends on them was decided before.
//! Surprising: a program's path is a path and never a name, so `prog` becomes `./prog`. Every consumer would
//! otherwise look it up in its own way: the kernel not at all, Wine among its own tools, QEMU as an option
//! when it starts with a dash.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

mod semihosting;
mod shell;

use semihosting::Form;
pub use semihosting::{SEMIHOSTING_CONSOLE, SEMIHOSTING_LINE, SEMIHOSTING_WORDS};

/// The kinds of emulator. Native is one of them, so that nothing treats it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The host's processor and kernel run it.
    Native,
    /// QEMU's user-mode emulation.
    QemuUser,
    /// Wine.
    Wine,
    /// A WASI runtime: built in, or node.
    Wasi,
    /// A board under `qemu-system-…`, for programs without an operating system.
    QemuSystem,
    /// A guest system: a kernel of the program's machine under `qemu-system-…`.
    Vm,
    /// Another machine.
    Remote,
    /// A command that the user gave.
    Custom,
}

/// Which emulator, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emulator {
    /// Its kind.
    pub kind: Kind,
    /// The program, `None` for native.
    pub program: Option<PathBuf>,
    /// The CPU model passed to it, `None` for its default.
    pub cpu: Option<String>,
}

/// The word in [`Launch::prefix`] that is replaced by the guest's `argv[0]`.
pub const ARGV0: &str = "{argv0}";

/// Everything that starts one target's programs, but for the program itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The emulator.
    pub emulator: Emulator,
    /// Words before the program's path, the emulator's own path first. A word that is exactly [`ARGV0`] stands
    /// for the guest's `argv[0]`; where one is [`SEMIHOSTING_LINE`] or [`SEMIHOSTING_WORDS`], the guest's arguments
    /// are part of what stands there, and nothing comes after the program's path. Empty where the program is executed itself.
    pub prefix: Vec<OsString>,
    /// Changes to the environment, in order.
    pub env: Vec<EnvChange>,
    /// Where the guest's loader and libraries were found.
    pub sysroot: Option<PathBuf>,
    /// What must be made before the first start.
    pub preparation: Option<Preparation>,
}

/// One change to the environment that the emulator is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvChange {
    /// Set the variable.
    Set(OsString, OsString),
    /// Remove it.
    Remove(OsString),
    /// Put a value in front of a list variable, with this separator.
    Prepend(OsString, OsString, char),
}

/// Something that has to exist before the emulator can start; made once, under a lock, by the harness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// A private Wine prefix at this path, and a server for it.
    WinePrefix {
        /// Directory of the prefix (`WINEPREFIX`).
        prefix: PathBuf,
        /// The wine loader.
        wine: PathBuf,
        /// DLLs to build with the target's C compiler in [`wine_shim_dir`], by name.
        shims: Vec<&'static str>,
    },
    /// The script that makes node a WASI runtime, at this path.
    NodeScript(PathBuf),
}

/// Where the shims of the Wine prefix at `prefix` are built: beside it, so that a prefix can be made anew
/// without them. The directory stands in the launch's `WINEPATH`.
pub fn wine_shim_dir(prefix: &Path) -> PathBuf {
    let mut name = prefix.file_name().unwrap_or_default().to_owned();
    name.push("-shims");
    prefix.with_file_name(name)
}

/// The program to start and the words it gets.
#[derive(Debug, Clone)]
pub struct Guest<'a> {
    /// The program's path.
    pub program: &'a Path,
    /// What it sees as its own name; the path where `None`.
    pub argv0: Option<&'a OsStr>,
    /// Its arguments.
    pub args: &'a [OsString],
}

/// A command line that can be started or pasted into a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program to execute.
    pub program: PathBuf,
    /// `argv[0]`, where it differs from the program.
    pub argv0: Option<OsString>,
    /// The words after it.
    pub args: Vec<OsString>,
    /// Changes to the environment.
    pub env: Vec<EnvChange>,
}

impl Launch {
    /// The command line that starts `guest`. Pure.
    pub fn command(&self, guest: &Guest<'_>) -> CommandLine {
        let program = explicit_path(guest.program);
        let argv0 = guest.argv0.unwrap_or(guest.program.as_os_str());
        let Some((emulator, words)) = self.prefix.split_first() else {
            return CommandLine {
                argv0: (argv0 != program.as_os_str()).then(|| argv0.to_owned()),
                program,
                args: guest.args.to_vec(),
                env: self.env.clone(),
            };
        };
        let mut args: Vec<OsString> = Vec::with_capacity(words.len() + 1 + guest.args.len());
        let mut rest = guest.args;
        for word in words {
            if let Some(form) = Form::of(word) {
                args.push(form.configuration(argv0, guest.args));
                rest = &[];
            } else {
                args.push(if word == ARGV0 { argv0.to_owned() } else { word.clone() });
            }
        }
        args.push(program.into_os_string());
        args.extend_from_slice(rest);
        CommandLine { program: PathBuf::from(emulator), argv0: None, args, env: self.env.clone() }
    }

    /// The first of the guest's words that this emulator has no way to pass on as it is; `None` where it passes
    /// them all. With such a word the guest must not be started: it would see others.
    pub fn unspeakable<'g>(&self, guest: &'g Guest<'_>) -> Option<&'g OsStr> {
        self.prefix.iter().find_map(|word| Form::of(word))?.unspeakable(guest)
    }
}

impl EnvChange {
    /// The variable that it changes.
    pub fn name(&self) -> &OsStr {
        match self {
            EnvChange::Set(name, _) | EnvChange::Remove(name) | EnvChange::Prepend(name, _, _) => name,
        }
    }

    /// The variable's value after this change, from the value before it; `None` where it is not set.
    pub fn apply(&self, before: Option<&OsStr>) -> Option<OsString> {
        match self {
            EnvChange::Set(_, value) => Some(value.clone()),
            EnvChange::Remove(_) => None,
            EnvChange::Prepend(_, value, separator) => Some(prepend(value, *separator, before)),
        }
    }
}

/// `value`, and what was there before behind it. An empty list is no list: `a:` would mean the current
/// directory to the dynamic loader.
fn prepend(value: &OsStr, separator: char, before: Option<&OsStr>) -> OsString {
    let mut list = value.to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        list.push(separator.to_string());
        list.push(before);
    }
    list
}

/// The path with at least one slash that is not preceded by a dash: a path for everyone who reads it.
fn explicit_path(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.contains(&b'/') && !bytes.starts_with(b"-") {
        path.to_owned()
    } else {
        Path::new(".").join(path)
    }
}

impl CommandLine {
    /// The command as one line for a POSIX shell, quoted so that pasting it starts exactly this.
    pub fn to_shell(&self) -> String {
        shell::line(self)
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_shell())
    }
}

impl Kind {
    /// Its name in reports, manifests and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Native => "native",
            Kind::QemuUser => "qemu-user",
            Kind::Wine => "wine",
            Kind::Wasi => "wasi",
            Kind::QemuSystem => "qemu-system",
            Kind::Vm => "vm",
            Kind::Remote => "remote",
            Kind::Custom => "custom",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(prefix: &[&str]) -> Launch {
        Launch {
            emulator: Emulator { kind: Kind::QemuUser, program: None, cpu: None },
            prefix: prefix.iter().map(OsString::from).collect(),
            env: Vec::new(),
            sysroot: None,
            preparation: None,
        }
    }

    #[track_caller]
    fn check(prefix: &[&str], program: &str, argv0: Option<&str>, expected: &str) {
        let args = ["-x".into(), "a b".into()];
        let guest = Guest { program: Path::new(program), argv0: argv0.map(OsStr::new), args: &args };
        assert_eq!(launch(prefix).command(&guest).to_string(), expected);
    }

    #[test]
    fn the_guests_own_name_is_kept() {
        check(&["/q", "-0", ARGV0], "/bin/p", Some("busybox"), "/q -0 busybox /bin/p -x 'a b'");
        check(&["/q", "-0", ARGV0], "/bin/p", None, "/q -0 /bin/p /bin/p -x 'a b'");
        check(&[], "/bin/p", None, "/bin/p -x 'a b'");
        check(&[], "/bin/p", Some("q r"), "bash -c 'exec -a \"$0\" \"$@\"' 'q r' /bin/p -x 'a b'");
    }

    #[test]
    fn arguments_of_a_semihosted_guest_stand_in_their_option_and_nowhere_else() {
        let start = "/q -semihosting-config 'enable=on,target=native,chardev=console,arg=";
        let line = format!(r"{start}p,arg=-x,arg='\''a b'\''' -kernel /bin/p");
        check(&["/q", "-semihosting-config", SEMIHOSTING_LINE, "-kernel"], "/bin/p", Some("p"), &line);
        let words = format!("{start}/bin/p,arg=-x,arg=a b' -kernel /bin/p");
        check(&["/q", "-semihosting-config", SEMIHOSTING_WORDS, "-kernel"], "/bin/p", None, &words);
    }

    #[test]
    fn a_bare_name_or_a_dash_stays_a_path() {
        check(&["/q"], "hostname", None, "/q ./hostname -x 'a b'");
        check(&["/q", "-0", ARGV0], "-d/p", None, "/q -0 -d/p ./-d/p -x 'a b'");
    }

    #[test]
    fn a_list_variable_gets_no_empty_element() {
        let change = EnvChange::Prepend("P".into(), "/a".into(), ':');
        assert_eq!(change.apply(None), Some("/a".into()));
        assert_eq!(change.apply(Some(OsStr::new(""))), Some("/a".into()));
        assert_eq!(change.apply(Some(OsStr::new("/b"))), Some("/a:/b".into()));
    }
}
