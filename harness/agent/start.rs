//! The start of one program: what it is, and the process that becomes it.

use std::ffi::{c_char, c_int, c_long, c_void, CString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use crate::cell::When;
use crate::linux::*;
use crate::root::{lay_out, take_root};
use crate::streams::{tell, word, Way};
use crate::wire::Fields;

/// Signals are numbers up to this one, apart from those of real time.
const SIGNAL_MAX: c_int = 31;

/// The limits that hold before an order comes, by their numbers.
static LIMITS: OnceLock<[[u64; 2]; 16]> = OnceLock::new();

/// The most that a start may need of a stack; none of it is there before it is used.
const STACK_BYTES: usize = 256 * 1024;

/// What is said where there are no more of them.
const NO_NAMESPACES: &str = "make namespaces";

/// How the process ends that has become no program. Nobody looks at it.
const NOT_STARTED: c_int = 127;

/// What is to be run.
pub(crate) struct Order<'a> {
    piped: bool,
    umask: u32,
    user: u32,
    group: u32,
    groups: Vec<u32>,
    /// Numbers of limits, with what holds and what may.
    limits: Vec<(u32, [u64; 2])>,
    /// A bit for each signal that is ignored, the first for signal 1.
    ignored: u64,
    cwd: &'a [u8],
    /// Names in the root, and where they lead.
    links: Vec<&'a [u8]>,
    pub(crate) roots: Vec<&'a [u8]>,
    program: &'a [u8],
    argv: Vec<&'a [u8]>,
    env: Vec<&'a [u8]>,
    /// What the loader finds as its cache; empty where the host's will do.
    cache: &'a [u8],
}

impl<'a> Order<'a> {
    /// Whether its program's loader finds a cache of ours.
    pub(crate) fn has_cache(&self) -> bool {
        !self.cache.is_empty()
    }

    pub(crate) fn read(payload: &'a [u8]) -> Self {
        let mut fields = Fields(payload);
        let _slot_and_dress = [fields.number(), fields.number()];
        Self {
            piped: fields.number() != 0,
            umask: fields.number() as u32,
            user: fields.number() as u32,
            group: fields.number() as u32,
            groups: (0..fields.number()).map(|_| fields.number() as u32).collect(),
            limits: (0..fields.number()).map(|_| (fields.number() as u32, [fields.number(), fields.number()])).collect(),
            ignored: fields.number(),
            cwd: fields.bytes(),
            links: fields.list(),
            roots: fields.list(),
            program: fields.bytes(),
            argv: fields.list(),
            env: fields.list(),
            cache: fields.bytes(),
        }
    }
}

/// What the process that becomes the program shares with its keeper until then.
pub(crate) struct Start {
    /// The way to the agent, which sends the order.
    way: Way,
    /// The share of a place that is laid out only when the order is there.
    bare: Option<u64>,
    when: When,
    site: Site,
    /// The process's own until it executes the program.
    stack: Vec<u8>,
    /// The order; empty where none came.
    pub(crate) order: Vec<u8>,
    /// What could not be done, and why.
    pub(crate) failure: Option<(String, i32)>,
}

/// Where programs are started, one after the other.
struct Site {
    /// Standard input, output and error.
    streams: [c_int; 3],
    /// The directory of links in the root.
    links: c_int,
    /// When `/etc` was changed last.
    etc_times: [TimeSpec; 2],
    /// Whether the links and the loader's cache of an order are laid over the root. Orders that come later have the same.
    is_dressed: bool,
}

/// Looks at the limits of this process, which those have too that come of it.
pub(crate) fn look_at_limits() {
    LIMITS.get_or_init(|| {
        let mut limits = [[0; 2]; 16];
        for (resource, limit) in limits.iter_mut().enumerate() {
            unsafe { prlimit64(0, resource as u32, null(), limit.as_mut_ptr()) };
        }
        limits
    });
}

