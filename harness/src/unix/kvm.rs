//! Asks the host's KVM what it is good for, by its calls alone (`Documentation/virt/kvm/api.rst`): whether a guest can be
//! made, and on x86, whether a loop of 100 000 rounds in one is over as soon as a processor would have it over.
//!
//! The loop is what tells. A KVM that interprets its guests, as in some virtual machines without nested virtualisation, says
//! yes to every question before it, and a kernel in it is still unpacking itself after a quarter of a minute.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};
use std::path::Path;

use libc::{c_int, c_ulong};

/// The only version that was ever released.
const API_VERSION: c_int = 12;

const GET_API_VERSION: c_ulong = 0xae00;
const CREATE_VM: c_ulong = 0xae01;
const CHECK_EXTENSION: c_ulong = 0xae03;
const CREATE_VCPU: c_ulong = 0xae41;
/// `KVM_CAP_ARM_EL1_32BIT`.
const CAPABILITY_AARCH32: c_ulong = 105;

/// A guest's only processor.
pub(crate) struct Processor {
    kvm: File,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "it lives as long as its processor"))]
    system: OwnedFd,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only x86's is made to run"))]
    alone: OwnedFd,
}

/// Calls KVM with a number, for a number.
fn call(on: &impl AsRawFd, request: c_ulong, number: c_ulong) -> io::Result<c_int> {
    // SAFETY: these requests take a number and write nothing to our memory.
    match unsafe { libc::ioctl(on.as_raw_fd(), request as _, number) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

fn own(descriptor: c_int) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

impl Processor {
    /// Makes a guest with one processor. The error says which step was refused.
    pub(crate) fn new(device: &Path) -> Result<Self, String> {
        let refused = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let open = File::options().read(true).write(true).open(device);
        let kvm = open.map_err(refused("it cannot be opened"))?;
        let version = call(&kvm, GET_API_VERSION, 0).map_err(refused("it is no KVM"))?;
        if version != API_VERSION {
            return Err(format!("it has version {version} of KVM's interface and not {API_VERSION}"));
        }
        let system = call(&kvm, CREATE_VM, 0).map(own).map_err(refused("no guest can be made"))?;
        let processor = call(&system, CREATE_VCPU, 0).map(own);
        let processor = processor.map_err(refused("no guest's processor can be made"))?;
        Ok(Self { kvm, system, alone: processor })
    }

    /// Whether it could be one of 32 bits, on aarch64: many servers' processors cannot.
    pub(crate) fn has_aarch32(&self) -> bool {
        cfg!(target_arch = "aarch64")
            && call(&self.kvm, CHECK_EXTENSION, CAPABILITY_AARCH32).is_ok_and(|answer| answer > 0)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::ptr;
    use std::time::{Duration, Instant};

    use libc::{c_int, c_ulong, c_void};

    use super::{Processor, call};

    const GET_VCPU_MMAP_SIZE: c_ulong = 0xae04;
    const SET_USER_MEMORY_REGION: c_ulong = 0x4020_ae46;
    const RUN: c_ulong = 0xae80;
    const SET_REGS: c_ulong = 0x4090_ae82;
    const GET_SREGS: c_ulong = 0x8138_ae83;
    const SET_SREGS: c_ulong = 0x4138_ae84;
    /// `KVM_EXIT_HLT`.
    const EXIT_HLT: u32 = 5;
    /// Where the reason of an exit stands in what KVM shows of a processor.
    const EXIT_REASON: usize = 8;

    const PAGE_BYTES: usize = 4096;
    /// Where the page is in the guest.
    const ADDRESS: u64 = 0x1000;
    /// Real mode: `mov ecx, 100000`, `dec ecx`, `jnz` to the `dec`, `hlt`.
    const LOOP: [u8; 11] = [0x66, 0xb9, 0xa0, 0x86, 0x01, 0x00, 0x66, 0x49, 0x75, 0xfc, 0xf4];

    /// When the first signal comes that takes the processor out of its guest, and how soon others follow: one that comes
    /// before the guest is entered does nothing.
    const FIRST_SIGNAL: Duration = Duration::from_millis(20);
    const NEXT_SIGNALS: Duration = Duration::from_millis(5);
    /// What a processor needs for 0.05 ms of work on a host that is busy.
    const TIME_MAX: Duration = Duration::from_millis(10);
    /// A busy host may take the processor away once, and hardly three times.
    const TRIES: usize = 3;

    #[repr(C)]
    struct MemoryRegion {
        slot: u32,
        flags: u32,
        address: u64,
        bytes: u64,
        memory: u64,
    }

    /// Memory of ours that the kernel uses too.
    struct Mapped {
        at: *mut c_void,
        bytes: usize,
    }

    impl Mapped {
        fn new(bytes: usize, flags: c_int, of: c_int) -> io::Result<Self> {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a mapping at a place of the kernel's choice touches nothing that is there.
            match unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, of, 0) } {
                libc::MAP_FAILED => Err(io::Error::last_os_error()),
                at => Ok(Self { at, bytes }),
            }
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: it is ours, and nothing borrows from it.
            unsafe { libc::munmap(self.at, self.bytes) };
        }
    }

    extern "C" fn ignore(_: c_int) {}

    /// Has signals come that interrupt system calls, or none any more. The process must have nothing else to do.
    fn interrupt(first: Duration, next: Duration) -> io::Result<()> {
        let time = |time: Duration| libc::timeval { tv_sec: 0, tv_usec: time.subsec_micros().into() };
        let timer = libc::itimerval { it_value: time(first), it_interval: time(next) };
        // SAFETY: the handler does nothing; without `SA_RESTART` it ends the call that it comes into. All structures are
        // whole, and the old ones are not wanted.
        let done = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = ignore as extern "C" fn(c_int) as usize;
            match libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) {
                0 => libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()),
                failed => failed,
            }
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    impl Processor {
        /// Calls KVM with a structure that has the size that is part of the request.
        fn call_with<T>(&self, is_of_system: bool, request: c_ulong, value: &mut T) -> io::Result<()> {
            debug_assert_eq!(usize::try_from((request >> 16) & 0x3fff).ok(), Some(size_of::<T>()));
            let on = if is_of_system { self.system.as_raw_fd() } else { self.alone.as_raw_fd() };
            // SAFETY: the request's own number says how much the kernel reads or writes, which is what `T` has.
            match unsafe { libc::ioctl(on, request as _, ptr::from_mut(value)) } {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            }
        }

        /// Runs a loop in it. The error says how that went; it leaves a handler of `SIGALRM` behind.
        pub(crate) fn run_loop(&self) -> Result<(), String> {
            let failed = |error: io::Error| format!("a guest's processor cannot be used: {error}");
            let shared = call(&self.kvm, GET_VCPU_MMAP_SIZE, 0).map_err(failed)?;
            let bytes = usize::try_from(shared).unwrap_or(0).max(PAGE_BYTES);
            let shown = Mapped::new(bytes, libc::MAP_SHARED, self.alone.as_raw_fd()).map_err(failed)?;
            let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = Mapped::new(PAGE_BYTES, private, -1).map_err(failed)?;
            // SAFETY: the page is larger than the loop, and the guest does not run yet.
            unsafe { ptr::copy_nonoverlapping(LOOP.as_ptr(), memory.at.cast(), LOOP.len()) };
            let mut region = MemoryRegion {
                slot: 0,
                flags: 0,
                address: ADDRESS,
                bytes: PAGE_BYTES as u64,
                memory: memory.at as u64,
            };
            self.call_with(true, SET_USER_MEMORY_REGION, &mut region).map_err(failed)?;
            // `kvm_sregs` begins with the code segment: its base, its limit, its selector.
            let mut segments = [0_u64; 39];
            self.call_with(false, GET_SREGS, &mut segments).map_err(failed)?;
            segments[0] = 0;
            segments[1] &= !(0xffff << 32);
            self.call_with(false, SET_SREGS, &mut segments).map_err(failed)?;
            let mut why = String::new();
            for _ in 0..TRIES {
                match self.run_once(&shown) {
                    Ok(()) => return Ok(()),
                    Err(error) => why = error,
                }
            }
            Err(why)
        }

        fn run_once(&self, shown: &Mapped) -> Result<(), String> {
            let failed = |error: io::Error| format!("a guest's processor cannot be used: {error}");
            // `kvm_regs`: sixteen registers, the address of the next instruction, the flags (of which one is always set).
            let mut registers = [0_u64; 18];
            registers[16] = ADDRESS;
            registers[17] = 2;
            self.call_with(false, SET_REGS, &mut registers).map_err(failed)?;
            interrupt(FIRST_SIGNAL, NEXT_SIGNALS).map_err(failed)?;
            let begun = Instant::now();
            let ran = call(&self.alone, RUN, 0);
            let took = begun.elapsed();
            interrupt(Duration::ZERO, Duration::ZERO).map_err(failed)?;
            let slow = || {
                format!(
                    "a guest's loop of 0.05 ms was not over after {} ms (it emulates its guests in software)",
                    took.as_millis()
                )
            };
            match ran {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(slow()),
                Err(error) => return Err(format!("a guest does not run: {error}")),
                Ok(_) => {}
            }
            // SAFETY: the mapping has at least a page, and the processor does not run.
            let reason = unsafe { shown.at.cast::<u32>().add(EXIT_REASON / 4).read() };
            match reason {
                EXIT_HLT if took <= TIME_MAX => Ok(()),
                EXIT_HLT => Err(slow()),
                other => Err(format!("a guest's loop ended for another reason ({other})")),
            }
        }
    }
}
