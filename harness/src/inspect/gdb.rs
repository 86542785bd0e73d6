//! The script with which gdb attaches to a guest that waits in its emulator's stub. Pure.

use std::path::Path;

/// Where programs come by when they fail, each a function of its runtime. A C program dies in the last ones, whatever its
/// language; in Rust all panics pass the first two, the very ones that std keeps for debuggers. What is not in a program, or
/// not yet because its library is not loaded, stays pending.
const FAILURES: &[&str] = &[
    "core::panicking::panic_fmt",
    "core::panicking::panic_nounwind_fmt",
    "rust_panic",
    "__assert_fail",
    "__fortify_fail",
    "__stack_chk_fail",
    "abort",
];

/// A guest, as gdb has to know it.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// The program with its symbols.
    pub program: &'a Path,
    /// Where its libraries are.
    pub sysroot: Option<&'a Path>,
    /// The socket on which the emulator waits.
    pub socket: &'a Path,
}

/// The script that attaches, with a breakpoint wherever a program fails by itself. Signals stop it anyway.
pub fn attach(guest: &Attached<'_>) -> String {
    // Without a sysroot gdb would fetch libraries through the stub, or take the host's.
    let sysroot = guest.sysroot.unwrap_or(Path::new("/nonexistent"));
    let mut script = format!(
        "set confirm off\nset breakpoint pending on\nset sysroot {}\nfile {}\n",
        sysroot.display(),
        quoted(guest.program),
    );
    // After the program, whose machine is then known.
    script.push_str(&format!("target remote {}\n", guest.socket.display()));
    script.push_str(&breakpoints());
    script
}

/// The script for a program that the host runs itself; `args` are its words as a shell reads them, its input among them.
pub fn native(program: &Path, args: &str, dir: &Path) -> String {
    format!(
        "set confirm off\nset breakpoint pending on\nfile {}\nset cwd {}\nset args {args}\n{}starti\n",
        quoted(program),
        dir.display(),
        breakpoints()
    )
}

fn breakpoints() -> String {
    FAILURES.iter().map(|function| format!("break {function}\n")).collect()
}

/// A file's name as gdb's `file` takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known_before_gdb_attaches_and_breakpoints_come_last() {
        let guest = Attached {
            program: Path::new("/a b/\"prog\""),
            sysroot: Some(Path::new("/usr/s390x-linux-gnu")),
            socket: Path::new("/tmp/stub"),
        };
        let script = attach(&guest);
        let lines: Vec<&str> = script.lines().collect();
        assert_eq!(
            lines[2..6],
            [
                "set sysroot /usr/s390x-linux-gnu",
                "file \"/a b/\\\"prog\\\"\"",
                "target remote /tmp/stub",
                "break core::panicking::panic_fmt"
            ]
        );
        assert_eq!(lines.len(), 5 + FAILURES.len());
    }
}
