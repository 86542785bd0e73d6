//! Who is served, in which slot, and whether the place in that slot may be used again.
//!
//! The guest uses a place for another program where the last one has left it as it was. That is known in two halves: the
//! keeper there sees what the program has changed; whether it has asked the host for anything, which the guest would
//! remember, is known here, by the requests that the slot's share has got between the time when its place was ready and the
//! program's end. All that is not certain counts as asked.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use triplecheck_emulators::vm::machines::SLOTS;

/// Requests are counted in 16 bits. Within this time no share gets as many as they can count: that would be one in eight
/// microseconds, which is less than its server's two changes of thread.
const COUNTED: Duration = Duration::from_millis(500);

/// All clients whose programs are not over, and all slots.
#[derive(Default)]
pub(super) struct Clients {
    /// By the number of the cell, which is never used twice.
    known: HashMap<u32, Client>,
    last: u32,
    /// How many were served at once.
    peak: u32,
    slots: HashMap<u32, Slot>,
    /// How often the guest has answered when it was asked to.
    pub(super) answers: u64,
}

struct Client {
    /// Its share of 9p.
    slot: u32,
    /// Where its frames go; `None` when it has gone.
    back: Option<UnixStream>,
    run: Option<Run>,
    /// It knows that its program is over.
    is_over: bool,
}

/// A program on its way.
struct Run {
    begun: Instant,
    /// How many requests the share had got before.
    requests: Option<u64>,
}

/// A slot that was used.
#[derive(Default)]
struct Slot {
    /// The last cell in it.
    last: u32,
    /// Whether a place is ready there.
    is_ready: bool,
    /// Stands for what is laid over the root of that place; nothing where no program has run there.
    dress: Option<u64>,
    /// How many requests its share had got when it became ready.
    requests: Option<u64>,
}

/// In which order slots are taken for a program.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Places that have to be made, until there is one more than were needed at once.
    Wanted,
    ReadyForIt,
    New,
    /// Its place has to be made anew. Where programs of one kind come one after another, they have more than one slot then.
    ReadyForAnother,
    BeingCleared,
}

impl Clients {
    /// Lets a client in if there is a slot for it, and gives it the number of its cell.
    pub(super) fn admit(&mut self, back: &UnixStream) -> Option<u32> {
        let back = back.try_clone().ok()?;
        let slot = self.free_slots().next()?;
        self.last = self.last.wrapping_add(1).max(1);
        self.known.insert(self.last, Client { slot, back: Some(back), run: None, is_over: false });
        self.peak = self.peak.max(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        Some(self.last)
    }

    /// Chooses the slot for a client's program, which begins now; nothing where the client is not known.
    pub(super) fn begin(&mut self, cell: u32, dress: u64) -> Option<u32> {
        let own = self.known.get(&cell)?.slot;
        let rank = |slot: &u32| (self.rank(*slot, dress), self.slots.get(slot).map_or(0, |slot| slot.last));
        let slot = std::iter::once(own).chain(self.free_slots()).min_by_key(rank)?;
        let place = self.slots.entry(slot).or_default();
        let requests = place.requests.take();
        *place = Slot { last: cell, is_ready: false, dress: Some(dress), requests: None };
        let client = self.known.get_mut(&cell)?;
        client.slot = slot;
        client.run = Some(Run { begun: Instant::now(), requests });
        Some(slot)
    }

    /// Notes that a new place is ready, and how many requests its share has got by then. No program runs there before the guest
    /// is told that this is noted.
    pub(super) fn ready(&mut self, slot: u32, requests: Option<u64>) {
        let mut waiting = self.known.values_mut().filter(|client| client.slot == slot);
        if let Some(run) = waiting.find_map(|client| client.run.as_mut()) {
            *run = Run { begun: Instant::now(), requests };
        } else {
            let last = self.slots.get(&slot).map_or(0, |slot| slot.last);
            self.slots.insert(slot, Slot { last, is_ready: true, dress: None, requests });
        }
    }

    /// Notes that a client is told of its program's end.
    pub(super) fn is_told(&mut self, cell: u32) {
        if let Some(client) = self.known.get_mut(&cell) {
            client.is_over = true;
        }
    }

    /// The slot whose requests have to be known when this program is over; nothing where they would tell nothing.
    pub(super) fn counted_slot(&self, cell: u32) -> Option<u32> {
        let client = self.known.get(&cell)?;
        let run = client.run.as_ref()?;
        (run.requests.is_some() && run.begun.elapsed() < COUNTED).then_some(client.slot)
    }

    /// Lets a client go, whose share has got this many requests by now. Whether its program has asked for nothing.
    pub(super) fn leave(&mut self, cell: u32, requests: Option<u64>) -> bool {
        let Some(client) = self.known.remove(&cell) else { return false };
        let before = client.run.and_then(|run| run.requests);
        let is_unasked = requests.is_some() && requests == before;
        if let Some(slot) = self.slots.get_mut(&client.slot).filter(|_| is_unasked) {
            (slot.is_ready, slot.requests) = (true, requests);
        }
        is_unasked
    }

    /// The way back to a client.
    pub(super) fn back(&self, cell: u32) -> Option<UnixStream> {
        self.known.get(&cell)?.back.as_ref()?.try_clone().ok()
    }

    /// Whether a client's program is not over.
    pub(super) fn is_running(&self, cell: u32) -> bool {
        self.known.get(&cell).is_some_and(|client| !client.is_over)
    }

    /// Sends nothing more to a client.
    pub(super) fn forget(&mut self, cell: u32) {
        if let Some(client) = self.known.get_mut(&cell) {
            client.back = None;
        }
    }

    /// All ways back.
    pub(super) fn backs(&self) -> impl Iterator<Item = &UnixStream> {
        self.known.values().filter_map(|client| client.back.as_ref())
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }

    /// Those that nobody has, among one more than were needed at once: a place is cleared away while the next is used.
    fn free_slots(&self) -> impl Iterator<Item = u32> + '_ {
        let slots = u32::try_from(SLOTS).unwrap_or(u32::MAX).min(self.peak + 2);
        (1..=slots).filter(|slot| self.known.values().all(|client| client.slot != *slot))
    }

