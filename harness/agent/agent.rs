//! The first process of a guest system: takes programs from the host over a virtio port, runs each in namespaces of its
//! own on an overlay above the host's files, and says what became of it.
//!
//! It is compiled by `triplecheck setup --vm` for each machine, by plain rustc, as a static program without any crate; for
//! this reason system calls are declared by hand. It must never decide what an end means: it reports. What is
//! surprising:
//! - The program is not the first process of its namespace, because the kernel ignores signals for that one: `abort`
//!   would not end it. The *keeper* is, and when it ends the kernel ends all that the program left behind.
//! - A share of 9p is mounted anew for each program: a mount that stays shows yesterday's files (`cache=loose`). One
//!   device can be mounted once at a time, so that there is one for each slot.
//! - What does not depend on the program is prepared before it is known, by a keeper that waits for its order; most of a
//!   program's start is that. A cell that was left is cleared away after the host knows what became of its program, and
//!   what does not take place costs least: where a program has left no trace ([`untouched`]) and has asked nothing of
//!   the host, its keeper waits for the next one.
//! - All numbers are little-endian, whatever the machine.

mod boot;
mod cell;
mod hot;
mod keeper;
mod linux;
mod made;
mod root;
mod start;
mod streams;
mod untouched;
mod wire;

use std::ffi::{c_int, c_ulong};
use std::fs;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

use boot::{boot, find_port, power_off, settle, sleep_often};
use cell::{prepare, slot_and_dress, Cell, When};
use linux::*;
use wire::{take_frame, Port};

/// The most of a frame's payload, and of what is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() {
    boot();
    let mut port = find_port();
    let first = prepare_first();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    port.send(0, b'H', release.trim().as_bytes());
    serve(port, Cells { cells: first.into_iter().collect(), waiting: Vec::new() });
}

/// The place of the first program, as far as it can be made: what is done before the first word to the host is in the snapshot,
/// from which it need not be translated again.
fn prepare_first() -> Option<Cell> {
    const SLOT: u64 = 1;
    let first = prepare(SLOT, When::Early)?;
    let mut founded = [PollFd { fd: first.way.control, events: POLLIN, revents: 0 }];
    unsafe { poll(founded.as_mut_ptr(), 1, -1) };
    Some(first)
}

/// The write end of a pipe: the end of a keeper interrupts the wait for everything else.
static ENDED: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_child(_: c_int) {
    unsafe { write(ENDED.load(Ordering::Relaxed), c"!".as_ptr().cast(), 1) };
}

/// All cells, and orders whose share is still mounted by a cell that is being cleared away.
struct Cells {
    cells: Vec<Cell>,
    waiting: Vec<Waiting>,
}

/// A program without a place, and the input that came for it.
struct Waiting {
    id: u32,
    order: Vec<u8>,
    input: Vec<u8>,
    ends: bool,
}

