//! A cold boot to what the first program prints against the same of virtme-ng and vmtest, on one kernel and under one
//! accelerator, each peer as its documentation starts it and with what was found to be its best.
//!
//! Which kernel is the caller's to say: vmtest needs one with 9p and virtio built in, virtme-ng takes modules beside the image
//! (`lib/modules` in a directory above it), and none is at hand everywhere. Peers have the host's root as the guest's, so
//! that the host's own machine alone is measured. What was to be known of them is from their documentation and `--help`
//! (virtme-ng 1.42, vmtest 0.18.0).

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use triplecheck_emulators::vm::KERNEL;
use triplecheck_emulators::vm::machines::System;

use super::{COMPILERS, Fallible, MEMORY_MIB, place_cold, word};
use crate::{Bench, Outcome, Samples, milliseconds, on_path};

/// The variable that names the kernel's image, and the one that names the directory of its modules.
const KERNEL_VARIABLE: &str = "TRIPLECHECK_BENCH_KERNEL";
const MODULES_VARIABLE: &str = "TRIPLECHECK_BENCH_MODULES";

/// What the program prints.
const PRINTED: &str = "hello";

/// A peer, how to come by it, and the ways to start it.
struct Peer {
    name: &'static str,
    program: &'static str,
    install: &'static str,
    ways: &'static [Way],
}

/// A way to start a peer: what it is called, and the command.
type Way = (&'static str, fn(&Course) -> Fallible<Command>);

const PEERS: [Peer; 2] = [
    Peer {
        name: "virtme-ng",
        program: "vng",
        install: "`pip install virtme-ng` does; it needs udev, busybox and kmod, and is faster with virtiofsd",
        ways: &[
            ("as documented", |course| Ok(course.vng(&course.image, &[]))),
            ("its best", |course| Ok(course.vng(&course.kernel, &course.vng_best()))),
            ("its best over 9p", |course| {
                let options = [course.vng_best(), vec!["--force-9p".to_owned()]].concat();
                Ok(course.vng(&course.kernel, &options))
            }),
        ],
    },
    Peer {
        name: "vmtest",
        program: "vmtest",
        install: "`cargo install vmtest` does; it needs qemu-guest-agent and bash",
        ways: &[
            ("as documented", |course| course.vmtest("documented", &course.image, "")),
            ("its best", |course| {
                let best = format!(
                    "kernel_args = \"quiet loglevel=1\"\n[target.vm]\nnum_cpus = 1\nmemory = \"{MEMORY_MIB}M\"\n"
                );
                course.vmtest("best", &course.kernel, &best)
            }),
        ],
    },
];

/// What all run.
struct Course {
    system: &'static System,
    release: String,
    dir: PathBuf,
    /// The kernel as it was given.
    image: PathBuf,
    /// The kernel in the form that QEMU boots soonest, as `setup --vm` places it, with its modules where virtme-ng looks for
    /// them.
    kernel: PathBuf,
    program: PathBuf,
    /// How ours starts it.
    words: Vec<String>,
    is_kvm: bool,
}

impl Bench {
    pub(crate) fn peers(&self) -> Outcome {
        let (there, missing): (Vec<&Peer>, Vec<&Peer>) =
            PEERS.iter().partition(|peer| on_path(peer.program).is_file());
        for peer in missing {
            println!("peers  {}: not measured: it is not installed: {}", peer.name, peer.install);
        }
        if there.is_empty() {
            return Ok(());
        }
        let image = std::env::var_os(KERNEL_VARIABLE).ok_or_else(|| {
            format!(
                "`{KERNEL_VARIABLE}=FILE` names a kernel for this machine that all can boot, `{MODULES_VARIABLE}=DIR` its modules \
                 where 9p, overlayfs and virtio are not built in"
            )
        })?;
        let course = self.course(&std::path::absolute(image)?)?;
        let accelerator = word(&course.words, "--accel")?;
        println!("peers  {}, linux-{} under {accelerator}", course.system.machine, course.release);
        for peer in there {
            if let Err(error) = self.against(peer, &course) {
                println!("peers  {}: not measured: {error}", peer.name);
            }
        }
        Ok(())
    }

    /// Makes a system of the kernel in a cache of its own, and finds out how ours starts it.
    fn course(&self, image: &Path) -> Fallible<Course> {
        let system =
            System::named(std::env::consts::ARCH).ok_or("there is no guest system for this machine")?;
        let cc = COMPILERS.iter().find(|(machine, _)| *machine == system.machine).map_or("cc", |(_, cc)| *cc);
        let program = self.hello_with(cc, "peers-hello", &["-static"])?;
        let dir = self.work.join("peers");
        let cache = dir.join("cache");
        std::fs::create_dir_all(&cache)?;
        let mut setup = Command::new(&self.binary);
        setup.args(["setup", "--yes", "--vm", system.triple, "--kernel"]).arg(image);
        let modules = std::env::var_os(MODULES_VARIABLE).map(std::path::absolute).transpose()?;
        if let Some(modules) = &modules {
            setup.arg("--modules").arg(modules);
        }
        let made = setup.env("XDG_CACHE_HOME", &cache).current_dir(&dir).output()?;
        if !made.status.success() {
            let said = [made.stdout, made.stderr].concat();
            return Err(format!("`{setup:?}`: {}", String::from_utf8_lossy(&said).trim()).into());
        }
        let mut which = Command::new(&self.binary);
        which.args(["which", "--json", "--emulator", "vm"]).arg(&program).env("XDG_CACHE_HOME", &cache);
        let answer: serde_json::Value = serde_json::from_slice(&which.output()?.stdout)?;
        let listed = answer["command"].as_array().ok_or("`which` gives no command")?;
        let mut words: Vec<String> =
            listed.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
        let made = PathBuf::from(word(&words, "--kernel")?);
        let kernel = dir.join("unpacked").join(KERNEL);
        std::fs::create_dir(dir.join("unpacked"))?;
        std::os::unix::fs::symlink(made.join(KERNEL), &kernel)?;
        if let Some(modules) = &modules {
            let place = dir.join("unpacked/lib/modules");
            std::fs::create_dir_all(&place)?;
            let release = modules.file_name().ok_or("the modules' directory has no name")?;
            std::os::unix::fs::symlink(modules, place.join(release))?;
        }
        let cold = dir.join("cold");
        place_cold(&made, &cold)?;
        let place = words.iter().position(|word| word == "--kernel").ok_or("no kernel")?;
        cold.to_str().ok_or("an odd name")?.clone_into(&mut words[place + 1]);
        let is_kvm = word(&words, "--accel")? == "kvm";
        let release = made.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Course { system, release, dir, image: image.to_owned(), kernel, program, words, is_kvm })
    }

    /// Ours and every way of the peer in turn, after a warm-up that tells which of them run the program.
    fn against(&self, peer: &Peer, course: &Course) -> Outcome {
        let version = Command::new(peer.program).arg("--version").output()?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let ours = || {
            let mut command = Command::new(&course.words[0]);
            command.args(&course.words[1..]);
            until_printed(command)
        };
        ours()?;
        let mut ways = Vec::new();
        for (name, way) in peer.ways {
            match way(course).and_then(until_printed) {
                Ok(_) => ways.push((*name, way, Vec::new())),
                Err(error) => println!("peers  {version} {name}: not measured: {error}"),
            }
        }
        let mut own = Vec::new();
        for _ in 0..self.runs {
            for (_, way, theirs) in &mut ways {
                own.push(ours()?);
                theirs.push(until_printed(way(course)?)?);
            }
        }
        if own.is_empty() {
            // Said of each way.
            return Ok(());
        }
        let own = Samples::sorted(&mut own);
        for (name, _, mut theirs) in ways {
            let theirs = Samples::sorted(&mut theirs);
            println!(
                "peers  cold boot to the first program's line {own}, {version} {name} {theirs}: ratio {:.2}",
                own.median() / theirs.median()
            );
        }
        Ok(())
    }
}

