//! The texts. Each is valid as a whole for the reader that it is for, comments included, so that it can be
//! redirected into a file as well as pasted; and each ends with what the build system does not hand to a hook.

use super::compilers::{self, Compilers};
use super::go::{self, Port};
use super::{Hook, System, vocabulary, words};
use crate::error::{Error, Result};
use crate::shell::quote;

/// The configuration of `system` that puts `hook` in front of foreign programs.
pub fn configuration(system: &System, hook: &Hook) -> Result<String> {
    Ok(match system {
        System::Waf { answers } => waf(hook, answers.as_deref()),
        System::Cargo => cargo(hook),
        System::Meson => meson(hook),
        System::Cmake => cmake(hook),
        System::Autotools => autotools(hook),
        System::Go => go(hook)?,
        System::Bazel => bazel(hook),
        System::Make => make(hook),
        System::Env => env(hook),
    })
}

/// A shell's assignments of the compilers, for a command that follows. Where no name is known the shell stops and
/// asks for one, which is better than a build for the host.
fn assignments(hook: &Hook) -> String {
    let triple = hook.target.triple();
    match compilers::of(hook) {
        Some(Compilers { c, ar, .. }) => format!("CC={} AR={}", quote(&c.join(" ")), quote(&ar)),
        None => format!(
            "CC=\"${{CC:?name a C compiler for {triple}}}\" AR=\"${{AR:?name an archiver for {triple}}}\""
        ),
    }
}

fn waf(hook: &Hook, answers: Option<&str>) -> String {
    let command = quote(&words::shell(&hook.words()));
    let file = answers.map(|file| format!("--cross-answers={} ", quote(file))).unwrap_or_default();
    let mut out = format!(
        "\
# waf with Samba's extensions (talloc, tdb, samba): type this where ./configure stands.
{compilers} \\
./configure --cross-compile {file}--cross-execute={command}
",
        compilers = assignments(hook),
    );
    out += &match answers {
        None => format!(
            "\
# Its checks go through the hook. To keep their answers in a file, which a later --cross-answers=FILE uses instead of
# an emulator:
#   {binary} hook waf {target} --answers FILE
",
            binary = quote(&hook.binary),
            target = hook.target,
        ),
        Some(file) => format!(
            "\
# waf takes an answer from the file where it has one, and otherwise asks the hook and adds what it says; without
# --cross-execute the file alone must do. Remove the file to ask again. To compare it with the host's own answers,
# configure a second tree for the host, then:
#   {binary} hook waf {host} --answers {native}
#   {binary} hook compare-answers {native} {file}
",
            binary = quote(&hook.binary),
            host = hook.host,
            native = quote(&format!("{file}.native")),
            file = quote(file),
        ),
    };
    out += &format!(
        "\
# Not covered: the tests, which waf starts without it. They run with
#   {}
",
        hook.wrap("make check")
    );
    out
}

fn cargo(hook: &Hook) -> String {
    let triple = hook.target.triple();
    let mut out = format!(
        "# .cargo/config.toml, for `cargo run`, `test` and `bench --target {triple}`, and for nextest.\n"
    );
    out += &format!("[target.{triple}]\n");
    if let Some(linker) = compilers::linker(hook) {
        out += &format!("linker = {}\n", toml::Value::from(linker.as_str()));
    }
    out += &format!("runner = {}\n", words::toml(&hook.words()));
    out += "# The same for a shell:\n";
    for line in cargo_variables(hook) {
        out += &format!("#   {line}\n");
    }
    out += &format!(
        "\
# Not covered: foreign programs that scripts and the host's own programs start. They run with
#   {}
",
        hook.wrap(&format!("cargo test --target {triple}"))
    );
    out
}

/// cargo's variables, as a shell exports them.
fn cargo_variables(hook: &Hook) -> Vec<String> {
    let name = hook.target.triple().replace(['-', '.'], "_").to_uppercase();
    let linker =
        compilers::linker(hook).map(|linker| format!("export CARGO_TARGET_{name}_LINKER={}", quote(&linker)));
    let runner = match words::blanks(&hook.words()) {
        Some(text) => format!("export CARGO_TARGET_{name}_RUNNER={}", quote(&text)),
        None => {
            "# No variable: cargo splits it at blanks, and the path has one. --link DIR gives it another."
                .into()
        }
    };
    linker.into_iter().chain([runner]).collect()
}