/// Takes frames and passes on what programs print, until the host is gone.
fn serve(mut port: Port, mut all: Cells) -> ! {
    let mut input: Vec<u8> = Vec::new();
    let mut buffer = vec![0u8; CHUNK_BYTES];
    let ended = streams::pipe().unwrap_or([-1; 2]);
    ENDED.store(ended[1], Ordering::Relaxed);
    unsafe {
        fcntl(ended[0], F_SETFL, O_NONBLOCK);
        fcntl(ended[1], F_SETFL, O_NONBLOCK);
        signal(SIGCHLD, on_child as extern "C" fn(c_int) as usize);
    }
    loop {
        port.flush();
        let mut fds = vec![PollFd { fd: port.fd, events: POLLIN, revents: 0 }];
        fds.push(PollFd { fd: ended[0], events: POLLIN, revents: 0 });
        for cell in &all.cells {
            fds.extend(cell.from.iter().map(|&fd| PollFd { fd, events: POLLIN, revents: 0 }));
            let waits = !cell.pending.is_empty() || cell.ends;
            fds.push(PollFd { fd: if waits { cell.stdin } else { -1 }, events: POLLOUT, revents: 0 });
            fds.push(PollFd { fd: cell.way.control, events: POLLIN, revents: 0 });
            let orders = if cell.order.is_empty() { -1 } else { cell.way.orders };
            fds.push(PollFd { fd: orders, events: POLLOUT, revents: 0 });
        }
        if unsafe { poll(fds.as_mut_ptr(), fds.len() as c_ulong, -1) } < 0 {
            // Interrupted: nothing was looked at, and there is something to read in `ended` the next time.
            continue;
        }
        for (cell, fds) in all.cells.iter_mut().zip(fds[2..].chunks(6)) {
            for stream in 0..3 {
                if fds[stream].revents != 0 {
                    pass_on(&mut port, cell, stream, &mut buffer);
                }
            }
            if fds[3].revents != 0 {
                feed(&mut port, cell);
            }
            if fds[4].revents != 0 && cell.listen() {
                port.send(cell.number, b'Z', &cell.slot.to_le_bytes());
            }
            if fds[5].revents != 0 {
                cell.write_order();
            }
        }
        if fds[1].revents != 0 {
            unsafe { read(ended[0], buffer.as_mut_ptr().cast(), buffer.len()) };
            all.reap();
        }
        all.clear_away(&mut port);
        if fds[0].revents != 0 {
            let count = unsafe { read(port.fd, buffer.as_mut_ptr().cast(), buffer.len()) };
            if count <= 0 {
                power_off();
            }
            input.extend_from_slice(&buffer[..count as usize]);
            while let Some((id, kind, payload)) = take_frame(&mut input) {
                act(&mut port, &mut all, id, kind, payload);
            }
        }
    }
}

impl Cells {
    fn reap(&mut self) {
        loop {
            let keeper = unsafe { waitpid(-1, null_mut(), 1) };
            if keeper <= 0 {
                return;
            }
            for cell in self.cells.iter_mut().filter(|cell| cell.keeper == keeper) {
                cell.is_reaped = true;
            }
        }
    }

    /// Says which programs are over, and makes their places ready for others.
    fn clear_away(&mut self, port: &mut Port) {
        for cell in self.cells.iter_mut().filter(|cell| !cell.is_over && cell.from == [-1; 3]) {
            (cell.is_over, cell.is_idle) = (true, true);
            if let Some(id) = cell.id {
                port.send(id, b'X', &[]);
            }
            port.flush();
        }
        for position in 0..self.cells.len() {
            if self.cells[position].go_on() {
                self.start_waiting(port, self.cells[position].slot);
            }
        }
        while let Some(position) = self.cells.iter().position(|cell| cell.is_over && cell.is_reaped) {
            let cell = self.cells.swap_remove(position);
            cell.clear();
            // One that ended before it had anything to do would only do so again.
            if !self.start_waiting(port, cell.slot) && cell.id.is_some() {
                self.cells.extend(prepare(cell.slot, When::Idle));
            }
        }
    }

    /// Starts the program that waits for this slot. Whether there is one.
    fn start_waiting(&mut self, port: &mut Port, slot: u64) -> bool {
        let is_for_it = |waiting: &Waiting| slot_and_dress(&waiting.order).0 == slot;
        let Some(position) = self.waiting.iter().position(is_for_it) else { return false };
        let waiting = self.waiting.remove(position);
        self.start(port, waiting);
        true
    }

    fn start(&mut self, port: &mut Port, waiting: Waiting) {
        let (slot, dress) = slot_and_dress(&waiting.order);
        if self.cells.iter().all(|cell| cell.slot != slot) {
            self.cells.extend(prepare(slot, When::Urgent));
        }
        match self.cells.iter_mut().find(|cell| cell.slot == slot) {
            Some(cell) if cell.is_counted && cell.suits(dress) => {
                (cell.pending, cell.ends) = (waiting.input, waiting.ends);
                cell.take(waiting.id, &waiting.order);
            }
            Some(cell) => {
                if cell.id.is_none() && !cell.suits(dress) {
                    cell.give_up();
                }
                cell.hurry();
                self.waiting.push(waiting);
            }
            None => port.send(waiting.id, b'X', &[]),
        }
    }

