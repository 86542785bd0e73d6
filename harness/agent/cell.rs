//! Places for programs, as the agent sees them: made, given a program, used again or cleared away.

use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::keeper::keep;
use crate::linux::*;
use crate::streams::{close_all, hand_over, way, word, Streams, Way};
use crate::wire::{field, Fields};

/// A place in which programs run, one at a time: prepared, running, or being cleared away. Another program runs in it only
/// where the one before has left it as it was.
pub(crate) struct Cell {
    /// Of all places.
    pub(crate) number: u32,
    /// Its share of 9p.
    pub(crate) slot: u64,
    /// The program's number; nothing where it is only prepared.
    pub(crate) id: Option<u32>,
    pub(crate) keeper: c_int,
    /// The way to the keeper; -1 when closed, for which it waits at its end.
    pub(crate) way: Way,
    /// What is still to be written of the order.
    pub(crate) order: Vec<u8>,
    /// Standard output, standard error and the keeper's report; -1 when closed.
    pub(crate) from: [c_int; 3],
    /// Standard input; -1 when closed.
    pub(crate) stdin: c_int,
    pub(crate) pending: Vec<u8>,
    pub(crate) ends: bool,
    /// The host knows that the program is over.
    pub(crate) is_over: bool,
    /// The keeper is gone, and its namespaces with it.
    pub(crate) is_reaped: bool,
    /// The host has counted what its share was asked for when it was ready: before that, no program starts.
    pub(crate) is_counted: bool,
    /// Stands for what was laid over its root for its programs; nothing where none has run.
    dress: Option<u64>,
    /// Whether its program has left it as it was, by what the keeper says.
    pub(crate) is_untouched: Option<bool>,
    /// Whether nothing of the host is remembered in it, by what the host says: no program has asked for anything.
    pub(crate) is_unasked: Option<bool>,
    /// No further program runs in it.
    pub(crate) is_spent: bool,
    /// Its keeper gets the processor only when nobody else wants it.
    pub(crate) is_idle: bool,
}

/// When a place is made.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    /// When nobody else has anything to do: nobody waits for it.
    Idle,
    /// At once: a program waits. It takes that without more ado, and no other.
    Urgent,
    /// As far as it can be before there are shares, which are in no snapshot, and the rest at once when an order comes.
    Early,
}

/// The share that an order names, and what is laid over the root for it.
pub(crate) fn slot_and_dress(payload: &[u8]) -> (u64, u64) {
    let mut fields = Fields(payload);
    (fields.number(), fields.number())
}

/// Makes namespaces and a file system for a program that is not known yet; nothing where the system has no more processes or
/// descriptors.
pub(crate) fn prepare(slot: u64, when: When) -> Option<Cell> {
    let Streams { ours, theirs } = Streams::new()?;
    let Some([way, keepers]) = way() else {
        close_all(&[ours, theirs].concat());
        return None;
    };
    let keeper = clone_into_namespaces();
    if keeper == 0 {
        keep(slot, when, keepers, theirs);
    }
    close_all(&theirs);
    keepers.close();
    if keeper < 0 {
        close_all(&ours);
        way.close();
        return None;
    }
    let [stdout, stderr, report, stdin] = ours;
    static PLACES: AtomicU32 = AtomicU32::new(0);
    Some(Cell {
        number: PLACES.fetch_add(1, Ordering::Relaxed),
        slot,
        id: None,
        keeper,
        way,
        order: Vec::new(),
        from: [stdout, stderr, report],
        stdin,
        pending: Vec::new(),
        ends: false,
        is_over: false,
        is_reaped: false,
        is_counted: when != When::Idle,
        dress: None,
        is_untouched: None,
        is_unasked: None,
        is_spent: when != When::Idle,
        is_idle: when == When::Idle,
    })
}

