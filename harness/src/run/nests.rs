//! Supervisors for guests that start foreign programs themselves: they are inside namespaces in which the kernel does
//! that ([`crate::children`]), and so is everything that they start. Entering costs a supervisor a millisecond once, and
//! its guests nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::{Kind, Launch};

use crate::children::{Arrangement, Settings};
use crate::error::Result;
use crate::plan::PlannedTarget;
use crate::supervise::{self, Supervisors};

/// The nests of a run, by the settings of those inside.
pub(super) struct Nests {
    /// Below this directory stands what their hooks are told.
    dir: PathBuf,
    known: Mutex<HashMap<Vec<u8>, Option<Arc<Supervisors>>>>,
}

impl Nests {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, known: Mutex::default() }
    }

    /// The supervisors for guests of this target and launch; `None` where the plain ones will do, or must because the
    /// host allows no namespaces.
    pub(super) fn supervisors(
        &self,
        host: &dyn Host,
        planned: &PlannedTarget,
        launch: &Launch,
    ) -> Result<Option<Arc<Supervisors>>> {
        if launch.emulator.kind != Kind::QemuUser {
            return Ok(None);
        }
        let mut options = planned.options.clone();
        options.cpu = options.cpu.or_else(|| planned.target.cpu_variant().map(str::to_owned));
        let guest = planned.target.machine().map(|machine| (machine, launch));
        let settings = Settings::of(host, &options, guest, None);
        let key = settings.key()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(supervisors) = known.get(&key) {
            return Ok(supervisors.clone());
        }
        let supervisors = nest(&self.dir.join(known.len().to_string()), host, &settings)?;
        known.insert(key, supervisors.clone());
        Ok(supervisors)
    }
}

/// Why the programs that an emulated guest starts find no emulator here; `None` where they do. Tried, not guessed.
pub(crate) fn obstacle(host: &dyn Host) -> Result<Option<String>> {
    let dir = tempfile::tempdir()
        .map_err(|error| crate::error::Error::world("cannot make a temporary directory").caused_by(error))?;
    let arrangement = Arrangement::write(&dir.path().join("trial"), host, &Settings::default())?;
    Ok(try_to_enter(arrangement.dir()).err())
}

fn nest(dir: &Path, host: &dyn Host, settings: &Settings) -> Result<Option<Arc<Supervisors>>> {
    let arrangement = Arrangement::write(dir, host, settings)?;
    Ok(try_to_enter(arrangement.dir())
        .is_ok()
        .then(|| Arc::new(Supervisors::within(arrangement.dir().to_owned()))))
}

/// Starts one supervisor that has nothing to do.
fn try_to_enter(dir: &Path) -> Result<(), String> {
    let trial =
        duct::cmd(supervise::OWN_BINARY, [std::ffi::OsStr::new(supervise::SUBCOMMAND), dir.as_os_str()]);
    let output = trial.stdin_null().stdout_null().stderr_capture().unchecked().run();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("triplecheck: ").to_owned())
}
