//! How long a guest may take before it counts as hung, and how that was derived. Pure.
//!
//! A target's run gets the time its native side took, times what its emulator is known to cost, times the load of the
//! machine, and never less than a minute, so that neither a slow emulator nor a busy machine makes a time-out. What was
//! derived is told with every verdict `timeout`: nobody can judge a deadline without the numbers behind it.

use std::fmt;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;

use super::speeds::Speed;

/// Deadlines of the native side, for which there is nothing to derive them from.
const NATIVE_PROGRAM: Duration = Duration::from_secs(60);
const NATIVE_TESTS: Duration = Duration::from_secs(600);
/// The least that a target's run is given.
const TARGET_LEAST: Duration = Duration::from_secs(60);
/// The share of its deadline after which a run is called slow, and the least time for that.
const SLOW_SHARE: u32 = 3;
const SLOW_LEAST: Duration = Duration::from_secs(10);

/// How much busier than it can serve the machine is, in percent: 100 where every runnable process has a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load(u32);

impl Load {
    /// The load of a machine with so many processors on which so many processes want one, in hundredths.
    pub(crate) fn new(processors: usize, runnable_hundredths: u64) -> Self {
        let processors = u64::try_from(processors.max(1)).unwrap_or(u64::MAX);
        let percent = u32::try_from(runnable_hundredths / processors).unwrap_or(u32::MAX);
        Self(percent.clamp(100, 10_000))
    }

    fn stretch(self, duration: Duration) -> Duration {
        duration.saturating_mul(self.0) / 100
    }
}

/// What kind of guest a native run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// One program.
    Program,
    /// All tests of a binary.
    Tests,
}

/// A deadline and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) deadline: Duration,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// `--timeout` or the manifest.
    Asked,
    /// The native side's.
    Native,
    /// From the native duration; `least` where that would give less than a target gets at least.
    Derived { native: Duration, factor: Factor, load: Load, least: bool },
}

/// How many times the native duration is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Factor {
    times: u32,
    measured: Option<Speed>,
}

/// By how much an emulator may be slower than the host while too few of its runs were measured, and the least that is
/// ever given: a program may do nothing but what its emulator is worst at.
fn assumed(kind: Option<Kind>) -> (u32, u32) {
    match kind {
        Some(Kind::Native) => (10, 5),
        Some(Kind::Wine) => (20, 10),
        Some(Kind::QemuUser | Kind::Custom | Kind::Remote) | None => (50, 20),
        // It computes as under user-mode emulation, but its kernel is emulated too: a new file takes ten times as long.
        Some(Kind::Vm) => (100, 40),
        Some(Kind::Wasi | Kind::QemuSystem) => (300, 100),
    }
}

/// How many times as long as nearly all measured runs a run may take.
const SAFETY: u32 = 5;

impl Factor {
    fn new(kind: Option<Kind>, measured: Option<Speed>) -> Self {
        let (unmeasured, least) = assumed(kind);
        let times = measured.map_or(unmeasured, |speed| {
            speed.high_hundredths.saturating_mul(SAFETY).div_ceil(100).max(least)
        });
        Self { times, measured }
    }
}

impl Limit {
    /// What the user asked for.
    pub(crate) fn asked(deadline: Duration) -> Self {
        Self { deadline, origin: Origin::Asked }
    }

    /// The native side's, where nothing was asked for.
    pub(crate) fn native(weight: Weight, load: Load) -> Self {
        let deadline = match weight {
            Weight::Program => NATIVE_PROGRAM,
            Weight::Tests => NATIVE_TESTS,
        };
        Self { deadline: load.stretch(deadline), origin: Origin::Native }
    }

    /// A target's, from how long its native side took and what is known of its emulator.
    pub(crate) fn derived(native: Duration, kind: Option<Kind>, measured: Option<Speed>, load: Load) -> Self {
        let factor = Factor::new(kind, measured);
        let derived = load.stretch(native.saturating_mul(factor.times));
        let least = derived < TARGET_LEAST;
        let origin = Origin::Derived { native, factor, load, least };
        Self { deadline: derived.max(TARGET_LEAST), origin }
    }
}

/// The time after which a run with this deadline is called slow.
pub(crate) fn slow_period(deadline: Duration) -> Duration {
    (deadline / SLOW_SHARE).max(SLOW_LEAST)
}

