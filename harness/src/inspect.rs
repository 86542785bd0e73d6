//! What it takes to look into one cell: a debugger's script, system calls side by side, scripts for a shell. Pure; starting
//! things is `commands/repro`'s.

pub mod calls;
pub mod gdb;
pub mod scripts;

/// A name as a file's: what is no letter, digit, dot or underscore is a hyphen.
pub fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' })
        .take(120)
        .collect()
}
