//! The outputs of a finding, kept for whoever looks into it: `findings/NUMBER-CASE/TARGET/{native,target}/…`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{About as _, Result};
use crate::events::Cell;
use crate::observation::Observation;

/// Keeps both sides' outputs of `cell` below `run_dir`, and says where.
pub(super) fn keep(
    run_dir: &Path,
    cell: &Cell,
    native: &Observation,
    target: &Observation,
) -> Result<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let safe: String = cell
        .case
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .take(80)
        .collect();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{number:04}-{}-{safe}", cell.suite);
    let directory = run_dir.join("findings").join(name).join(&cell.target);
    for (side, observation) in [("native", native), ("target", target)] {
        let place = directory.join(side);
        fs_err::create_dir_all(&place).about("create", &place)?;
        for (name, bytes) in [("stdout", &observation.stdout), ("stderr", &observation.stderr)] {
            fs_err::write(place.join(name), bytes).about("write", place.join(name))?;
        }
        for (name, bytes) in &observation.files {
            let file = place.join("files").join(name);
            if let Some(parent) = file.parent() {
                fs_err::create_dir_all(parent).about("create", parent)?;
            }
            fs_err::write(&file, bytes).about("write", &file)?;
        }
    }
    Ok(directory)
}
