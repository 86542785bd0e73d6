//! What a run shows while it goes on, on standard error: running guests and counts on a terminal, plain lines elsewhere,
//! nothing with `--json`. Findings and slow guests are told at once; a key tells what is running.
//!
//! Two threads show: the coordinator, as events are recorded, and one of our own, as time passes and keys are pressed.
//! Both hold the one lock while they write. A terminal that takes nothing more (Ctrl-S) therefore holds the run up until
//! it does, but never the second Ctrl-C, which is a signal handler's.

mod keys;
mod lines;
mod rhythm;
mod screen;
mod tally;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::events::Event;
use crate::run::{Board, Observer};

use keys::{Keys, Woken};
use rhythm::Rhythm;
use screen::Screen;
use tally::Tally;

/// Shows a run.
pub struct Progress {
    /// `None` where nothing is shown.
    shared: Option<Arc<Shared>>,
    watcher: Option<Watcher>,
}

/// The thread that shows what time and keys bring.
struct Watcher {
    thread: JoinHandle<()>,
    /// Closed when it is to end.
    quit: OwnedFd,
}

struct Shared {
    board: Arc<Board>,
    display: Mutex<Display>,
}

struct Display {
    screen: Screen,
    tally: Tally,
    rhythm: Rhythm,
    begun: Instant,
}

impl Progress {
    /// Shows nothing where `quiet`.
    pub fn new(quiet: bool, board: &Arc<Board>) -> Result<Self> {
        if quiet {
            return Ok(Self { shared: None, watcher: None });
        }
        let failed = |error: std::io::Error| Error::world("cannot watch the run").caused_by(error);
        let (screen, begun) = (Screen::new(), Instant::now());
        let (keys, end) = Keys::new(screen.is_terminal()).map_err(failed)?;
        let rhythm = Rhythm::new(begun, screen.is_terminal());
        let display = Mutex::new(Display { screen, tally: Tally::default(), rhythm, begun });
        let shared = Arc::new(Shared { board: board.clone(), display });
        let watched = shared.clone();
        let thread = std::thread::Builder::new().name("progress".into());
        let thread = thread.spawn(move || watched.watch(keys)).map_err(failed)?;
        Ok(Self { shared: Some(shared), watcher: Some(Watcher { thread, quit: end }) })
    }

    /// Takes everything off the terminal, so that the report starts on a clean line, and gives the keys back.
    pub fn finish(&mut self) {
        if let Some(Watcher { thread, quit }) = self.watcher.take() {
            drop(quit);
            // If it has panicked, it has said so.
            let _ = thread.join();
        }
        crate::unix::restore_terminal();
        if let Some(shared) = &self.shared {
            shared.display().screen.clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        let Some(shared) = &self.shared else { return };
        let mut display = shared.display();
        display.tally.apply(event, Instant::now());
        let told = lines::of_event(event, &display.tally, display.screen.paint());
        display.say(told);
    }
}

impl Shared {
    fn display(&self) -> MutexGuard<'_, Display> {
        self.display.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the run ends: what time brings, and what is asked for by key.
    fn watch(&self, mut keys: Keys) {
        // Signals are for the other threads, and a terminal that has gone to somebody else must not stop us.
        let _blocked = crate::unix::SignalsBlocked::new();
        loop {
            let next = self.tick(Instant::now());
            match keys.wait(next) {
                Woken::Time => {}
                Woken::Key => self.tell_running(),
                // The last ones of a log are over only now.
                Woken::End => return self.tell_finished(&mut self.display()),
            }
        }
    }

    /// Shows what has become due; how long until there may be more.
    fn tick(&self, now: Instant) -> Duration {
        let running = self.board.running();
        let mut display = self.display();
        let slow = display.rhythm.slow(&running, now);
        for (guest, periods) in slow {
            let told = lines::slow(guest, periods, &guest.tests(), display.screen.paint());
            display.say([told]);
        }
        if display.screen.is_terminal() {
            let elapsed = now.duration_since(display.begun);
            let head = lines::head(elapsed, &display.tally, self.board.total(), now);
            let rows = running.iter().map(|guest| lines::row(guest, now)).collect();
            display.screen.show(head, rows);
        } else {
            self.tell_finished(&mut display);
            if display.rhythm.is_status_due(now) {
                let elapsed = now.duration_since(display.begun);
                let told = lines::status(elapsed, &display.tally, self.board.total(), &running, now);
                display.say([told]);
            }
        }
        display.rhythm.next(&running, now)
    }

    /// What has come to its end since the last look; a terminal shows counts instead.
    fn tell_finished(&self, display: &mut Display) {
        if display.screen.is_terminal() {
            return;
        }
        for (suite, target) in self.board.finished() {
            let share = self.board.share_of(&suite, target.as_deref());
            let told = display.tally.take_finished(&suite, target.as_deref(), share);
            display.say(told.map(|counts| lines::finished(&suite, target.as_deref(), counts)));
        }
    }

    fn tell_running(&self) {
        let (running, now) = (self.board.running(), Instant::now());
        let mut display = self.display();
        let elapsed = now.duration_since(display.begun);
        let head = lines::head(elapsed, &display.tally, self.board.total(), now);
        let told = running.iter().flat_map(|guest| lines::running(guest, &guest.tests(), now));
        let told: Vec<String> = std::iter::once(head).chain(told).collect();
        display.say(told);
    }
}

impl Display {
    fn say(&mut self, told: impl IntoIterator<Item = String>) {
        for line in told {
            self.screen.say(&line);
            self.rhythm.said(Instant::now());
        }
    }
}
