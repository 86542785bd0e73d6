//! Makes the prefix, and tells a complete one from a half-made one.
//!
//! A stamp beside the prefix is written last, when everything is on the disk as far as the file system promises;
//! it names the loader's file, so that another Wine under the same version makes the prefix anew instead of
//! updating it under the first guest (5 s, and windows on the screen). A mark is written first: without it, what
//! stands at the prefix's path is not ours and is never removed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::lock::{self, Sharing};
use super::super::{PrepareError, at};
use super::{LOCK_LIMIT, Site, server};

/// Making a prefix takes 5 to 10 s on a free machine.
const WINEBOOT_LIMIT: Duration = Duration::from_secs(120);
/// Importing a few keys takes some milliseconds.
const REGEDIT_LIMIT: Duration = Duration::from_secs(60);

/// Raised when what is made here changes, so that old prefixes are made anew.
const FORMAT: u32 = 2;

/// No crash dialogue, and no debugger that prints a register dump on the guest's standard output and costs a
/// second for each crash. `Auto` is 1, or Wine would ask in a window first, and wait for an answer.
const REGISTRY: &str = "REGEDIT4\r\n\r\n\
[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug]\r\n\
\"Auto\"=\"1\"\r\n\"Debugger\"=\"\"\r\n\r\n\
[HKEY_CURRENT_USER\\Software\\Wine\\WineDbg]\r\n\
\"ShowCrashDialog\"=dword:00000000\r\n";

/// Whether the prefix was made to its end, by this very Wine.
pub(super) fn is_complete(site: &Site) -> Result<bool, PrepareError> {
    let Ok(found) = fs::read_to_string(stamp_path(site)) else { return Ok(false) };
    Ok(found == stamp(site)? && site.prefix.join("system.reg").exists())
}

/// Makes the prefix, or waits for the process that is making it.
pub(super) fn make(site: &Site) -> Result<(), PrepareError> {
    fs::create_dir_all(&site.state).map_err(at("create", &site.state))?;
    let _maker = lock::lock(&site.maker_path(), Sharing::Exclusive, LOCK_LIMIT)?;
    if is_complete(site)? {
        return Ok(());
    }
    // Whoever uses the old prefix has to be done with it.
    let _users = lock::lock(&site.users_path(), Sharing::Exclusive, LOCK_LIMIT)?;
    clear(site)?;
    let mark = mark_path(site);
    fs::write(&mark, "this prefix is made by triplecheck, and may be removed\n")
        .map_err(at("write", &mark))?;
    fs::create_dir(&site.prefix).map_err(at("create", &site.prefix))?;
    boot(site)?;
    // Only when its server has ended is the registry on the disk.
    server::stop(site)?;
    lock::write_whole(&stamp_path(site), stamp(site)?.as_bytes())
}

/// Removes a prefix that is not complete, with what runs in it.
fn clear(site: &Site) -> Result<(), PrepareError> {
    if fs::symlink_metadata(&site.prefix).is_err() {
        return Ok(());
    }
    site.check_owner()?;
    if !mark_path(site).exists() {
        return Err(PrepareError::Foreign { path: site.prefix.clone() });
    }
    server::stop(site)?;
    let stamp = stamp_path(site);
    if stamp.exists() {
        fs::remove_file(&stamp).map_err(at("remove", &stamp))?;
    }
    fs::remove_dir_all(&site.prefix).map_err(at("remove", &site.prefix))
}

/// Fills an empty prefix.
fn boot(site: &Site) -> Result<(), PrepareError> {
    let mut tool = site.tool("make a Wine prefix", &["wineboot", "-i"], WINEBOOT_LIMIT);
    tool.log = Some(site.state.join("wineboot.log"));
    tool.succeed()?;
    if !site.prefix.join("drive_c/windows/system32/kernel32.dll").exists() {
        return Err(tool.failed("exited with 0, but made no `kernel32.dll`"));
    }
    let keys = site.prefix.join("drive_c/windows/temp/triplecheck.reg");
    fs::write(&keys, REGISTRY).map_err(at("write", &keys))?;
    let args = ["C:\\windows\\regedit.exe", "/S", "C:\\windows\\temp\\triplecheck.reg"];
    site.tool("set up a Wine prefix", &args, REGEDIT_LIMIT).succeed()?;
    fs::remove_file(&keys).map_err(at("remove", &keys))
}

fn stamp(site: &Site) -> Result<String, PrepareError> {
    let loader: &Path = &site.wine;
    let data = fs::metadata(loader).map_err(at("look at", loader))?;
    Ok(format!("{FORMAT} {} {} {}.{}\n", loader.display(), data.size(), data.mtime(), data.mtime_nsec()))
}

fn stamp_path(site: &Site) -> PathBuf {
    site.state.join("complete")
}

fn mark_path(site: &Site) -> PathBuf {
    site.state.join("ours")
}
