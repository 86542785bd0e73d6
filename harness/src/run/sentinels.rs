//! Whether an emulator really runs programs: before the first guest of a target a program that we made ourselves must have
//! printed a text that nobody could know, and have ended with its status.
//!
//! Emulators fail in ways that look like success: with status 0 and no output, or with a status that a program could have
//! chosen. Without this proof nothing that a guest shows there is believed, and nothing of that target is run.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::Blocked;
use super::board::{Doing, Label};
use super::cell::{Start, Starter};
use crate::error::{About as _, Result};
use crate::observation::{End, Observation};
use crate::plan::PlannedTarget;
use crate::programs::{self, Sentinel, TEXT_BYTES};

/// A start of an emulator takes milliseconds; the rest is a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a sentinel is started that could not be: its file may still be open in a child that another thread has just
/// forked (ETXTBSY).
const STARTS_MAX: usize = 3;

/// Why nothing of a target is believed, if that is so.
type Proof = Result<(), Blocked>;

/// What is known of the targets so far; shared by all workers.
#[derive(Default)]
pub(super) struct Sentinels {
    proofs: Mutex<HashMap<String, Arc<OnceLock<Proof>>>>,
}

impl Sentinels {
    /// Starts the target's sentinel in its emulator if nobody has; the second worker that asks waits for the first. The error is why
    /// nothing that runs there is believed.
    pub(super) fn ensure(
        &self,
        starter: &Starter<'_>,
        planned: &PlannedTarget,
        dir: &Path,
    ) -> Result<(), Blocked> {
        // What needs a kernel has another emulator than the rest.
        let needs = if planned.options.needs_kernel { "-kernel" } else { "" };
        let name = format!("{}{needs}", planned.target);
        let proof = {
            let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
            proofs.entry(name.clone()).or_default().clone()
        };
        let found = proof.get_or_init(|| {
            prove(starter, planned, &dir.join(&name)).unwrap_or_else(|error| {
                let reason = format!("the emulator could not be tried: {}", error.sentence());
                Err(Blocked { reason, fix: None })
            })
        });
        found.clone()
    }
}

/// Starts the sentinel. The outer error is the world's.
fn prove(starter: &Starter<'_>, planned: &PlannedTarget, dir: &Path) -> Result<Proof> {
    let text = nonce();
    // Of systems without one, and of a command that the user gave, nothing is asked.
    let made = programs::sentinel(&planned.target, &text).filter(|_| planned.options.custom.is_none());
    let Some(sentinel) = made else { return Ok(Ok(())) };
    let program = write(dir, &sentinel)?;
    let target = planned.target.to_string();
    let start = Start {
        program: &program,
        args: &[],
        env: Vec::new(),
        stdin: None,
        files: &[],
        dir: None,
        deadline: DEADLINE,
        label: Label {
            suite: "sentinel",
            case: "sentinel",
            target: Some(&target),
            number: 1,
            doing: Doing::Program,
        },
        varied: false,
    };
    let mut answer = Ok(());
    for _ in 0..STARTS_MAX {
        // Where the lookup has no way to run it, it says nothing about the way in which others are run.
        let Some(observation) = starter.observe_sentinel(planned, &start)? else { return Ok(Ok(())) };
        if observation.end == End::Interrupted || is_proof(&observation, &sentinel, &text) {
            return Ok(Ok(()));
        }
        answer = Err(refusal(planned, &observation));
        if !matches!(observation.end, End::NotStarted { .. }) {
            break;
        }
    }
    Ok(answer)
}

fn is_proof(observation: &Observation, sentinel: &Sentinel, text: &[u8; TEXT_BYTES]) -> bool {
    observation.stdout == text && observation.end == End::Exited { code: sentinel.status }
}

fn refusal(planned: &PlannedTarget, observation: &Observation) -> Blocked {
    let said = match observation.stdout.len() {
        0 => "printed nothing".to_owned(),
        TEXT_BYTES => "did print".to_owned(),
        count => format!("printed {count} bytes that are not its own"),
    };
    let stderr = String::from_utf8_lossy(&observation.stderr);
    let words = stderr.lines().last().map_or(String::new(), |line| format!(": {line}"));
    let reason = format!(
        "the emulator does not work here: a program that prints 32 digits and exits {said} and ended with {}{words}",
        observation.end
    );
    Blocked { reason, fix: Some(format!("triplecheck doctor {}", planned.target)) }
}

/// 32 hexadecimal digits that this run alone knows.
fn nonce() -> [u8; TEXT_BYTES] {
    let random = || RandomState::new().build_hasher().finish();
    let text = format!("{:016x}{:016x}\n", random(), random());
    text.into_bytes().try_into().expect("twice sixteen digits and a line feed")
}

fn write(dir: &Path, sentinel: &Sentinel) -> Result<PathBuf> {
    fs_err::create_dir_all(dir).about("create", dir)?;
    let path = dir.join(format!("sentinel{}", sentinel.suffix));
    fs_err::write(&path, &sentinel.program).about("write", &path)?;
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).about("make executable", &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nonces_are_the_same() {
        let (one, other) = (nonce(), nonce());
        assert_ne!(one, other);
        assert!(one[..32].iter().all(u8::is_ascii_hexdigit));
    }
}