impl fmt::Display for Limit {
    /// `60 s, the least that a target is given (50 × the 13 ms natively would be 650 ms)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Told(self.deadline))?;
        match self.origin {
            Origin::Asked => formatter.write_str(", as `--timeout` or the manifest says"),
            Origin::Native => formatter.write_str(", what a native run is given"),
            Origin::Derived { native, factor, load, least } => {
                let product = Derivation { native, factor, load };
                if least {
                    let would = load.stretch(native.saturating_mul(factor.times));
                    write!(
                        formatter,
                        ", the least that a target is given ({product} would be {})",
                        Told(would)
                    )
                } else {
                    write!(formatter, ": {product}")
                }
            }
        }
    }
}

/// `15 × the 5 s natively, times 1.5 for the load; 41 runs measured, nearly all within 2.9 ×`.
struct Derivation {
    native: Duration,
    factor: Factor,
    load: Load,
}

impl fmt::Display for Derivation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × the {} natively", self.factor.times, Told(self.native))?;
        if self.load.0 > 100 {
            write!(formatter, ", times {} for the load", Hundredths(self.load.0))?;
        }
        match self.factor.measured {
            Some(speed) => write!(
                formatter,
                "; of {} runs measured here nearly all took up to {} ×",
                speed.samples,
                Hundredths(speed.high_hundredths)
            ),
            None => Ok(()),
        }
    }
}

/// A duration as people say it, without a zero after the point.
struct Told(Duration);

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = crate::report::text::seconds(super::millis(self.0));
        formatter.write_str(&text.replace(".0 s", " s"))
    }
}

struct Hundredths(u32);

impl fmt::Display for Hundredths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0 / 100, self.0 % 100 / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load(100);

    fn measured(high_hundredths: u32) -> Speed {
        Speed { high_hundredths, samples: 41 }
    }

    #[test]
    fn a_short_run_gets_the_least_and_says_what_it_would_have_got() {
        let limit = Limit::derived(Duration::from_millis(13), Some(Kind::QemuUser), None, IDLE);
        assert_eq!(limit.deadline, TARGET_LEAST);
        assert_eq!(
            limit.to_string(),
            "1 min 0 s, the least that a target is given (50 × the 13 ms natively would be 650 ms)"
        );
    }

    #[test]
    fn a_long_run_gets_what_its_emulator_is_known_to_cost_and_a_busy_machine_more() {
        let native = Duration::from_secs(5);
        let limit = |measured, load| Limit::derived(native, Some(Kind::QemuUser), measured, load);
        assert_eq!(limit(None, IDLE).deadline, Duration::from_secs(250));
        assert_eq!(limit(Some(measured(900)), IDLE).deadline, Duration::from_secs(225));
        assert_eq!(
            limit(Some(measured(110)), IDLE).deadline,
            Duration::from_secs(100),
            "there is a least factor"
        );
        assert_eq!(limit(Some(measured(90_000)), IDLE).deadline, Duration::from_secs(22_500), "and no most");
        let busy = limit(Some(measured(900)), Load(150));
        assert_eq!(busy.deadline, Duration::from_millis(337_500));
        assert_eq!(
            busy.to_string(),
            "5 min 37 s: 45 × the 5 s natively, times 1.5 for the load; of 41 runs measured here nearly all took up to 9.0 ×"
        );
    }

    #[test]
    fn what_was_asked_for_is_given_whatever_the_load() {
        let limit = Limit::asked(Duration::from_secs(2));
        assert_eq!(limit.to_string(), "2 s, as `--timeout` or the manifest says");
        assert_eq!(limit.deadline, Duration::from_secs(2));
        assert_eq!(Limit::native(Weight::Program, Load(300)).deadline, NATIVE_PROGRAM * 3);
        assert!(Limit::native(Weight::Tests, IDLE).deadline > Limit::native(Weight::Program, IDLE).deadline);
    }

    #[test]
    fn load_counts_only_where_processes_wait_for_a_processor() {
        assert_eq!(Load::new(2, 50), IDLE);
        assert_eq!(Load::new(2, 200), IDLE);
        assert_eq!(Load::new(2, 500), Load(250));
        assert_eq!(Load::new(0, u64::MAX), Load(10_000));
    }

    #[test]
    fn slow_is_a_third_of_the_deadline_and_at_least_ten_seconds() {
        assert_eq!(slow_period(Duration::from_secs(60)), Duration::from_secs(20));
        assert_eq!(slow_period(Duration::from_secs(6)), SLOW_LEAST);
    }
}
