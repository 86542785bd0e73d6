//! Time, waiting, and chance.

use std::fs::File;
use std::io::Read as _;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_getres, clock_gettime};

use super::descriptors::timespec;
use super::errno::Errno;
use super::memory::{Memory, to_usize};
use super::run::Wasi;

type Answer = Result<(), Errno>;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;
const CLOCK_ABSOLUTE: u16 = 1;
const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;
const HANGUP: u16 = 1;

/// As many subscriptions as one call serves: more than any program has descriptors.
const SUBSCRIPTIONS_MAX: u32 = 4096;

pub(super) fn clock_res_get(_: &mut Wasi, memory: &mut Memory, clock: u32, answer: u32) -> Answer {
    memory.write_u64(answer, nanoseconds(clock_getres(clock_id(clock)?))?)
}

pub(super) fn clock_time_get(_: &mut Wasi, memory: &mut Memory, clock: u32, _: u64, answer: u32) -> Answer {
    memory.write_u64(answer, now(clock)?)
}

fn clock_id(clock: u32) -> Result<ClockId, Errno> {
    match clock {
        REALTIME => Ok(ClockId::Realtime),
        MONOTONIC => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::INVAL),
    }
}

fn now(clock: u32) -> Result<u64, Errno> {
    nanoseconds(clock_gettime(clock_id(clock)?))
}

fn nanoseconds(time: Timespec) -> Result<u64, Errno> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::OVERFLOW)?;
    let fraction = u64::try_from(time.tv_nsec).map_err(|_| Errno::OVERFLOW)?;
    seconds.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(fraction)).ok_or(Errno::OVERFLOW)
}

pub(super) fn random_get(_: &mut Wasi, memory: &mut Memory, address: u32, length: u32) -> Answer {
    let span = memory.span(address, length)?;
    Ok(File::open("/dev/urandom")?.read_exact(memory.bytes_mut(span))?)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that all functions of the specification share")]
pub(super) fn sched_yield(_: &mut Wasi, _: &mut Memory) -> Answer {
    std::thread::yield_now();
    Ok(())
}

/// What one subscription waits for.
enum Wait {
    /// Until this much of the clock has passed, in nanoseconds.
    Clock { clock: u32, until: u64 },
    /// Until the descriptor can be read or written.
    Descriptor { fd: u32, flags: PollFlags },
}

struct Subscription {
    userdata: u64,
    kind: u8,
    wait: Wait,
}

struct Event {
    userdata: u64,
    error: u16,
    kind: u8,
    bytes: u64,
    flags: u16,
}

pub(super) fn poll_oneoff(
    wasi: &mut Wasi,
    memory: &mut Memory,
    subscriptions: u32,
    events: u32,
    count: u32,
    answer: u32,
) -> Answer {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::INVAL);
    }
    let wanted = (0..count)
        .map(|index| {
            subscription(memory, subscriptions.checked_add(index * SUBSCRIPTION_BYTES).ok_or(Errno::FAULT)?)
        })
        .collect::<Result<Vec<_>, Errno>>()?;
    let happened = wait(wasi, &wanted)?;
    for (event, index) in happened.iter().zip(0_u32..) {
        write_event(memory, events.checked_add(index * EVENT_BYTES).ok_or(Errno::FAULT)?, event)?;
    }
    memory.write_size(answer, happened.len())
}

fn subscription(memory: &Memory, address: u32) -> Result<Subscription, Errno> {
    let bytes: [u8; 48] = memory.read(address)?;
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let kind = bytes[8];
    let wait = match kind {
        0 => {
            let clock = word(16);
            let absolute = u16::from_le_bytes([bytes[40], bytes[41]]) & CLOCK_ABSOLUTE != 0;
            // So much time is not less where somebody sets the clock meanwhile (clock_nanosleep(2)).
            let clock = if clock == REALTIME && !absolute { MONOTONIC } else { clock };
            let start = if absolute { 0 } else { now(clock)? };
            Wait::Clock { clock, until: start.saturating_add(long(24)) }
        }
        1 => Wait::Descriptor { fd: word(16), flags: PollFlags::IN },
        2 => Wait::Descriptor { fd: word(16), flags: PollFlags::OUT },
        _ => return Err(Errno::INVAL),
    };
    Ok(Subscription { userdata: long(0), kind, wait })
}

