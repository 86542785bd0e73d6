//! The C compiler of a target by its usual name; whether it is installed is not asked.

use triplecheck_emulators::target::Cross;

use super::Hook;

/// Commands that compile and link for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compilers {
    pub(super) c: Vec<String>,
    pub(super) cpp: Vec<String>,
    pub(super) ar: String,
    pub(super) strip: String,
}

/// The compilers of the hook's target, `None` where nobody has agreed on a name.
pub(super) fn of(hook: &Hook) -> Option<Compilers> {
    if hook.is_native() {
        return Some(Compilers {
            c: vec!["cc".into()],
            cpp: vec!["c++".into()],
            ar: "ar".into(),
            strip: "strip".into(),
        });
    }
    let facts = hook.target.facts();
    if (facts.arch, facts.os, facts.env) == ("wasm32", "wasi", "p1") {
        // The name that every clang with a WASI library knows; the one with the preview's number came later.
        let clang = |name: &str| vec![name.to_owned(), "--target=wasm32-wasi".to_owned()];
        return Some(Compilers {
            c: clang("clang"),
            cpp: clang("clang++"),
            ar: "llvm-ar".into(),
            strip: "llvm-strip".into(),
        });
    }
    let tool = |name: &str| hook.target.cross_prefix().map(|prefix| format!("{prefix}-{name}"));
    Some(Compilers { c: vec![tool("gcc")?], cpp: vec![tool("g++")?], ar: tool("ar")?, strip: tool("strip")? })
}

/// The linker to name to cargo, `None` where rustc's own choice does: the plain `cc` for the host, a linker of its
/// own for WebAssembly and bare metal.
///
/// rustup's std for musl brings its own C library, so that a gcc for glibc links it.
pub(super) fn linker(hook: &Hook) -> Option<String> {
    let sibling = hook.target.triple().replacen("-musl", "-gnu", 1);
    let builds_on_host = sibling == hook.host;
    if hook.is_native() || builds_on_host {
        return None;
    }
    hook.target.cross().or_else(|| Cross::of_triple(&sibling)).map(Cross::gcc)
}
