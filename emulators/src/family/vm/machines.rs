//! The table of guest systems: QEMU's name, board, processor and devices for each machine, and how a command line is made
//! of a row. Measured with QEMU 7.2 and 10.0 and Debian's kernels 6.1 and 6.12.

use std::ffi::OsString;
use std::path::Path;

use super::accelerators::Accelerator;
use crate::machine::Machine;

/// How many programs a system runs at once: a share of 9p can be mounted once at a time.
pub const SLOTS: usize = 4;

/// The name of the port over which host and guest speak.
pub const PORT: &str = "triplecheck.0";

/// What every kernel is told. `panic`: a fault in the kernel is the end. `norandmaps`: programs, their loader and libraries are
/// at the same addresses each time, as under qemu-user, so that QEMU has them translated already when they run again.
const APPEND: &str = "quiet panic=-1 oops=panic norandmaps";

/// A row: how the system of one machine is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// The machine of the kernel, in our vocabulary.
    pub machine: &'static str,
    /// Machines whose programs that kernel runs as well. x86_32 has no system of its own: the kernel for x86_64 does all for
    /// its programs, and Debian makes none for it since trixie.
    pub also: &'static [&'static str],
    /// The target for which its first process is built.
    pub triple: &'static str,
    /// What follows `qemu-system-`.
    pub emulator: &'static str,
    /// The board under emulation; what KVM asks for is in [`super::accelerators`].
    pub board: &'static str,
    /// The processor under emulation. On aarch64 not `max`: it computes pointer authentication in software, and boots
    /// five times slower for it (facts of QEMU 7.2). On riscv64 without the protection of physical memory, which only
    /// firmware would use: each step of each walk through page tables is held against all its rules, and a cell takes a
    /// sixth more for it.
    pub cpu: &'static str,
    /// How virtio devices are attached: the end of their names. Those without what only guests before virtio 1.0 need are started
    /// sooner.
    pub bus: &'static str,
    /// The kernel's console.
    pub console: &'static str,
    /// The device of the console, where the board's first UART is none.
    pub console_device: Option<&'static str>,
    /// Words that this board alone needs.
    pub extra: &'static [&'static str],
    /// Words of its own for the kernel, beside [`APPEND`]. On aarch64 a kernel at its usual address: one at a random address
    /// hides itself from programs with page tables of its own (`kaslr_requires_kpti` in arch/arm64/kernel/cpufeature.c of
    /// Linux), and QEMU forgets all addresses at each change between the two, which is twice for each system call. On
    /// riscv64 four levels of page tables instead of five: each page that is touched for
    /// the first time costs a walk through all of them, and programs are given addresses below 2^47 either way
    /// (`DEFAULT_MAP_WINDOW` in arch/riscv/include/asm/processor.h of Linux).
    pub append: &'static str,
    /// Debian's name of the architecture; its kernels are in [`super::kernels`].
    pub debian: &'static str,
}

/// All rows.
pub const SYSTEMS: [System; 6] = [
    System {
        machine: "x86_64",
        also: &["x86_32"],
        triple: "x86_64-unknown-linux-gnu",
        emulator: "x86_64",
        board: "q35",
        cpu: "qemu64",
        bus: "pci-non-transitional",
        console: "ttyS0",
        console_device: None,
        extra: &["-vga", "none"],
        append: "",
        debian: "amd64",
    },
    System {
        machine: "aarch64",
        also: &["aarch32"],
        triple: "aarch64-unknown-linux-gnu",
        emulator: "aarch64",
        board: "virt,gic-version=3",
        cpu: "cortex-a57",
        bus: "pci-non-transitional",
        console: "ttyAMA0",
        console_device: None,
        extra: &[],
        append: "nokaslr",
        debian: "arm64",
    },
    System {
        machine: "riscv64",
        also: &[],
        triple: "riscv64gc-unknown-linux-gnu",
        emulator: "riscv64",
        board: "virt",
        cpu: "rv64,pmp=false",
        bus: "pci-non-transitional",
        console: "ttyS0",
        console_device: None,
        extra: &[],
        append: "no5lvl",
        debian: "riscv64",
    },
    System {
        machine: "s390x",
        also: &[],
        triple: "s390x-unknown-linux-gnu",
        emulator: "s390x",
        board: "s390-ccw-virtio",
        cpu: "max",
        bus: "ccw",
        console: "ttysclp0",
        console_device: Some("sclpconsole"),
        // One processor that could become two: for one alone TCG makes no access to memory atomic (`tcg_cpu_init_cflags`), and
        // of two devices whose answers are bits of one byte one was lost when the guest took the other's, about once in a
        // thousand programs.
        extra: &["-smp", "1,maxcpus=2"],
        append: "",
        debian: "s390x",
    },
    System {
        machine: "aarch32",
        also: &[],
        triple: "armv7-unknown-linux-gnueabihf",
        emulator: "arm",
        board: "virt",
        cpu: "cortex-a15",
        bus: "pci-non-transitional",
        console: "ttyAMA0",
        console_device: None,
        extra: &[],
        append: "",
        debian: "armhf",
    },
    System {
        machine: "powerpc64le",
        also: &[],
        triple: "powerpc64le-unknown-linux-gnu",
        emulator: "ppc64",
        // Without the firmware that takes a second to find that there is nothing to boot, and without what TCG does not
        // have of the mitigations.
        board: "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
        cpu: "power9",
        bus: "pci-non-transitional",
        console: "hvc0",
        console_device: None,
        extra: &[],
        append: "",
        debian: "ppc64el",
    },
];