    fn rank(&self, slot: u32, dress: u64) -> Rank {
        let made = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        match self.slots.get(&slot) {
            None if made <= self.peak => Rank::Wanted,
            None => Rank::New,
            Some(Slot { is_ready: false, .. }) => Rank::BeingCleared,
            Some(Slot { dress: Some(worn), .. }) if *worn != dress => Rank::ReadyForAnother,
            Some(_) => Rank::ReadyForIt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients, of which each program is run alone.
    #[derive(Default)]
    struct Scene {
        clients: Clients,
    }

    impl Scene {
        fn begin(&mut self, dress: u64) -> (u32, u32) {
            let (back, _) = UnixStream::pair().unwrap();
            let cell = self.clients.admit(&back).unwrap();
            (cell, self.clients.begin(cell, dress).unwrap())
        }

        /// Runs a program whose share has got this many requests at its end; its slot, and whether it has asked for nothing.
        fn run(&mut self, dress: u64, requests: u64) -> (u32, bool) {
            let (cell, slot) = self.begin(dress);
            let known = self.clients.counted_slot(cell).map(|_| requests);
            (slot, self.clients.leave(cell, known))
        }
    }

    #[test]
    fn a_place_is_used_again_only_where_nothing_was_asked_since_it_was_ready() {
        let mut scene = Scene::default();
        assert_eq!(scene.run(7, 10), (1, false), "nobody knows how many there were before");
        scene.clients.ready(1, Some(12));
        assert_eq!(scene.run(7, 30), (2, false));
        assert_eq!(scene.run(7, 12), (1, true));
        assert_eq!(scene.run(7, 12), (1, true));
        assert_eq!(scene.run(7, 13), (1, false));
        // Nor again before it was made anew.
        assert_eq!(scene.run(7, 13), (3, false));
        // A QEMU that does not count.
        scene.clients.ready(1, None);
        assert_eq!(scene.run(7, 13), (1, false));
    }

    #[test]
    fn what_is_counted_is_that_of_the_place_in_which_the_program_runs() {
        let mut scene = Scene::default();
        let (cell, slot) = scene.begin(7);
        assert_eq!(scene.clients.counted_slot(cell), None);
        // Two places were made until it could run.
        scene.clients.ready(slot, Some(12));
        scene.clients.ready(slot, Some(20));
        assert_eq!(scene.clients.counted_slot(cell), Some(slot));
        assert!(scene.clients.leave(cell, Some(20)));
        assert_eq!(scene.run(7, 21), (2, false));
        assert_eq!(scene.run(7, 20), (slot, true));
    }

    #[test]
    fn a_count_that_may_have_come_round_tells_nothing() {
        let mut scene = Scene::default();
        scene.run(7, 0);
        scene.clients.ready(1, Some(12));
        scene.run(7, 0);
        let (cell, _) = scene.begin(7);
        assert_eq!(scene.clients.counted_slot(cell), Some(1));
        scene.clients.known.get_mut(&cell).unwrap().run.as_mut().unwrap().begun -= COUNTED;
        assert_eq!(scene.clients.counted_slot(cell), None);
    }

    #[test]
    fn a_program_comes_where_its_libraries_are_laid_already() {
        let mut scene = Scene::default();
        for (dress, slot) in [(7, 1), (8, 2)] {
            assert_eq!(scene.run(dress, 0).0, slot);
            scene.clients.ready(slot, Some(0));
        }
        assert_eq!(scene.run(7, 0), (1, true));
        assert_eq!(scene.run(8, 0), (2, true));
        assert_eq!(scene.run(8, 0), (2, true));
        assert_eq!(scene.run(7, 0), (1, true));
        // Rather a new one than one whose libraries are others.
        assert_eq!(scene.run(9, 0).0, 3);
        // As many at once as there are slots.
        let cells: Vec<(u32, u32)> = (0..4).map(|_| scene.begin(7)).collect();
        assert_eq!(cells.iter().map(|(_, slot)| *slot).collect::<std::collections::BTreeSet<_>>().len(), 4);
        let (back, _) = UnixStream::pair().unwrap();
        assert!(scene.clients.admit(&back).is_none());
    }
}