impl Cell {
    /// Whether it is, or will be, ready for a program that needs this laid over the root.
    pub(crate) fn suits(&self, dress: u64) -> bool {
        self.id.is_none() && !self.is_over && self.dress.is_none_or(|worn| worn == dress)
    }

    /// Gives it its program, for which it must not wait behind others that are prepared.
    pub(crate) fn take(&mut self, id: u32, order: &[u8]) {
        self.hurry();
        self.id = Some(id);
        self.dress = Some(slot_and_dress(order).1);
        field(&mut self.order, order);
        self.write_order();
    }

    /// Has it made ready, or cleared away, as soon as can be: somebody waits for it.
    pub(crate) fn hurry(&mut self) {
        if self.is_idle {
            set_turn(self.keeper, Turn::Usual);
        }
        self.is_idle = false;
    }

    /// Writes what the pipe takes of the order.
    pub(crate) fn write_order(&mut self) {
        let count = unsafe { write(self.way.orders, self.order.as_ptr().cast(), self.order.len()) };
        if count > 0 {
            self.order.drain(..count as usize);
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            self.order.clear();
        }
    }

    /// Takes what the keeper says. Whether the place has just become ready.
    pub(crate) fn listen(&mut self) -> bool {
        let mut words = [0u8; 8];
        let count = unsafe { read(self.way.control, words.as_mut_ptr().cast(), words.len()) };
        if count <= 0 {
            // It was killed.
            self.let_go();
            return false;
        }
        for said in &words[..count as usize] {
            match *said {
                word::AS_NEW => self.is_untouched = Some(true),
                word::SPENT => self.is_untouched = Some(false),
                _ => {}
            }
        }
        words[..count as usize].contains(&word::READY)
    }

    /// After a program: makes the place ready for the next one, or lets it go. Nothing where that is not known yet.
    /// Whether it is ready.
    pub(crate) fn go_on(&mut self) -> bool {
        if !self.is_over || self.is_reaped || self.way.control < 0 {
            return false;
        }
        let is_known_to_be_spent =
            self.is_spent || self.id.is_none() || self.is_untouched == Some(false) || self.is_unasked == Some(false);
        if is_known_to_be_spent {
            self.let_go();
            return false;
        }
        if (self.is_untouched, self.is_unasked) != (Some(true), Some(true)) {
            return false;
        }
        let Some(Streams { ours, theirs }) = Streams::new() else {
            self.let_go();
            return false;
        };
        let handed_over = hand_over(self.way.control, theirs);
        close_all(&theirs);
        if !handed_over {
            close_all(&ours);
            self.let_go();
            return false;
        }
        close_all(&[self.stdin]);
        let [stdout, stderr, report, stdin] = ours;
        (self.from, self.stdin) = ([stdout, stderr, report], stdin);
        (self.id, self.is_over, self.ends) = (None, false, false);
        (self.is_untouched, self.is_unasked, self.is_idle) = (None, None, true);
        self.pending.clear();
        true
    }

    /// Ends it before it has a program. It takes no order any more; the next one for its slot waits until it is gone.
    pub(crate) fn give_up(&mut self) {
        unsafe { kill(self.keeper, SIGKILL) };
        self.is_over = true;
    }

    /// Lets the keeper go, and its namespaces with it.
    fn let_go(&mut self) {
        self.order.clear();
        self.way.close();
        self.way = Way::CLOSED;
    }

    /// Closes what is open.
    pub(crate) fn clear(&self) {
        close_all(&self.from);
        close_all(&[self.stdin]);
        self.way.close();
    }
}

fn clone_into_namespaces() -> c_int {
    let (flags, stack) = (PLACE_NAMESPACES | SIGCHLD as c_long, 0 as c_long);
    // s390x has the two the other way round.
    let (first, second) = if cfg!(target_arch = "s390x") { (stack, flags) } else { (flags, stack) };
    (unsafe { syscall(SYS_CLONE, first, second, 0 as c_long, 0 as c_long, 0 as c_long) }) as c_int
}
