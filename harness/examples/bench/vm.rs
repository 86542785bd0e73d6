//! What guest systems cost, for each that `triplecheck setup --vm` has made: a cold boot against the same kernel's bare
//! boot, a restored snapshot against a cold boot, a further program in a running guest against the same program under user-mode emulation, and the memory of many
//! guests at once against that of one.

use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::{Memory, SYSTEMS, Start, System};
use triplecheck_emulators::vm::{INITRAMFS, KERNEL};

mod peers;

use super::{Bench, Outcome, Samples, milliseconds, quiet, timed};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// How often a program is started in a running guest.
const STARTS: usize = 20;
/// How many guests share memory.
const GUESTS: usize = 6;
/// A guest's memory, as the servers have it.
const MEMORY_MIB: u32 = 1024;

/// A first process that does nothing but say that it is there.
const BARE_INIT: &str = r#"
#include <unistd.h>
int main(void) {
    write(1, "the bare system is up\n", 22);
    for (;;) pause();
}
"#;
/// What is waited for, in case firmware prints something on the same line.
const BARE_WORD: &str = "the bare system is up";

/// A program that reads a file and writes one, whose place in a guest is not used again.
const WRITES: &str = r#"
#include <stdio.h>
int main(void) {
    char line[99] = "";
    FILE *read = fopen("/etc/hostname", "r"), *written = fopen("written", "w");
    if (read) fgets(line, sizeof line, read);
    return fputs(line, written) < 0 || fclose(written) || puts("hello") < 0;
}
"#;

/// C compilers by the machine of the system.
const COMPILERS: [(&str, &str); 6] = [
    ("x86_64", "cc"),
    ("aarch64", "aarch64-linux-gnu-gcc"),
    ("riscv64", "riscv64-linux-gnu-gcc"),
    ("s390x", "s390x-linux-gnu-gcc"),
    ("aarch32", "arm-linux-gnueabihf-gcc"),
    ("powerpc64le", "powerpc64le-linux-gnu-gcc"),
];

/// A system, and programs for it.
struct Subject {
    system: &'static System,
    cc: &'static str,
    /// A static and a dynamic program that print one line, and a static one that reads and writes as well.
    programs: [(&'static str, PathBuf); 3],
}

impl Bench {
    pub(super) fn vm(&self) -> Outcome {
        let mut is_any = false;
        for system in &SYSTEMS {
            let measured = self.subject(system).and_then(|subject| {
                self.starts(&subject)?;
                self.further_cells(&subject)?;
                self.memory(&subject)
            });
            match measured {
                Ok(()) => is_any = true,
                Err(error) => println!("vm     {}: not measured: {error}", system.machine),
            }
        }
        if is_any { Ok(()) } else { Err("`triplecheck setup --vm` makes guest systems".into()) }
    }

    fn subject(&self, system: &'static System) -> Fallible<Subject> {
        let compiler = COMPILERS.iter().find(|(machine, _)| *machine == system.machine);
        let (_, cc) = compiler.ok_or("no C compiler is known for it")?;
        let hello = |kind: &'static str, flags: &[&str]| -> Fallible<(&'static str, PathBuf)> {
            Ok((kind, self.hello_with(cc, &format!("vm-{kind}-{}", system.machine), flags)?))
        };
        let writes = self.compiled(cc, &format!("vm-writes-{}", system.machine), WRITES, &["-static"])?;
        let programs = [hello("static", &["-static"])?, hello("dynamic", &[])?, ("writing", writes)];
        let words = self.vm_words(&programs[0].1)?;
        let runs_it = word(&words, "--machine")?;
        if runs_it != system.machine {
            let setup = format!("`triplecheck setup --vm {}` makes one of its own", system.triple);
            return Err(format!("its programs run in that of {runs_it}: {setup}").into());
        }
        Ok(Subject { system, cc, programs })
    }

    /// From nothing to the end of the first program, against the time from the start of QEMU with the very same words and
    /// kernel to the first line of a first process that loads no module, mounts nothing and has no program to run; and
    /// the same with a system that is restored from its snapshot.
    fn starts(&self, subject: &Subject) -> Outcome {
        let restored_words = self.vm_words(&subject.programs[0].1)?;
        let (bare, cold) = (self.bare(subject, &restored_words)?, self.cold(subject, &restored_words)?);
        let place = restored_words.iter().position(|word| word == "--kernel").ok_or("no kernel")?;
        let mut cold_words = restored_words.clone();
        cold.to_str().ok_or("an odd name")?.clone_into(&mut cold_words[place + 1]);
        let (mut colds, mut bares, mut restoreds) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            colds.push(timed(&mut command(&cold_words))?);
            bares.push(bare_boot(subject.system, &restored_words, &bare)?);
            restoreds.push(timed(&mut command(&restored_words))?);
        }
        let (colds, bares, restoreds) =
            (Samples::sorted(&mut colds), Samples::sorted(&mut bares), Samples::sorted(&mut restoreds));
        println!(
            "vm     {}: cold boot to the end of the first program {colds}, bare boot {bares}: ratio {:.2}",
            subject.system.machine,
            colds.median() / bares.median()
        );
        println!(
            "vm     {}: restored to the end of the first program {restoreds}: {:.1} times as fast as cold",
            subject.system.machine,
            colds.median() / restoreds.median()
        );
        Ok(())
    }

