//! How many times as long as natively guests took, by target and emulator: measured in earlier runs and in this one, and
//! kept next to the results.
//!
//! Only runs that ended by themselves and natively took long enough count: in a short one the start of the emulator is
//! all that there is to measure. What another machine measured is not believed; a build directory travels in CI caches.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::patience::Load;
use crate::error::{About as _, Result};

/// The least native duration that is measured.
const NATIVE_LEAST: Duration = Duration::from_millis(50);
/// The most ratios that are kept of one emulator, the latest.
const KEPT_MAX: usize = 256;
/// Below so many nothing is said of an emulator.
const SAMPLES_LEAST: usize = 10;
/// So many in a hundred are within what counts as high.
const QUANTILE_PERCENT: usize = 95;

/// What is known of one emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed {
    /// The ratio within which nearly all runs were, in hundredths.
    pub(crate) high_hundredths: u32,
    /// How many were measured.
    pub(crate) samples: usize,
}

/// All that was measured.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Speeds {
    machine: String,
    /// By emulator, in hundredths, the latest last.
    ratios: BTreeMap<String, Vec<u32>>,
}

impl Speeds {
    /// What was measured on `machine` and kept at `path`. What cannot be read is as if it were not there: it costs
    /// nothing but patience.
    pub(crate) fn read(path: &Path, machine: &str) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        let kept = serde_json::from_slice::<Self>(&text).unwrap_or_default();
        if kept.machine == machine { kept } else { Self { machine: machine.to_owned(), ..Self::default() } }
    }

    /// Keeps it for later runs. Two runs at once leave the one's or the other's, whole.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let Ok(text) = serde_json::to_vec(self) else { return Ok(()) };
        let parent = path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        fs_err::create_dir_all(&parent).about("make", &parent)?;
        let mut file = tempfile::NamedTempFile::new_in(&parent).about("write below", &parent)?;
        file.write_all(&text).about("write", file.path())?;
        file.persist(path).about("replace", path).map(|_| ())
    }

    /// Notes how long a run took that ended by itself.
    pub(crate) fn learn(&mut self, emulator: &str, native: Duration, target: Duration) {
        if native < NATIVE_LEAST {
            return;
        }
        let hundredths = target.as_micros().saturating_mul(100) / native.as_micros().max(1);
        let ratios = self.ratios.entry(emulator.to_owned()).or_default();
        if ratios.len() == KEPT_MAX {
            ratios.remove(0);
        }
        ratios.push(u32::try_from(hundredths).unwrap_or(u32::MAX).max(100));
    }

    /// What is known of this emulator, if it is enough.
    pub(crate) fn of(&self, emulator: &str) -> Option<Speed> {
        let mut sorted = self.ratios.get(emulator).filter(|ratios| ratios.len() >= SAMPLES_LEAST)?.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * QUANTILE_PERCENT).div_ceil(100);
        Some(Speed { high_hundredths: sorted[rank - 1], samples: sorted.len() })
    }
}

/// This machine, as far as speeds depend on it: its processor and how many there are.
pub(crate) fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        // x86 and RISC-V, Arm, POWER, s390x: whoever says nothing is told apart by its count alone.
        ["model name", "CPU part", "cpu", "processor 0"]
            .contains(&key.trim())
            .then(|| value.trim().to_owned())
    });
    format!("{} × {}", processors(), model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()))
}

/// The load of this machine now, with `jobs` guests of ours that want a processor.
pub(crate) fn load(jobs: usize) -> Load {
    // The average of the last minute, which lags behind what we are about to start.
    let average =
        std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| hundredths(&text)).unwrap_or(0);
    let ours = u64::try_from(jobs).unwrap_or(u64::MAX).saturating_mul(100);
    Load::new(processors(), average.max(ours))
}

/// `1.52 0.88 …` as 152.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_whitespace().next()?.split_once('.')?;
    Some(whole.parse::<u64>().ok()?.saturating_mul(100) + part.get(..2)?.parse::<u64>().ok()?)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: &str = "s390x-unknown-linux-gnu qemu-user 7.2.22";

    fn learnt(ratios: impl IntoIterator<Item = u64>) -> Speeds {
        let mut speeds = Speeds { machine: "here".into(), ..Speeds::default() };
        for ratio in ratios {
            speeds.learn(QEMU, Duration::from_millis(100), Duration::from_millis(100 * ratio));
        }
        speeds
    }

    #[test]
    fn a_few_runs_say_nothing_and_many_say_what_nearly_all_took() {
        assert_eq!(learnt(1..10).of(QEMU), None);
        assert_eq!(learnt(1..=100).of(QEMU), Some(Speed { high_hundredths: 9_500, samples: 100 }));
        assert_eq!(learnt([7; 10]).of(QEMU), Some(Speed { high_hundredths: 700, samples: 10 }));
        assert_eq!(learnt([7; 10]).of("another"), None);
    }

    #[test]
    fn only_the_latest_are_kept() {
        let speeds = learnt((0..1_000).map(|number| if number < 700 { 90 } else { 3 }));
        assert_eq!(speeds.of(QEMU), Some(Speed { high_hundredths: 300, samples: KEPT_MAX }));
    }

    #[test]
    fn a_run_that_is_over_at_once_measures_the_start_and_is_not_counted() {
        let mut speeds = learnt([]);
        for _ in 0..20 {
            speeds.learn(QEMU, Duration::from_millis(1), Duration::from_millis(30));
        }
        assert_eq!(speeds, learnt([]));
    }

    #[test]
    fn what_is_kept_comes_back_on_the_same_machine_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("triplecheck/speeds.json");
        let speeds = learnt([7; 10]);
        speeds.write(&path).unwrap();
        assert_eq!(Speeds::read(&path, "here"), speeds);
        assert_eq!(Speeds::read(&path, "there").of(QEMU), None);
        std::fs::write(&path, "{\"machine\": \"here\", \"rat").unwrap();
        assert_eq!(Speeds::read(&path, "here"), learnt([]), "what is damaged is begun anew");
    }

    #[test]
    fn this_machine_has_a_name_and_a_load() {
        assert!(machine().contains(" × "), "{}", machine());
        assert_eq!(load(usize::MAX), Load::new(1, u64::MAX));
        assert_eq!(hundredths("12.34 0.88 0.90 2/381 7051\n"), Some(1_234));
        assert_eq!(hundredths(""), None);
    }
}
