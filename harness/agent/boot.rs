//! The system: its start, its time and its end.

use std::ffi::c_long;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::hot;
use crate::linux::*;
use crate::start;
use crate::wire::{Fields, Port};

/// How often the port is looked for before the machine gives up; it is there after a few milliseconds.
const PORT_LOOKS_MAX: usize = 2000;

/// Mounts what every system has, and loads the modules that are needed.
pub(crate) fn boot() {
    let _ = fs::create_dir_all("/lower");
    let _ = fs::create_dir_all("/cell");
    mounted("dev", "/dev", "devtmpfs", 0, "");
    mounted("proc", "/proc", "proc", 0, "");
    mounted("sys", "/sys", "sysfs", 0, "");
    let _ = fs::create_dir_all("/dev/pts");
    let _ = fs::create_dir_all("/dev/shm");
    mounted("pts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
    for (link, to) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let _ = std::os::unix::fs::symlink(to, format!("/dev/{link}"));
    }
    let _ = fs::write("/proc/self/oom_score_adj", "-1000");
    set_turn(0, Turn::Last);
    // A fault in the kernel is the end: what runs afterwards shows nothing of the program.
    let _ = fs::write("/proc/sys/kernel/panic_on_oops", "1");
    for name in fs::read_to_string("/modules/order").unwrap_or_default().lines() {
        let path = c(format!("/modules/{name}"));
        unsafe {
            let file = open(path.as_ptr(), O_CLOEXEC);
            if syscall(SYS_FINIT_MODULE, file as c_long, c"".as_ptr(), 0 as c_long) != 0 {
                println!("triplecheck: module {name}: {}", std::io::Error::last_os_error());
            }
            close(file);
        }
    }
    POOL.store(unsafe { open(c"/dev/urandom".as_ptr(), O_WRONLY | O_CLOEXEC) }, Ordering::Relaxed);
    hot::make();
    start::look_at_limits();
    loopback_up();
    unsafe { signal(SIGPIPE, 1) };
}

/// `lo` up, as programs expect it.
fn loopback_up() {
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16..18].copy_from_slice(&1u16.to_ne_bytes());
    unsafe {
        let socket = socket(2, 2, 0);
        ioctl(socket, 0x8914, request.as_ptr());
        close(socket);
    }
}

/// The port whose other end is the host's.
pub(crate) fn find_port() -> Port {
    for _ in 0..PORT_LOOKS_MAX {
        for entry in fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim() == "triplecheck.0" {
                let path = c(Path::new("/dev").join(entry.file_name()).into_os_string().into_vec());
                let port = unsafe { open(path.as_ptr(), O_RDWR | O_CLOEXEC) };
                if port >= 0 {
                    return Port::new(port);
                }
            }
        }
        unsafe { poll(null_mut(), 0, 5) };
    }
    println!("triplecheck: no port to the host");
    power_off()
}

pub(crate) fn power_off() -> ! {
    unsafe {
        reboot(0x4321_fedc);
        _exit(1)
    }
}

/// Sleeps a few times: a restored system whose timers stand still does not come back from it.
pub(crate) fn sleep_often() {
    for milliseconds in [10, 10, 10, 10, 100] {
        unsafe { poll(null_mut(), 0, milliseconds) };
    }
}

/// Sleeps until a time that has long been, so that the kernel sets its timer anew.
///
/// It does so only for a time before the one for which it has set it, and what QEMU restores of some machines is without that
/// setting: all programs would sleep for ever once that time is over. Nothing is before this one.
fn set_timer() {
    let since_long = TimeSpec { seconds: 0, nanoseconds: 1 };
    unsafe { clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &since_long, null_mut()) };
}

/// The pool of random numbers, open since the boot: a restored system has to hurry.
static POOL: AtomicI32 = AtomicI32::new(-1);

/// Takes the host's time and name, and fills the pool of random numbers: a restored system has neither of its own.
pub(crate) fn settle(payload: &[u8]) {
    set_timer();
    let mut fields = Fields(payload);
    let seconds = fields.number() as c_long;
    let nanoseconds = fields.number() as c_long;
    let entropy = fields.bytes();
    let name = fields.bytes();
    unsafe { sethostname(name.as_ptr().cast(), name.len()) };
    unsafe { clock_settime(CLOCK_REALTIME, &TimeSpec { seconds, nanoseconds }) };
    let mut pool = Vec::new();
    pool.extend_from_slice(&(entropy.len() as i32 * 8).to_ne_bytes());
    pool.extend_from_slice(&(entropy.len() as i32).to_ne_bytes());
    pool.extend_from_slice(entropy);
    let device = POOL.load(Ordering::Relaxed);
    unsafe {
        ioctl(device, RNDADDENTROPY, pool.as_ptr());
        ioctl(device, RNDRESEEDCRNG);
    }
}