impl Start {
    /// For programs in a place; the share is that of one that is not laid out. Where something could not be made, all that is left
    /// is to take the order.
    pub(crate) fn new(made: Result<(), (String, i32)>, way: Way, when: When, bare: Option<u64>) -> Self {
        let links = unsafe { open(c"/cell/links".as_ptr(), O_DIRECTORY | O_CLOEXEC) };
        let site = Site { streams: [-1; 3], links, etc_times: etc_times(), is_dressed: false };
        // For one program after the other, since a new one would cost two calls each time.
        let stack = vec![0u8; STACK_BYTES];
        Self { way, bare, when, site, stack, order: Vec::new(), failure: made.err() }
    }

    /// Starts a program when its order comes. The result is the process, less than zero where there is none.
    ///
    /// The process borrows this one's memory, and this one stands still, until it executes the program: nothing has to be
    /// copied and nothing torn down, and all that does not depend on the order is done before it comes.
    pub(crate) fn program(&mut self, streams: [c_int; 3]) -> c_int {
        self.site.streams = streams;
        let stack = self.stack.as_mut_ptr();
        let this: *mut Self = self;
        // From the top down, aligned as all machines want it.
        let process = unsafe {
            let top = stack.add(STACK_BYTES);
            let top = top.sub(top as usize % 16);
            clone(enter, top.cast(), CLONE_VM | CLONE_VFORK | SIGCHLD, this.cast())
        };
        if process < 0 {
            self.fail("fork");
            if self.order.is_empty() {
                self.order = read_order(self.way.orders);
            }
        }
        process
    }

    /// The first failure is the one that counts.
    fn fail(&mut self, stage: &str) {
        let errno = last_errno();
        self.failure.get_or_insert_with(|| (stage.to_owned(), errno));
    }

    /// Does what can be done before the order comes.
    fn prepare(&self) -> Result<(), &'static str> {
        if self.bare.is_some() {
            return self.site.prepare(OBJECTS_NAMESPACE);
        }
        self.site.prepare(OBJECTS_NAMESPACE | NAME_NAMESPACE)?;
        self.site.enter()
    }

    /// Waits for the order, which is taken whatever has failed, and lays out the place where that was left for then.
    fn take_order(&mut self) -> Result<(), &'static str> {
        if self.when == When::Early {
            tell(self.way.control, word::FOUNDED);
        }
        self.order = read_order(self.way.orders);
        let Some(slot) = self.bare.take() else { return Ok(()) };
        if self.order.is_empty() || self.failure.is_some() {
            return Ok(());
        }
        let has_cache = Order::read(&self.order).has_cache();
        self.failure = lay_out(slot, has_cache).and_then(|()| take_root()).err();
        if self.failure.is_some() {
            return Ok(());
        }
        if has_cache {
            self.site.etc_times = etc_times();
        }
        self.site.enter()?;
        // A copy of the host's name, which a restored system is given after all that was prepared.
        if unsafe { unshare(NAME_NAMESPACE) } == 0 { Ok(()) } else { Err(NO_NAMESPACES) }
    }
}

/// When `/etc` of a place that is laid out was changed last, as both of its times.
fn etc_times() -> [TimeSpec; 2] {
    let about = fs::metadata("/cell/links/etc").ok();
    let time = || TimeSpec {
        seconds: about.as_ref().map_or(0, MetadataExt::mtime) as c_long,
        nanoseconds: about.as_ref().map_or(0, MetadataExt::mtime_nsec) as c_long,
    };
    [time(), time()]
}

/// What the process does that is to become the program.
extern "C" fn enter(start: *mut c_void) -> c_int {
    // Nobody else touches it until this process is gone.
    let start = unsafe { &mut *start.cast::<Start>() };
    if let Err(stage) = start.prepare() {
        start.fail(stage);
    }
    if let Err(stage) = start.take_order() {
        start.fail(stage);
    }
    if !start.order.is_empty() && start.failure.is_none() {
        let stage = start.site.obey(&Order::read(&start.order));
        start.fail(stage);
    }
    NOT_STARTED
}

