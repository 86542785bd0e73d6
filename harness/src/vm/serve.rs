//! Owns one guest system for as long as somebody wants it: carries the frames of clients, each of which runs one program,
//! over the guest's one port.
//!
//! It ends, and QEMU with it, when its standard input does: the process that started it holds the other end and needs to
//! do nothing, so that it may be killed. For a client that starts a system for itself, standard input is also the
//! connection. Where a program is given up, or sent a signal, the guest has to answer in time, or the whole system is given up.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::Wanted;
use super::guest::Guest;
use super::hot::Hot;
use super::monitor::Monitor;
use super::slots::Clients;
use super::wire::{self, Fields, Frame, Reader, kind};

/// How long the guest may take to end a program that was given up, and to answer. One that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// What all threads share.
struct Shared {
    /// For writing; frames are written whole.
    port: Mutex<UnixStream>,
    clients: Mutex<Clients>,
    /// Told whenever a program is over, or the guest has answered.
    freed: Condvar,
    /// Whether a frame of the guest's is on its way to a client.
    is_passing_on: AtomicBool,
    /// What the guest holds of the host's files. Kept while its changes are sent, so that they arrive in their order.
    hot: Mutex<Hot>,
}

/// `__vm-serve [--listen SOCKET] WORDS`. Writes one line to standard output when the system is up ([`super::up::Up`]),
/// or says why it is not.
pub fn main(words: &[OsString]) -> ExitCode {
    let Some(wanted) = Wanted::of_words(words) else { return ExitCode::from(2) };
    let listen = words.iter().position(|word| word == "--listen").and_then(|place| words.get(place + 1));
    // A group of its own: Ctrl-C in a terminal is for the client, whose end ends this.
    let _ = rustix::process::setsid();
    let owner = match rustix::io::dup(rustix::stdio::stdin()) {
        Ok(owner) => UnixStream::from(owner),
        Err(error) => return refuse(&error.to_string()),
    };
    // Before the boot, so that the owner's end is noticed during it.
    if let Some(socket) = listen {
        watch(&owner, Some(socket.clone()));
    }
    let (mut guest, up) = match Guest::come_up(&wanted) {
        Ok(booted) => booted,
        Err(why) => return refuse(&why),
    };
    let (Ok(port), Ok(end)) = (guest.port.try_clone(), guest.port.try_clone()) else {
        return refuse("no more descriptors");
    };
    let _ = PORT.set(end);
    let shared = Arc::new(Shared {
        port: Mutex::new(port),
        clients: Mutex::default(),
        freed: Condvar::new(),
        is_passing_on: AtomicBool::new(false),
        hot: Mutex::new(Hot::new(wanted.system)),
    });
    let begun = match listen {
        // A server before this one may have been killed, and have left its socket.
        Some(socket) => drop_stale(socket).and_then(|()| UnixListener::bind(socket)).map(|listener| {
            let shared = shared.clone();
            std::thread::spawn(move || accept(&listener, &shared));
        }),
        None => Ok(()),
    };
    if let Err(error) = begun {
        return refuse(&error.to_string());
    }
    let told = io::stdout().write_all(up.line().as_bytes()).and_then(|()| io::stdout().flush());
    if told.is_err() {
        return ExitCode::FAILURE;
    }
    if listen.is_none() {
        let shared = shared.clone();
        std::thread::spawn(move || {
            attend(owner, &shared);
            leave();
        });
    }
    let (events, watched) = channel();
    let (monitor, counting) = (guest.monitor.take(), shared.clone());
    std::thread::spawn(move || keep_count(monitor, &watched, &counting));
    let _ = distribute(&mut guest, &events, &shared);
    if let Some(socket) = listen {
        let _ = std::fs::remove_file(socket);
    }
    let why = match (HANGS.load(Ordering::Relaxed), LEAVING.load(Ordering::Relaxed)) {
        (true, _) => format!("it did not answer for {} s: {}", DEADLINE.as_secs(), guest.end()),
        (false, true) => guest.end(),
        (false, false) => guest.lost(),
    };
    let clients = shared.clients();
    for client in clients.backs() {
        let _ = wire::write(&mut &*client, clients.count(), kind::GONE, why.as_bytes());
        let _ = client.shutdown(Shutdown::Write);
    }
    ExitCode::FAILURE
}