/// Where a system's memory is, and what is in it at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory<'a> {
    /// Its own, and empty.
    Own,
    /// This file's, and empty: what is left in it is the memory of a snapshot.
    Kept(&'a Path),
    /// What this file holds. It is shared with all that read it, and never written to; the rest of the system's state is
    /// still to come.
    Restored(&'a Path),
}

/// What changes from one start to the next.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Who executes its instructions.
    pub accelerator: Accelerator,
    /// The board.
    pub board: &'a str,
    /// The processor.
    pub cpu: &'a str,
    /// The directory with kernel and first process.
    pub kernel: &'a Path,
    /// The descriptor of the socket that is the port's other end.
    pub port_fd: i32,
    /// The directory that the guest sees, read only.
    pub share: &'a Path,
    /// How much memory it has.
    pub memory_mib: u32,
    /// Where that is.
    pub memory: Memory<'a>,
    /// The descriptor of the socket that is the other end of QEMU's monitor, where one is wanted.
    pub monitor_fd: Option<i32>,
}

impl System {
    /// The row of the machine with this name.
    pub fn named(name: &str) -> Option<&'static System> {
        SYSTEMS.iter().find(|system| system.machine == name)
    }

    /// The system of this machine, or one that runs its programs too.
    pub fn serving(machine: &Machine) -> Option<&'static System> {
        Self::all_serving(machine).next()
    }

    /// All systems that run programs of this machine, its own first.
    pub fn all_serving(machine: &Machine) -> impl Iterator<Item = &'static System> {
        let name = machine.name;
        let also = SYSTEMS.iter().filter(move |system| system.also.contains(&name));
        System::named(name).into_iter().chain(also)
    }

    /// The words after QEMU's own name. The console is its standard output.
    pub fn words(&self, start: &Start<'_>) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut add = |texts: &[&str]| words.extend(texts.iter().map(OsString::from));
        let (file, sharing) = match start.memory {
            Memory::Own => (None, ""),
            Memory::Kept(file) => (Some(file), "on"),
            Memory::Restored(file) => (Some(file), "off"),
        };
        let backed = if file.is_some() { ",memory-backend=memory" } else { "" };
        add(&["-M", &format!("{}{backed}", start.board), "-accel", start.accelerator.name()]);
        add(&["-cpu", start.cpu, "-m", &format!("{}M", start.memory_mib)]);
        if let Some(file) = file {
            let file = file.to_string_lossy().replace(',', ",,");
            let size = start.memory_mib;
            let object =
                format!("memory-backend-file,id=memory,size={size}M,share={sharing},mem-path={file}");
            add(&["-object", &object]);
        }
        if let Memory::Restored(_) = start.memory {
            add(&["-incoming", "defer"]);
        }
        if let Some(fd) = start.monitor_fd {
            add(&["-chardev", &format!("socket,id=monitor,fd={fd}"), "-mon", "chardev=monitor,mode=control"]);
        }
        add(&["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        add(self.extra);
        add(&["-chardev", "file,id=console,path=/dev/stdout"]);
        match self.console_device {
            Some(device) => add(&["-device", &format!("{device},chardev=console")]),
            None => add(&["-serial", "chardev:console"]),
        }
        let bus = self.bus;
        add(&["-chardev", &format!("socket,id=port,fd={}", start.port_fd)]);
        add(&["-device", &format!("virtio-serial-{bus}")]);
        add(&["-device", &format!("virtserialport,chardev=port,name={PORT}")]);
        // The first is the guest's own, beside those of its slots.
        for slot in 0..=SLOTS {
            let mut share = OsString::from(format!(
                "local,id=share{slot},security_model=none,multidevs=remap,readonly=on,path="
            ));
            // A comma ends an option's value unless it is doubled.
            share.push(start.share.to_string_lossy().replace(',', ",,"));
            words.extend(["-fsdev".into(), share]);
            let device = format!("virtio-9p-{bus},id=share{slot},fsdev=share{slot},mount_tag=share{slot}");
            words.extend(["-device".into(), device.into()]);
        }
        // What was booted is in the memory already: it would only be read, and held once more.
        if !matches!(start.memory, Memory::Restored(_)) {
            let append = format!("console={} {APPEND} {}", self.console, self.append);
            let append = append.trim_end();
            words.extend(["-kernel".into(), start.kernel.join(super::KERNEL).into()]);
            words.extend(["-initrd".into(), start.kernel.join(super::INITRAMFS).into()]);
            words.extend(["-append".into(), append.into()]);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_machine_and_a_target_that_we_know() {
        for system in &SYSTEMS {
            for name in std::iter::once(&system.machine).chain(system.also) {
                let machine = Machine::named(name).unwrap_or_else(|| panic!("{name} is no machine"));
                assert!(System::all_serving(machine).any(|serving| serving == system));
            }
            assert_eq!(System::serving(Machine::named(system.machine).unwrap()), Some(system));
            let target = crate::target::Target::parse(system.triple).unwrap();
            assert_eq!(target.machine().unwrap().name, system.machine);
        }
    }
}
