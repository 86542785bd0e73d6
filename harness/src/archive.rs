//! Files in one `.tar.zst`: what bundles and archives of built programs are kept in.
//!
//! Whoever unpacks one does not know who made it. So an archive is never believed: [`unpack()`] writes below one fresh
//! directory and nowhere else, makes files and directories and nothing else, and gives up at limits. A list of digests in
//! the archive tells damage; it is no signature, and whoever runs what is inside trusts who made it.

mod digests;
mod known;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;
mod zstd;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

pub use digests::{SUMS, verify};
pub use known::is_ours;
pub use pack::pack;
pub use unpack::{Limits, unpack};

use crate::error::{About as _, Result};

/// The files below `dir`, by their names with `/` in between. Links are followed to files, and left out where they lead
/// to directories or nowhere.
///
/// # Errors
/// When a directory cannot be listed.
pub fn files_below(dir: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(String::new(), dir.to_owned())];
    while let Some((prefix, here)) = pending.pop() {
        for entry in fs_err::read_dir(&here).about("list", &here)? {
            let entry = entry.about("list", &here)?;
            // A name that is no text is in no archive of ours; packing would have to lie about it.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().about("look at", entry.path())?;
            if kind.is_dir() {
                pending.push((format!("{name}/"), entry.path()));
            } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
                found.insert(name, entry.path());
            }
        }
    }
    Ok(found)
}

/// The path that a name of an archive means below a directory; `None` where it would lead out of it, or is none.
pub fn relative(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    let is_plain = !name.is_empty() && !name.contains(['\\', '\0']) && path.components().all(plain);
    is_plain.then(|| path.components().collect())
}