    /// A directory with the same system and without a snapshot of it.
    fn cold(&self, subject: &Subject, words: &[String]) -> Fallible<PathBuf> {
        let dir = self.work.join(format!("cold-{}", subject.system.machine));
        let kernel = Path::new(word(words, "--kernel")?);
        place_cold(kernel, &dir)?;
        if !kernel.join("snapshots").is_dir() {
            return Err("there is no snapshot: `triplecheck setup --vm` makes it".into());
        }
        Ok(dir)
    }

    /// A directory with the same kernel and [`BARE_INIT`].
    fn bare(&self, subject: &Subject, words: &[String]) -> Fallible<PathBuf> {
        let dir = self.work.join(format!("bare-{}", subject.system.machine));
        std::fs::create_dir(&dir)?;
        let (source, init) = (dir.join("init.c"), dir.join("init"));
        std::fs::write(&source, BARE_INIT)?;
        let built = quiet(subject.cc).args(["-O1", "-static", "-o"]).arg(&init).arg(&source).status()?;
        if !built.success() {
            return Err(format!("`{}` fails", subject.cc).into());
        }
        std::os::unix::fs::symlink(Path::new(word(words, "--kernel")?).join(KERNEL), dir.join(KERNEL))?;
        std::fs::write(dir.join(INITRAMFS), archive(&std::fs::read(init)?)?)?;
        Ok(dir)
    }

    /// A program in a guest that runs already, in namespaces and an overlay of its own, against the same program under
    /// user-mode emulation. Both as the harness starts them.
    fn further_cells(&self, subject: &Subject) -> Outcome {
        let words = self.vm_words(&subject.programs[0].1)?;
        let servers = self.work.join(format!("s-{}", subject.system.machine));
        std::fs::create_dir(&servers)?;
        let _server = Server::start(&self.binary, &words, &servers)?;
        for (kind, program) in &subject.programs {
            let words = self.vm_words(program)?;
            let started = |words: &[String]| {
                let mut command = command(words);
                command.env("TRIPLECHECK_VM_SERVERS", &servers).current_dir(&self.work);
                command
            };
            let user = self.words_with(&["--emulator", "qemu-user"], program)?;
            let (further, user) = super::paired(STARTS, &|| started(&words), &|| started(&user))?;
            println!(
                "vm     {}: a further {kind} program {further}, under qemu-user {user}: ratio {:.2}",
                subject.system.machine,
                further.median() / user.median()
            );
        }
        Ok(())
    }

    /// The memory of many guests that have run a program each, in proportion to how many share a page, against that of one.
    fn memory(&self, subject: &Subject) -> Outcome {
        let words = self.vm_words(&subject.programs[0].1)?;
        let mut servers = Vec::new();
        let mut one_kib = 0;
        for number in 0..GUESTS {
            let dir = self.work.join(format!("m{number}-{}", subject.system.machine));
            std::fs::create_dir(&dir)?;
            servers.push(Server::start(&self.binary, &words, &dir)?);
            timed(command(&words).env("TRIPLECHECK_VM_SERVERS", &dir))?;
            if number == 0 {
                one_kib = servers[0].qemu_pss_kib()?;
            }
        }
        let all_kib: u64 = servers.iter().map(Server::qemu_pss_kib).sum::<Fallible<u64>>()?;
        let count = u64::try_from(GUESTS)?;
        println!(
            "vm     {}: {GUESTS} guests at once {} MiB, {GUESTS} times one {} MiB: ratio {:.2}",
            subject.system.machine,
            all_kib / 1024,
            one_kib * count / 1024,
            all_kib as f64 / (one_kib * count) as f64
        );
        Ok(())
    }

    fn vm_words(&self, program: &Path) -> Fallible<Vec<String>> {
        self.words_with(&["--emulator", "vm"], program)
    }
}