impl Site {
    /// Does what can be done before there is a root.
    fn prepare(&self, namespaces: c_int) -> Result<(), &'static str> {
        let _ = fs::write("/proc/self/oom_score_adj", "0");
        unsafe {
            // Handlers end with this program; what is ignored would stay so.
            signal(SIGPIPE, SIG_DFL);
            if unshare(namespaces) != 0 {
                return Err(NO_NAMESPACES);
            }
            dup2(self.streams[1], 1);
            dup2(self.streams[2], 2);
            setsid();
        }
        Ok(())
    }

    /// Makes the working directory the root of the program's files.
    fn enter(&self) -> Result<(), &'static str> {
        unsafe {
            if chroot(c".".as_ptr()) != 0 {
                return Err("enter the root");
            }
            dup2(open(c"/dev/null".as_ptr(), O_RDWR | O_CLOEXEC), 0);
        }
        Ok(())
    }

    /// Writes the loader's cache; the directory looks as if nothing had happened to it.
    fn lay_cache(&self, cache: &[u8]) -> bool {
        unsafe {
            let file = openat(self.links, c"etc/ld.so.cache".as_ptr(), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644 as c_int);
            let done = write(file, cache.as_ptr().cast(), cache.len()) == cache.len() as isize;
            close(file);
            utimensat(self.links, c"etc".as_ptr(), self.etc_times.as_ptr(), 0);
            done
        }
    }

    /// Does as the order says. Comes back only where that fails, and says with what.
    fn obey(&mut self, order: &Order<'_>) -> &'static str {
        if !self.is_dressed {
            for pair in order.links.chunks_exact(2) {
                let [at, to] = [c(pair[0]), c(pair[1])];
                if unsafe { symlinkat(to.as_ptr(), self.links, at.as_ptr()) } != 0 {
                    return "lay the sysroot over the root";
                }
            }
            if order.has_cache() && !self.lay_cache(order.cache) {
                return "lay the loader's cache over the root";
            }
            self.is_dressed = true;
        }
        let [cwd, program] = [c(order.cwd), c(order.program)];
        let argv: Vec<CString> = order.argv.iter().map(|word| c(*word)).collect();
        let env: Vec<CString> = order.env.iter().map(|word| c(*word)).collect();
        unsafe {
            if chdir(cwd.as_ptr()) != 0 {
                return "enter the directory";
            }
            if order.piped {
                dup2(self.streams[0], 0);
            }
            for number in (1..=SIGNAL_MAX).filter(|number| order.ignored >> (number - 1) & 1 == 1) {
                signal(number, SIG_IGN);
            }
            umask(order.umask);
            for (resource, limit) in &order.limits {
                if LIMITS.get().and_then(|limits| limits.get(*resource as usize)) != Some(limit) {
                    // One beyond what this kernel allows at most leaves that.
                    let _ = limited(*resource, *limit);
                }
            }
            if setgroups(order.groups.len(), order.groups.as_ptr()) != 0
                || setgid(order.group) != 0
                || setuid(order.user) != 0
            {
                return "become the user";
            }
            execve(program.as_ptr(), pointers(&argv).as_ptr(), pointers(&env).as_ptr());
        }
        "execute"
    }
}

/// The most of an order that is read at once.
const ORDER_BYTES: usize = 16 * 1024;

/// Reads an order, which comes after its length and with nothing behind it; nothing where it never comes.
pub(crate) fn read_order(fd: c_int) -> Vec<u8> {
    let (mut order, mut length) = (Vec::new(), usize::MAX);
    while order.len() < length {
        let start = order.len();
        order.resize(start + ORDER_BYTES, 0);
        let count = unsafe { read(fd, order[start..].as_mut_ptr().cast(), ORDER_BYTES) };
        if count <= 0 {
            return Vec::new();
        }
        order.truncate(start + count as usize);
        if let Some(first) = order.get(..8) {
            length = first.try_into().map_or(0, u64::from_le_bytes) as usize + 8;
        }
    }
    order.drain(..8);
    order
}

/// Sets a limit of this process; descriptors beyond the kernel's own limit are that many.
fn limited(resource: u32, [current, maximum]: [u64; 2]) -> bool {
    let most = match resource {
        RLIMIT_NOFILE => NOFILE_MAX,
        _ => u64::MAX,
    };
    let limit = [current.min(most), maximum.min(most)];
    unsafe { prlimit64(0, resource, limit.as_ptr(), null_mut()) == 0 }
}

fn pointers(words: &[CString]) -> Vec<*const c_char> {
    words.iter().map(|word| word.as_ptr()).chain([null()]).collect()
}