    fn input(&mut self, id: u32, bytes: Vec<u8>) {
        let (pending, ends) = if let Some(cell) = self.cells.iter_mut().find(|cell| cell.id == Some(id)) {
            if cell.stdin < 0 {
                return;
            }
            (&mut cell.pending, &mut cell.ends)
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.id == id) {
            (&mut waiting.input, &mut waiting.ends)
        } else {
            return;
        };
        *ends |= bytes.is_empty();
        pending.extend(bytes);
    }

    /// Gives up what was prepared before a directory became another one.
    fn prepare_anew(&mut self) {
        for cell in &mut self.cells {
            match cell.id {
                Some(_) => cell.is_spent = true,
                None => cell.give_up(),
            }
        }
    }

    /// Ends a program; one that is over already, or never began, is over.
    fn end(&mut self, port: &mut Port, id: u32) {
        self.waiting.retain(|waiting| waiting.id != id);
        match self.cells.iter().find(|cell| cell.id == Some(id) && !cell.is_over) {
            Some(cell) => drop(unsafe { kill(cell.keeper, SIGKILL) }),
            None => port.send(id, b'X', &[]),
        }
    }
}

fn pass_on(port: &mut Port, cell: &mut Cell, stream: usize, buffer: &mut [u8]) {
    // Twice, since the end of a stream often comes with its last bytes.
    for _ in 0..2 {
        let count = unsafe { read(cell.from[stream], buffer.as_mut_ptr().cast(), buffer.len()) };
        if count > 0 {
            port.send(cell.id.unwrap_or(0), [b'O', b'E', b'R'][stream], &buffer[..count as usize]);
        } else if count == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            unsafe { close(cell.from[stream]) };
            cell.from[stream] = -1;
            return;
        }
    }
}

/// Writes waiting input; asks for more when all of it is written.
fn feed(port: &mut Port, cell: &mut Cell) {
    if !cell.pending.is_empty() {
        let count = unsafe { write(cell.stdin, cell.pending.as_ptr().cast(), cell.pending.len()) };
        if count > 0 {
            cell.pending.drain(..count as usize);
            if cell.pending.is_empty() {
                port.send(cell.id.unwrap_or(0), b'I', &[]);
            }
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            cell.pending.clear();
            cell.ends = true;
        }
    }
    if cell.pending.is_empty() && cell.ends {
        unsafe { close(cell.stdin) };
        cell.stdin = -1;
        cell.ends = false;
    }
}

fn act(port: &mut Port, all: &mut Cells, id: u32, kind: u8, payload: Vec<u8>) {
    match kind {
        b'T' => {
            settle(&payload);
            port.send(0, b'T', &[]);
        }
        b'P' => {
            sleep_often();
            port.send(0, b'P', &[]);
        }
        b'A' => port.send(id, b'A', &[]),
        b'Q' => power_off(),
        b'L' => {
            hot::change(&payload);
            if hot::takes_away(&payload) {
                all.prepare_anew();
            }
        }
        b'R' => all.start(port, Waiting { id, order: payload, input: Vec::new(), ends: false }),
        b'S' => {
            let number = payload.first().copied().map_or(0, c_int::from);
            if let Some(cell) = all.cells.iter_mut().find(|cell| cell.id == Some(id) && !cell.is_over) {
                unsafe { kill(cell.keeper, number) };
                // Where the program has just ended, it would be for the next one.
                cell.is_spent = true;
            }
        }
        b'K' => all.end(port, id),
        b'I' => all.input(id, payload),
        b'Z' => {
            if let Some(cell) = all.cells.iter_mut().find(|cell| cell.number == id) {
                cell.is_counted = true;
                let slot = cell.slot;
                all.start_waiting(port, slot);
            }
        }
        b'V' => {
            let is_unasked = payload.first() == Some(&1);
            for cell in all.cells.iter_mut().filter(|cell| cell.id == Some(id)) {
                cell.is_unasked = Some(is_unasked);
            }
            all.clear_away(port);
        }
        _ => {}
    }
}
