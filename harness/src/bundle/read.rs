//! Reads a bundle that was unpacked. Its record is believed no more than its archive: every path in it must lead down.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Bundle, Program, RECORD, SCHEMA};
use crate::archive::{self, Limits};
use crate::error::{About as _, Error, Result};
use crate::observation::Observation;

/// What is kept of one side's output.
pub(crate) struct Kept {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// Unpacks the bundle `file` into the empty directory `into`, and reads its record.
///
/// # Errors
/// When it is no bundle, is damaged, was changed, or was made by a newer version.
pub fn read(file: &Path, into: &Path) -> Result<Bundle> {
    archive::unpack(file, into, &Limits::USUAL)?;
    let problem = |why: &str| Error::user(format!("`{}` {why}", file.display()));
    let Ok(text) = fs_err::read(into.join(RECORD)) else {
        return Err(problem(&format!("is no bundle: there is no `{RECORD}` in it"))
            .hint("triplecheck run --from takes archives of built tests"));
    };
    archive::verify(into, file)?;
    let schema = serde_json::from_slice::<Schema>(&text).map(|record| record.schema);
    match schema {
        Ok(schema) if schema > SCHEMA => {
            let error = problem(&format!("was made by a newer triplecheck (schema {schema})"));
            return Err(error.hint("use that version, or run.sh in it"));
        }
        Ok(_) => {}
        Err(error) => return Err(problem(&format!("has a damaged `{RECORD}`")).caused_by(error)),
    }
    let bundle: Bundle = serde_json::from_slice(&text)
        .map_err(|error| problem(&format!("has a damaged `{RECORD}`")).caused_by(error))?;
    if let Some(path) = paths(&bundle).find(|path| archive::relative(path).is_none()) {
        return Err(problem(&format!("names a path that leads out of it: `{}`", path.escape_debug())));
    }
    if let Some(name) = bundle.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(problem(&format!("names a variable that cannot be one: `{}`", name.escape_debug())));
    }
    let words = bundle.args.iter().chain(bundle.env.values());
    if let Some(word) = words.into_iter().find(|word| word.contains('\0')) {
        return Err(problem(&format!("holds a word that cannot be passed: `{}`", word.escape_debug())));
    }
    Ok(bundle)
}

#[derive(serde::Deserialize)]
struct Schema {
    schema: u32,
}

/// All paths of a record.
fn paths(bundle: &Bundle) -> impl Iterator<Item = &str> {
    fn of(program: &Program) -> impl Iterator<Item = &String> {
        let Program { file, root, libraries, loader } = program;
        [file].into_iter().chain(root).chain(libraries).chain(loader)
    }
    let dirs = bundle.package.iter().map(|package| &package.dir);
    of(&bundle.program).chain(of(&bundle.native)).chain(&bundle.stdin).chain(dirs).map(String::as_str)
}

impl Bundle {
    /// What was observed on the target, or natively, when the bundle was made; `None` where nothing was.
    ///
    /// # Errors
    /// When what is kept of it cannot be read.
    pub(crate) fn observed(&self, dir: &Path, side: &str) -> Result<Option<Observation>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let kept = dir.join("observed").join(side);
        let read = |path: &Path| fs_err::read(path).about("read", path);
        let files = kept.join("files");
        let files = if files.is_dir() { archive::files_below(&files)? } else { BTreeMap::new() };
        let files = files.into_iter().map(|(name, path)| Ok((name, read(&path)?)));
        let kept = Kept {
            stdout: read(&kept.join("stdout"))?,
            stderr: read(&kept.join("stderr"))?,
            files: files.collect::<Result<_>>()?,
        };
        let side = if side == "native" { &seen.native } else { &seen.target };
        Ok(Some(side.observation(kept)))
    }
}