/// A server that has its guest up.
struct Server {
    process: Child,
    /// It ends when this is closed.
    life_line: Option<UnixStream>,
}

impl Server {
    fn start(binary: &Path, words: &[String], dir: &Path) -> Fallible<Self> {
        let socket = triplecheck::vm::socket(words, dir).ok_or("these words name no system")?;
        let (ours, theirs) = UnixStream::pair()?;
        let end = words.iter().position(|word| word == "--argv0").ok_or("these words have no end")?;
        let mut command = Command::new(binary);
        command.arg("__vm-serve").args(&words[2..end]).arg("--listen").arg(socket);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        drop(command);
        let mut answer = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut answer)?;
        match answer.as_str() {
            "up\n" => Ok(Self { process, life_line: Some(ours) }),
            _ => Err(format!("a guest system does not come up: {answer}").into()),
        }
    }

    /// The proportional set size of its QEMU (proc(5), `smaps_rollup`).
    fn qemu_pss_kib(&self) -> Fallible<u64> {
        let id = self.process.id();
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread that has ended meanwhile has none.
            let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                let rollup = std::fs::read_to_string(format!("/proc/{child}/smaps_rollup"))?;
                let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
                let number = pss.and_then(|text| text.trim().strip_suffix(" kB"));
                sum += number.ok_or("the kernel tells no proportional set size")?.trim().parse::<u64>()?;
            }
        }
        Ok(sum)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.life_line.take());
        let _ = self.process.wait();
    }
}

/// Makes `dir` a directory with the system that `kernel` has, and without its snapshot.
fn place_cold(kernel: &Path, dir: &Path) -> Outcome {
    std::fs::create_dir(dir)?;
    for name in [KERNEL, INITRAMFS] {
        std::os::unix::fs::symlink(kernel.join(name), dir.join(name))?;
    }
    Ok(())
}

fn command(words: &[String]) -> Command {
    let mut command = quiet(&words[0]);
    command.args(&words[1..]);
    command
}

fn word<'a>(words: &'a [String], name: &str) -> Fallible<&'a str> {
    let place = words.iter().position(|word| word == name).ok_or_else(|| format!("no `{name}`"))?;
    Ok(words.get(place + 1).ok_or("the last word has no value")?)
}

/// Milliseconds from the start of QEMU to the line of [`BARE_INIT`].
fn bare_boot(system: &System, words: &[String], dir: &Path) -> Fallible<f64> {
    // The port's other end, at which nobody listens.
    let (_ours, theirs) = UnixStream::pair()?;
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())?;
    let start = Start {
        accelerator: Accelerator::named(word(words, "--accel")?).ok_or("an unknown accelerator")?,
        board: word(words, "--board")?,
        cpu: word(words, "--cpu")?,
        kernel: dir,
        port_fd: theirs.as_raw_fd(),
        share: Path::new("/"),
        memory_mib: MEMORY_MIB,
        memory: Memory::Own,
        monitor_fd: None,
    };
    let mut qemu = Command::new(word(words, "--qemu")?);
    qemu.args(system.words(&start)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut qemu = qemu.spawn()?;
    let mut console = BufReader::new(qemu.stdout.take().ok_or("no console")?);
    let mut line = Vec::new();
    let came_up = loop {
        line.clear();
        if console.read_until(b'\n', &mut line)? == 0 {
            break false;
        }
        if String::from_utf8_lossy(&line).contains(BARE_WORD) {
            break true;
        }
    };
    let took = milliseconds(begun.elapsed());
    qemu.kill()?;
    qemu.wait()?;
    if came_up { Ok(took) } else { Err("the bare system does not come up".into()) }
}

/// An archive in the kernel's own format (`newc`) with a console and the first process.
fn archive(init: &[u8]) -> Fallible<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut add = |name: &str, mode: u32, device: (u32, u32), contents: &[u8]| -> Outcome {
        let (size, length) = (u32::try_from(contents.len())?, u32::try_from(name.len() + 1)?);
        bytes.extend_from_slice(b"070701");
        for number in [0, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, length, 0] {
            bytes.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        for part in [[name.as_bytes(), &[0]].concat().as_slice(), contents] {
            bytes.extend_from_slice(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        Ok(())
    };
    add("dev", 0o40_755, (0, 0), &[])?;
    add("dev/console", 0o20_600, (5, 1), &[])?;
    add("init", 0o100_755, (0, 0), init)?;
    add("TRAILER!!!", 0, (0, 0), &[])?;
    Ok(bytes)
}