fn drop_stale(socket: &OsString) -> io::Result<()> {
    match fs_err::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn refuse(why: &str) -> ExitCode {
    let _ = io::stdout().write_all(format!("{why}\n").as_bytes());
    ExitCode::FAILURE
}

/// Ends this process, and QEMU with it, when the owner's end of standard input is closed.
fn watch(owner: &UnixStream, socket: Option<OsString>) {
    let Ok(mut owner) = owner.try_clone() else { return };
    std::thread::spawn(move || {
        let _ = io::copy(&mut owner, &mut io::sink());
        if let Some(socket) = socket {
            let _ = std::fs::remove_file(socket);
        }
        leave();
    });
}

/// The guest's port, once it is up.
static PORT: OnceLock<UnixStream> = OnceLock::new();

/// Whether it is we who end the guest.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Whether the guest is ended because it does not answer.
static HANGS: AtomicBool = AtomicBool::new(false);

/// Ends a guest that does not answer, with all programs in it.
fn leave_hanging() {
    HANGS.store(true, Ordering::Relaxed);
    leave();
}

/// Has the main thread end the guest and this process; before the guest is up, QEMU dies with this process.
fn leave() {
    LEAVING.store(true, Ordering::Relaxed);
    match PORT.get() {
        Some(port) => drop(port.shutdown(Shutdown::Both)),
        #[expect(clippy::exit, reason = "from a thread; what is left has nobody who could want it")]
        None => std::process::exit(0),
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        let shared = shared.clone();
        std::thread::spawn(move || attend(client, &shared));
    }
}

/// Carries one client's frames to the guest. When it goes before its program is over, the program is ended.
fn attend(mut client: UnixStream, shared: &Arc<Shared>) {
    let cell = shared.admit(&client);
    let _ = wire::write(&mut &client, 0, kind::HELLO, &[]);
    while let Ok(Some(frame)) = wire::read(&mut client) {
        let sent = match frame.kind {
            kind::RUN => shared.run(cell, &frame.payload),
            // Whoever sends one that ends the program waits for that, and would for ever.
            kind::SIGNAL => shared.send(cell, frame.kind, &frame.payload).map(|()| {
                let shared = shared.clone();
                drop(std::thread::spawn(move || shared.expect_answer()));
            }),
            kind => shared.send(cell, kind, &frame.payload),
        };
        if sent.is_err() {
            break;
        }
    }
    shared.give_up(cell);
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, cell: u32, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut port = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        wire::write(&mut *port, cell, kind, payload)
    }

    /// Asks the guest for an answer. One that does not give it in time is ended.
    fn expect_answer(&self) {
        let before = self.clients().answers;
        let asked = self.send(0, kind::ANSWER, &[]);
        self.wait_for(&asked, |clients| clients.answers != before);
    }

    /// Waits until what the guest was asked for is so. One that does not do it in time is ended as a whole.
    fn wait_for(&self, asked: &io::Result<()>, is_so: impl Fn(&Clients) -> bool) {
        if asked.is_err() {
            return leave();
        }
        loop {
            let waited = self.freed.wait_timeout_while(self.clients(), DEADLINE, |clients| !is_so(clients));
            let (clients, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(clients);
            if !timeout.timed_out() {
                return;
            }
            // Nothing that the guest says is heard while a client does not read.
            if !self.is_passing_on.load(Ordering::Relaxed) {
                return leave_hanging();
            }
        }
    }

    /// Tells the guest what has changed of the files that it holds, and which it should hold for this order; and the order.
    fn run(&self, cell: u32, order: &[u8]) -> io::Result<()> {
        let told = {
            let mut hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner);
            let told = hot.before(order);
            if !told.changes.is_empty() {
                self.send(0, kind::LAYER, &told.changes)?;
            }
            told
        };
        let slot = self.clients().begin(cell, told.dress).ok_or(io::ErrorKind::NotConnected)?;
        let mut fields = Fields::default();
        fields.number(slot.into()).number(told.dress);
        fields.0.extend_from_slice(order);
        fields.bytes(&told.cache);
        self.send(cell, kind::RUN, &fields.0)
    }

    /// Waits until there is a slot for a client, and gives it the number of its cell.
    fn admit(&self, client: &UnixStream) -> u32 {
        let mut clients = self.clients();
        loop {
            if let Some(cell) = clients.admit(client) {
                return cell;
            }
            clients = self.freed.wait(clients).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends a client's program, if it is not over. A guest that does not answer is ended as a whole.
    fn give_up(&self, cell: u32) {
        {
            let mut clients = self.clients();
            clients.forget(cell);
            if !clients.is_running(cell) {
                return;
            }
        }
        let told = self.send(cell, kind::KILL, &[]);
        self.wait_for(&told, |clients| !clients.is_running(cell));
    }
}

/// Carries the guest's frames to the clients, until the guest is gone. What is to be known of shares goes to `events`: this
/// thread must not write to the guest, which may be waiting until its frames are read.
fn distribute(guest: &mut Guest, events: &Sender<Frame>, shared: &Shared) -> io::Result<()> {
    while let Some(frame) = wire::read(&mut guest.port)? {
        if frame.kind == kind::READY {
            // Of a place, whose number is no cell's.
            let _ = events.send(frame);
            continue;
        }
        let back = {
            let mut clients = shared.clients();
            if frame.kind == kind::ANSWER {
                clients.answers = clients.answers.wrapping_add(1);
                shared.freed.notify_all();
            }
            if frame.kind == kind::OVER {
                clients.is_told(frame.cell);
                shared.freed.notify_all();
            }
            clients.back(frame.cell)
        };
        // A client that is gone reads nothing; its program is being ended.
        if let Some(back) = back {
            shared.is_passing_on.store(true, Ordering::Relaxed);
            let _ = wire::write(&mut &back, 0, frame.kind, &frame.payload);
            shared.is_passing_on.store(false, Ordering::Relaxed);
        }
        if frame.kind == kind::OVER {
            let _ = events.send(frame);
        }
    }
    Ok(())
}

/// Counts the requests of shares, for as long as QEMU tells them, and lets clients go whose programs are over.
fn keep_count(mut monitor: Option<Monitor>, events: &Receiver<Frame>, shared: &Shared) {
    let mut requests = |slot: u32| {
        let count = monitor.as_mut()?.requests(slot);
        if count.is_err() {
            monitor = None;
        }
        count.ok()
    };
    while let Ok(frame) = events.recv() {
        if frame.kind == kind::READY {
            let slot = Reader(&frame.payload).number().and_then(|slot| u32::try_from(slot).ok());
            if let Some(slot) = slot {
                let count = requests(slot);
                shared.clients().ready(slot, count);
            }
            let _ = shared.send(frame.cell, kind::READY, &[]);
            continue;
        }
        let slot = shared.clients().counted_slot(frame.cell);
        let count = slot.and_then(&mut requests);
        let is_unasked = shared.clients().leave(frame.cell, count);
        shared.freed.notify_all();
        let _ = shared.send(frame.cell, kind::UNASKED, &[u8::from(is_unasked)]);
    }
}