impl Course {
    /// `vng` with a kernel. It chooses between virtiofs, where it finds virtiofsd, and 9p.
    fn vng(&self, kernel: &Path, options: &[String]) -> Command {
        let mut command = Command::new("vng");
        command.arg("--run").arg(kernel).args(options).arg("--exec").arg(&self.program);
        if !self.is_kvm {
            command.arg("--disable-kvm");
        }
        command
    }

    /// One processor, of the model that ours has: the default is `max`, which is slow under TCG.
    fn vng_best(&self) -> Vec<String> {
        let cpu = word(&self.words, "--cpu").unwrap_or(self.system.cpu);
        vec!["--cpus=1".to_owned(), format!("--qemu-opts=-cpu {cpu}")]
    }

    /// `vmtest` with a file of its own.
    fn vmtest(&self, name: &str, kernel: &Path, more: &str) -> Fallible<Command> {
        let file = self.dir.join(format!("vmtest-{name}.toml"));
        let mut text = format!(
            "[[target]]\nname = \"{name}\"\nkernel = {:?}\ncommand = {:?}\n",
            kernel.display().to_string(),
            self.program.display().to_string()
        );
        if !self.is_kvm && Path::new("/dev/kvm").exists() {
            text += &format!("qemu_command = {:?}\n", self.qemu_without_kvm()?.display().to_string());
        }
        std::fs::write(&file, text + more)?;
        let mut command = Command::new("vmtest");
        command.arg("--config").arg(file).env("VMTEST_NO_UI", "1").env("RUST_BACKTRACE", "0");
        Ok(command)
    }

    /// vmtest asks for KVM wherever there is a device; where that is of no use, its words become those that it has for
    /// hosts without one.
    fn qemu_without_kvm(&self) -> Fallible<PathBuf> {
        let file = self.dir.join("qemu-without-kvm");
        let qemu = word(&self.words, "--qemu")?;
        let cpu = if self.system.machine == "x86_64" { "qemu64" } else { "max" };
        let script = format!(
            "#!/bin/sh\nfor word; do\n  shift\n  case $word in\n    -enable-kvm) ;;\n    host) set -- \"$@\" {cpu} ;;\n    \
             *) set -- \"$@\" \"$word\" ;;\n  esac\ndone\nexec '{qemu}' \"$@\"\n"
        );
        std::fs::write(&file, script)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        Ok(file)
    }
}

/// Milliseconds from a command's start to the line that the program prints. What the command does afterwards is not counted:
/// peers shut their system down, ours kills it.
fn until_printed(mut command: Command) -> Fallible<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut stderr = child.stderr.take().ok_or("no output")?;
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let (mut line, mut took, mut printed_last) = (Vec::new(), None, String::new());
    while stdout.read_until(b'\n', &mut line)? > 0 {
        if line.trim_ascii() == PRINTED.as_bytes() {
            took = took.or(Some(milliseconds(begun.elapsed())));
        }
        if !line.trim_ascii().is_empty() {
            printed_last = String::from_utf8_lossy(line.trim_ascii()).into_owned();
        }
        line.clear();
    }
    let status = child.wait()?;
    let said = complaints.join().unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(&printed_last);
    match took {
        Some(took) if status.success() => Ok(took),
        _ => Err(format!("it does not run the program: {status}: {last}").into()),
    }
}
