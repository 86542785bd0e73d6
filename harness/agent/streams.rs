//! What connects a program and its keeper with the agent: three streams and the report, new for each program, and a
//! socket for as long as the keeper lives.

use std::ffi::c_int;
use std::mem::size_of;
use std::ptr::{addr_of_mut, null_mut};

use crate::linux::*;
use crate::wire::put;

/// What the keeper says of its place, a byte each.
pub(crate) mod word {
    /// It is as far as it can be before its order comes.
    pub(crate) const FOUNDED: u8 = b'f';
    /// It is laid out, and asks nothing of the host until a program runs.
    pub(crate) const READY: u8 = b'r';
    /// The program has left it as it was.
    pub(crate) const AS_NEW: u8 = b'n';
    /// It has to be given up.
    pub(crate) const SPENT: u8 = b's';
}

/// Says it to the agent.
pub(crate) fn tell(control: c_int, word: u8) {
    put(control, &[word]);
}

/// The pipes of one program, from both sides.
pub(crate) struct Streams {
    /// The agent's ends: standard output, standard error, report, standard input.
    pub(crate) ours: [c_int; 4],
    /// The other ends: standard input, output and error, and report.
    pub(crate) theirs: [c_int; 4],
}

impl Streams {
    /// Nothing where there are no more descriptors.
    pub(crate) fn new() -> Option<Self> {
        let mut pipes = [[-1; 2]; 4];
        for index in 0..4 {
            let Some(ends) = pipe() else {
                close_all(&pipes.concat());
                return None;
            };
            pipes[index] = ends;
        }
        let [stdin, stdout, stderr, report] = pipes;
        let ours = [stdout[0], stderr[0], report[0], stdin[1]];
        for end in ours {
            unsafe { fcntl(end, F_SETFL, O_NONBLOCK) };
        }
        Some(Self {
            ours,
            theirs: [stdin[0], stdout[1], stderr[1], report[1]],
        })
    }
}

pub(crate) fn pipe() -> Option<[c_int; 2]> {
    let mut ends = [-1; 2];
    (unsafe { pipe2(ends.as_mut_ptr(), O_CLOEXEC) } == 0).then_some(ends)
}

/// The way between the agent and a keeper, as one of them has it.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// A socket for words and descriptors.
    pub(crate) control: c_int,
    /// A pipe for orders: what a socket does has to be translated by QEMU before the first program of a restored system, and a
    /// pipe is what that prints to as well.
    pub(crate) orders: c_int,
}

impl Way {
    pub(crate) const CLOSED: Self = Self { control: -1, orders: -1 };

    pub(crate) fn close(self) {
        close_all(&[self.control, self.orders]);
    }
}

/// The agent's end, at which it never waits, and the keeper's.
pub(crate) fn way() -> Option<[Way; 2]> {
    let [reads, writes] = pipe()?;
    let mut ends = [-1; 2];
    unsafe {
        if socketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, ends.as_mut_ptr()) != 0 {
            close_all(&[reads, writes]);
            return None;
        }
        for end in [ends[0], writes] {
            fcntl(end, F_SETFL, O_NONBLOCK);
        }
    }
    Some([Way { control: ends[0], orders: writes }, Way { control: ends[1], orders: reads }])
}

/// Closes those that are open.
pub(crate) fn close_all(fds: &[c_int]) {
    for fd in fds.iter().copied().filter(|fd| *fd >= 0) {
        unsafe { close(fd) };
    }
}

/// Hands descriptors over, with one byte.
pub(crate) fn hand_over(control: c_int, fds: [c_int; 4]) -> bool {
    let mut byte = 0u8;
    let (mut piece, mut passed) = (piece(&mut byte), passed(fds));
    unsafe { sendmsg(control, &message(&mut piece, &mut passed), MSG_NOSIGNAL) == 1 }
}

/// Waits for descriptors; nothing where none come any more.
pub(crate) fn take_over(control: c_int) -> Option<[c_int; 4]> {
    let mut byte = 0u8;
    let (mut piece, mut passed) = (piece(&mut byte), passed([-1; 4]));
    let mut message = message(&mut piece, &mut passed);
    let count = unsafe { recvmsg(control, &mut message, MSG_CMSG_CLOEXEC) };
    (count == 1 && passed.fds.iter().all(|fd| *fd >= 0)).then_some(passed.fds)
}

fn piece(byte: &mut u8) -> Piece {
    Piece { at: addr_of_mut!(*byte).cast(), length: 1 }
}

fn passed(fds: [c_int; 4]) -> Passed {
    Passed { length: size_of::<Passed>(), level: SOL_SOCKET, kind: SCM_RIGHTS, fds }
}

fn message(piece: &mut Piece, passed: &mut Passed) -> Message {
    Message {
        name: null_mut(),
        name_length: 0,
        pieces: piece,
        piece_count: 1,
        control: addr_of_mut!(*passed).cast(),
        control_length: size_of::<Passed>(),
        flags: 0,
    }
}