fn meson(hook: &Hook) -> String {
    let target = &hook.target;
    let triple = target.triple();
    let binaries = match compilers::of(hook) {
        Some(Compilers { c, cpp, ar, strip }) => format!(
            "c = {}\ncpp = {}\nar = {}\nstrip = {}\n",
            words::meson(&c),
            words::meson(&cpp),
            words::meson(&[ar]),
            words::meson(&[strip])
        ),
        None => format!("# c, cpp, ar and strip: no compiler for {triple} has a usual name; enter yours\n"),
    };
    // Meson takes wasm-ld for a linker of ELF files, whose options it refuses.
    let options = if target.facts().family.contains("wasm") {
        "[built-in options]\nb_asneeded = false\nb_lundef = false\n\n"
    } else {
        ""
    };
    format!(
        "\
# A cross file: meson setup build --cross-file FILE
[binaries]
{binaries}exe_wrapper = {wrapper}

{options}[properties]
# Also where this machine could start the programs itself.
needs_exe_wrapper = true

[host_machine]
system = '{system}'
cpu_family = '{family}'
cpu = '{cpu}'
endian = '{endian}'

# Its checks, generators and tests go through the hook; a failure of the hook itself is a test's hard error.
# Not covered: foreign programs that scripts start. They run with
#   {wrap}
",
        wrapper = words::meson(&hook.words_with_hard_error()),
        system = vocabulary::meson_system(target),
        family = vocabulary::meson_family(target),
        cpu = vocabulary::processor(target),
        endian = target.facts().endian.name(),
        wrap = hook.wrap("meson test -C build"),
    )
}

fn cmake(hook: &Hook) -> String {
    let target = &hook.target;
    let triple = target.triple();
    let mut out = format!(
        "\
# A toolchain file: cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=FILE
set(CMAKE_SYSTEM_NAME {})
set(CMAKE_SYSTEM_PROCESSOR {})
",
        vocabulary::cmake_system(target),
        vocabulary::processor(target)
    );
    match compilers::of(hook) {
        Some(Compilers { c, cpp, .. }) => {
            out += &format!("set(CMAKE_C_COMPILER {})\n", words::cmake(&c));
            out += &format!("set(CMAKE_CXX_COMPILER {})\n", words::cmake(&cpp));
        }
        None => {
            out += &format!(
                "# No compiler for {triple} has a usual name; enter yours: set(CMAKE_C_COMPILER NAME)\n"
            );
        }
    }
    if vocabulary::cmake_system(target) == "Generic" && !target.facts().exe_suffix.is_empty() {
        out += &format!("set(CMAKE_EXECUTABLE_SUFFIX {})\n", target.facts().exe_suffix);
    }
    if let Some(cross) = target.cross().filter(|_| !hook.is_native()) {
        out += &format!(
            "\
set(CMAKE_FIND_ROOT_PATH {})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
",
            cross.sysroot
        );
        // A Linux target's libraries may also stand where a multiarch package puts them, beside the host's.
        if target.facts().os == "windows" {
            out +=
                "set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)\nset(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)\n";
        }
    }
    out += &format!(
        "\
set(CMAKE_CROSSCOMPILING_EMULATOR {})
# try_run, custom commands and tests whose command is a target's name go through the hook. CMake configures to the end
# even if a check could not run: look for FAILED_TO_RUN in what it caches.
# Not covered: $<TARGET_FILE:t>, tests that are named by a path, and what scripts start. They run with
#   {}
",
        words::cmake(&hook.words()),
        hook.wrap("ctest --test-dir build")
    );
    out
}

fn autotools(hook: &Hook) -> String {
    // Both names make configure sure that it builds for another machine; with one alone it tries to run a program.
    let host =
        if hook.is_native() { String::new() } else { format!(" --host={}", vocabulary::gnu(&hook.target)) };
    let build = if hook.is_native() { "" } else { " --build=\"$(cc -dumpmachine)\"" };
    // `--host` is what the GNU compilers are called by; others have to be named.
    let prefixed = hook.is_native() || hook.target.cross_prefix().is_some();
    let compilers = if prefixed { String::new() } else { format!("{} ", assignments(hook)) };
    // make reads the value before the shell that splits it.
    let compiler = quote(&words::shell(&hook.words_with_hard_error()).replace('$', "$$"));
    format!(
        "\
# autoconf and automake: type this where ./configure stands.
{compilers}./configure{build}{host}
make
make check LOG_COMPILER={compiler}
# configure has no hook and guesses what it cannot run. So that it runs its checks instead, configure with
#   {compilers}{configure}
# Not covered: tests that are scripts, and libtool's wrappers. They run with
#   {check}
",
        configure = hook.wrap(&format!("./configure{host}")),
        check = hook.wrap("make check"),
    )
}