/// Waits until something has happened; at once if a descriptor is not open.
fn wait(wasi: &Wasi, wanted: &[Subscription]) -> Result<Vec<Event>, Errno> {
    let mut happened: Vec<Event> = wanted.iter().filter_map(|one| not_open(wasi, one)).collect();
    while happened.is_empty() {
        let mut left: Option<u64> = None;
        for one in wanted {
            if let Wait::Clock { clock, until } = one.wait {
                let remaining = until.saturating_sub(now(clock)?);
                left = Some(left.map_or(remaining, |shortest| shortest.min(remaining)));
            }
        }
        let limit = left.map(timespec).transpose()?;
        let mut polled: Vec<(usize, PollFd<'_>)> = Vec::new();
        for (index, one) in wanted.iter().enumerate() {
            if let Wait::Descriptor { fd, flags } = one.wait {
                polled.push((index, PollFd::from_borrowed_fd(wasi.table.fd(fd)?, flags)));
            }
        }
        let (indices, mut descriptors): (Vec<_>, Vec<_>) = polled.into_iter().unzip();
        match rustix::event::poll(&mut descriptors, limit.as_ref()) {
            // A signal that the host handled is none of the guest's business.
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        for (descriptor, index) in descriptors.iter().zip(indices) {
            happened.extend(ready(wasi, &wanted[index], descriptor.revents()));
        }
        for one in wanted {
            happened.extend(elapsed(one)?);
        }
    }
    Ok(happened)
}

fn event(of: &Subscription) -> Event {
    Event { userdata: of.userdata, error: 0, kind: of.kind, bytes: 0, flags: 0 }
}

fn not_open(wasi: &Wasi, one: &Subscription) -> Option<Event> {
    match one.wait {
        Wait::Descriptor { fd, .. } => {
            wasi.table.get(fd).err().map(|error| Event { error: error.0, ..event(one) })
        }
        Wait::Clock { .. } => None,
    }
}

fn ready(wasi: &Wasi, one: &Subscription, state: PollFlags) -> Option<Event> {
    let Wait::Descriptor { fd, flags } = one.wait else { return None };
    if state.is_empty() {
        return None;
    }
    let waiting = wasi.table.fd(fd).ok().filter(|_| flags.contains(PollFlags::IN));
    let bytes = waiting.and_then(|file| rustix::io::ioctl_fionread(file).ok()).unwrap_or(0);
    let hangup = if state.contains(PollFlags::HUP) { HANGUP } else { 0 };
    Some(Event { bytes, flags: hangup, ..event(one) })
}

fn elapsed(one: &Subscription) -> Result<Option<Event>, Errno> {
    match one.wait {
        Wait::Clock { clock, until } => Ok((now(clock)? >= until).then(|| event(one))),
        Wait::Descriptor { .. } => Ok(None),
    }
}

fn write_event(memory: &mut Memory, address: u32, event: &Event) -> Answer {
    let mut bytes = [0; EVENT_BYTES as usize];
    debug_assert_eq!(bytes.len(), to_usize(EVENT_BYTES));
    bytes[0..8].copy_from_slice(&event.userdata.to_le_bytes());
    bytes[8..10].copy_from_slice(&event.error.to_le_bytes());
    bytes[10] = event.kind;
    bytes[16..24].copy_from_slice(&event.bytes.to_le_bytes());
    bytes[24..26].copy_from_slice(&event.flags.to_le_bytes());
    memory.write(address, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock by which a wait of 20 ms on this one is measured.
    fn measured_by(clock: u32, flags: u16) -> u32 {
        let mut bytes = [0; SUBSCRIPTION_BYTES as usize];
        bytes[16..20].copy_from_slice(&clock.to_le_bytes());
        bytes[24..32].copy_from_slice(&20_000_000_u64.to_le_bytes());
        bytes[40..42].copy_from_slice(&flags.to_le_bytes());
        match subscription(&Memory(&mut bytes), 0).unwrap().wait {
            Wait::Clock { clock, .. } => clock,
            Wait::Descriptor { .. } => panic!("it waits for a time"),
        }
    }

    #[test]
    fn a_stretch_of_time_is_not_shorter_where_the_wall_clock_is_set() {
        assert_eq!(measured_by(REALTIME, 0), MONOTONIC);
        assert_eq!(measured_by(REALTIME, CLOCK_ABSOLUTE), REALTIME);
        assert_eq!(measured_by(MONOTONIC, 0), MONOTONIC);
        assert_eq!(measured_by(2, 0), 2);
    }
}