fn go(hook: &Hook) -> Result<String> {
    let target = &hook.target;
    let port = Port::of(target).ok_or_else(|| {
        Error::user(format!("Go has no port for `{}`", target.triple())).hint("go tool dist list")
    })?;
    let link = hook.link(&port.exec_name()).filter(|_| target.variant().is_none());
    let mut out = format!(
        "# For a shell; `go run`, `go vet` and `go build` take the same variables.\n{}",
        go_variables(hook, port)
    );
    if let (Some(dir), Some(_)) = (&hook.links, link) {
        out += &format!(
            "# The go command finds {} by itself:\nexport PATH={}:\"$PATH\"\ngo test ./...\n",
            port.exec_name(),
            quote(dir)
        );
    } else {
        let command = words::go(&hook.words()).ok_or_else(|| {
            Error::user("the go command cannot read a path with blanks and both kinds of quotes")
                .hint("use `--link DIR` with another directory")
        })?;
        out += &format!("go test -exec {} ./...\n", quote(&command));
        out += &format!("# Without -exec: {} on PATH, which `--link DIR` makes.\n", port.exec_name());
    }
    out += &format!(
        "\
# Not covered: foreign programs that scripts and go generate start. They run with
#   {}
",
        hook.wrap("go test ./...")
    );
    Ok(out)
}

/// Go's variables, as a shell exports them; cgo where a C compiler is known, since Go turns it off for other targets.
fn go_variables(hook: &Hook, port: &Port) -> String {
    let level = go::level(&hook.target).map(|(name, value)| format!(" {name}={value}")).unwrap_or_default();
    format!("export GOOS={} GOARCH={}{level}\n", port.os, port.arch)
}

fn bazel(hook: &Hook) -> String {
    let triple = hook.target.triple();
    let option = words::bazelrc(&format!("--run_under={}", words::shell(&hook.words())));
    let mut out = format!(
        "\
# .bazelrc, for `bazel test --config={triple} //...`; platform and toolchain are the project's own.
test:{triple} {option}
run:{triple} {option}
"
    );
    if hook.target.facts().os == "windows" {
        out += &format!(
            "\
# Wine writes into its prefix, which is found by HOME and lies outside of the sandbox.
test:{triple} --test_env=HOME --strategy=TestRunner=local
"
        );
    }
    out += &format!(
        "\
# Not covered: genrules, and foreign programs that scripts start. Outside of the sandbox those run with
#   {}
",
        hook.wrap("bazel-bin/path/to/test")
    );
    out
}

fn make(hook: &Hook) -> String {
    let triple = hook.target.triple();
    let compilers = match compilers::of(hook) {
        Some(Compilers { c, cpp, ar, .. }) => {
            format!("CC := {}\nCXX := {}\nAR := {}\n", words::make(&c), words::make(&cpp), words::make(&[ar]))
        }
        None => format!("# CC, CXX and AR: no compiler for {triple} has a usual name; enter yours\n"),
    };
    format!(
        "\
# For a makefile, to be included; recipes write $(EMULATOR) before each foreign program.
{compilers}EMULATOR := {emulator}
# Projects have names of their own for it: zlib QEMU_RUN, cmocka TARGET_SYSTEM_EMULATOR. On the command line:
#   make check QEMU_RUN={argument}
# Not covered: whatever a recipe starts without it, and what scripts start. They run with
#   {wrap}
",
        emulator = words::make(&hook.words()),
        argument = quote(&words::shell(&hook.words()).replace('$', "$$")),
        wrap = hook.wrap("make check"),
    )
}

fn env(hook: &Hook) -> String {
    let triple = hook.target.triple();
    let mut out = format!(
        "# For a shell: eval \"$({} hook env {})\"\n",
        quote(&hook.binary),
        quote(&hook.target.to_string())
    );
    out += "# cargo and nextest\n";
    out += &cargo_variables(hook).join("\n");
    out += "\n";
    if let Some(Compilers { c, cpp, ar, .. }) = compilers::of(hook).filter(|_| !hook.is_native()) {
        let suffix = triple.replace(['-', '.'], "_");
        out += "# The cc crate; a plain CC would be taken for the host's programs too\n";
        for (name, command) in [("CC", c.join(" ")), ("CXX", cpp.join(" ")), ("AR", ar)] {
            out += &format!("export {name}_{suffix}={}\n", quote(&command));
        }
    }
    out += "# CMake from 3.28 on, where a toolchain file says that it is a cross build\n";
    let list: Vec<String> = hook.words().iter().map(|word| word.replace(';', r"\;")).collect();
    out += &format!("export CMAKE_CROSSCOMPILING_EMULATOR={}\n", quote(&list.join(";")));
    if let Some(port) = Port::of(&hook.target) {
        out += "# Go, which looks for its hook on PATH\n";
        out += &go_variables(hook, port);
        if let Some(dir) = &hook.links {
            out += &format!("export PATH={}:\"$PATH\"\n", quote(dir));
        } else {
            out += &format!("# ({} on PATH is made by `--link DIR`)\n", port.exec_name());
        }
    }
    out += &format!(
        "\
# Not covered: everything that reads no variable. Any command, and all it starts, runs foreign programs with
#   {}
",
        hook.wrap("COMMAND")
    );
    out
}
