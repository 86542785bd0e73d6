//! What is printed, given to the build systems as it is. Those that a machine may not have are skipped aloud.

use std::path::Path;
use std::process::{Command, Stdio};

use triplecheck::toolchain::Toolchain;
use triplecheck_emulators::host::LocalHost;
use triplecheck_emulators::target::Target;

use crate::support::{Ran, is_required, ran, runs, triplecheck, write};

const AARCH64: &str = "aarch64-unknown-linux-gnu";

#[expect(clippy::print_stdout, reason = "a skip is said aloud")]
fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Whether a tool can be started; where it cannot, the test is skipped aloud.
#[track_caller]
fn has(tool: &str, argument: &str) -> bool {
    let there = command(tool).arg(argument).output().is_ok_and(|output| output.status.success());
    assert!(there || !is_required(tool), "{tool} is required and cannot be started");
    if !there {
        skipped(&format!("there is no `{tool}`"));
    }
    there
}

#[expect(clippy::disallowed_methods, reason = "a test starts the build system")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// A command of the project's in `dir`, with its output for the message where it fails.
#[track_caller]
fn succeeds(dir: &Path, words: &[&str]) -> Ran {
    let run = ran(command(words[0]).current_dir(dir).args(&words[1..]));
    assert_eq!(run.code, Some(0), "{words:?}\n{}{}", run.stdout, run.stderr);
    run
}

/// The configuration of `system` for aarch64, with more options.
#[track_caller]
fn printed(system: &str, options: &[&str]) -> String {
    let run = ran(triplecheck().args(["hook", system, AARCH64]).args(options));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

/// Runs `script` in a shell in `dir` as a user does who pastes it.
#[track_caller]
fn pasted(dir: &Path, script: &str) -> Ran {
    ran(command("sh").current_dir(dir).args(["-e", "-c", script]))
}

/// The lines that a comment of the configuration offers, without their marks.
fn offered(configuration: &str) -> String {
    let lines = configuration.lines().filter_map(|line| line.strip_prefix("#   export "));
    lines.map(|line| format!("export {line}\n")).collect()
}

/// Another process copies: a file that this one has open for writing cannot be started while a test beside us forks.
#[track_caller]
fn copy_of_ours(to: &Path) {
    let status = command("cp").arg(env!("CARGO_BIN_EXE_triplecheck")).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()), "`cp` fails");
}

fn make_executable(file: &Path) {
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("the temporary directory is writable");
}

/// A crate whose tests pass nowhere but on aarch64.
fn crate_in(dir: &Path) {
    let source = "#[test]\nfn is_foreign() {\n    assert_eq!(std::env::consts::ARCH, \"aarch64\");\n}\n";
    let manifest = "[package]\nname = \"foreign\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
    write(dir, &[("Cargo.toml", manifest), ("src/lib.rs", source)]);
}

/// `cargo test` for aarch64, with a compiler that has its std; `None`, said aloud, where there is none.
fn cargo_test(dir: &Path) -> Option<Command> {
    let host = LocalHost::new();
    let found = Toolchain::detect(&host, dir).map_err(|error| error.to_string()).and_then(|toolchain| {
        let target = Target::parse(AARCH64).expect("rustc knows it");
        let target = toolchain.cargo_target(&host, &target).map_err(|error| error.to_string())?;
        toolchain.cargo_call(&[target]).map_err(|error| error.to_string())
    });
    let call = match found {
        Ok(call) => call,
        Err(why) => {
            assert!(!is_required(AARCH64), "{AARCH64} is required: {why}");
            skipped(&format!("no std for {AARCH64}: {why}"));
            return None;
        }
    };
    let mut cargo = command("sh");
    cargo.current_dir(dir);
    // The linker is the configuration's to name.
    cargo.envs(call.env.into_iter().filter(|(name, _)| !name.ends_with("_LINKER")));
    Some(cargo)
}

#[test]
fn cargo_takes_the_file_the_variables_and_the_link() {
    if !runs(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    crate_in(dir.path());
    let test = format!("exec cargo test --offline --target {AARCH64}");
    let check = |form: &str, script: &str| {
        let Some(mut cargo) = cargo_test(dir.path()) else { return };
        let run = ran(cargo.args(["-e", "-c", script]));
        assert_eq!(run.code, Some(0), "{form}\n{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("test is_foreign ... ok"), "{form}\n{}", run.stdout);
    };
    check("variables", &(offered(&printed("cargo", &[])) + &test));
    check("env", &(printed("env", &[]) + &test));
    // The variable cannot carry this binary's path, but that of a link to it, and the file carries both.
    let odd = dir.path().join("it's here").join("triplecheck");
    std::fs::create_dir(dir.path().join("it's here")).unwrap();
    copy_of_ours(&odd);
    let links = dir.path().join("links");
    let with_link = ["hook", "cargo", AARCH64, "--link", links.to_str().unwrap()];
    let run = ran(command(odd.to_str().unwrap()).args(with_link));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    check("link", &(offered(&run.stdout) + &test));
    let run = ran(command(odd.to_str().unwrap()).args(["hook", "cargo", AARCH64]));
    write(dir.path(), &[(".cargo/config.toml", &run.stdout)]);
    check("file", &test);
}

#[test]
fn make_takes_the_part_that_is_included() {
    if !runs(AARCH64) || !has("make", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let makefile = "include hook.mk\ncheck: copy\n\tprintf 'a b' | $(EMULATOR) ./copy | $(EMULATOR) ./copy -- > out\ncopy: copy.c\n";
    let source = "#include <stdio.h>\n#if !defined __aarch64__\n#error\n#endif\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }\n";
    write(dir.path(), &[("hook.mk", &printed("make", &[])), ("Makefile", makefile), ("copy.c", source)]);
    succeeds(dir.path(), &["make", "check"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("out")).unwrap(), "a b");
}

/// What Samba's waf makes of the option: words by a shell's rules, and the program behind them.
const WAF: &str = r#"#!/bin/sh
set -e
printf 'int main(void) { return sizeof(long double) == 16 && (char)-1 > 0 ? 7 : 1; }' > conftest.c
$CC -o conftest conftest.c
for option; do
    case $option in
        --cross-answers=*) echo "answers ${option#--cross-answers=}" ;;
        --cross-execute=*) eval "set -- ${option#--cross-execute=} ./conftest" ; "$@" || echo "status $?" ;;
    esac
done
"#;

#[test]
fn waf_is_given_a_line_that_splits_into_the_hook() {
    if !runs(AARCH64) || !has("aarch64-linux-gnu-gcc", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("configure", WAF)]);
    make_executable(&dir.path().join("configure"));
    let links = dir.path().join("it's here");
    let answers = dir.path().join("the answers");
    let with_link = ["--link", links.to_str().unwrap(), "--answers", answers.to_str().unwrap()];
    for (options, expected) in [
        (&[][..], "status 7\n".to_owned()),
        (&with_link[..], format!("answers {}\nstatus 7\n", answers.display())),
    ] {
        let run = pasted(dir.path(), &printed("waf", options));
        assert_eq!((run.code, run.stdout), (Some(0), expected), "{}", run.stderr);
    }
}

/// What configure and automake make of the lines, as far as the hook is concerned: make reads the variable, and its
/// recipe's shell splits it.
const CONFIGURE: &str = r#"#!/bin/sh
set -e
echo "configured for ${2#--host=}"
printf 'all: t\ncheck: all\n\t$(LOG_COMPILER) ./t\nt:\n\t%s-gcc -o t t.c\n' "${2#--host=}" > Makefile
"#;

#[test]
fn autotools_are_given_lines_that_make_and_its_shell_split_into_the_hook() {
    if !runs(AARCH64) || !has("make", "--version") || !has("aarch64-linux-gnu-gcc", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("it's $here #1").join("triplecheck");
    std::fs::create_dir(odd.parent().unwrap()).unwrap();
    copy_of_ours(&odd);
    let run = ran(command(odd.to_str().unwrap()).args(["hook", "autotools", AARCH64]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let script = run.stdout;
    let source =
        "#include <stdio.h>\nint main(void) { return puts((char)-1 > 0 ? \"unsigned\" : \"signed\") < 0; }\n";
    write(dir.path(), &[("configure", CONFIGURE), ("t.c", source)]);
    make_executable(&dir.path().join("configure"));
    let run = pasted(dir.path(), &script);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.starts_with("configured for aarch64-linux-gnu\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("\nunsigned\n"), "{}", run.stdout);
}

#[test]
fn go_takes_the_option_and_finds_the_link() {
    if !runs(AARCH64) || !has("go", "version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let test = "package foreign\n\nimport (\n\t\"runtime\"\n\t\"testing\"\n)\n\nfunc TestIsForeign(t *testing.T) {\n\tif runtime.GOARCH != \"arm64\" {\n\t\tt.Fatal(runtime.GOARCH)\n\t}\n}\n";
    write(dir.path(), &[("go.mod", "module foreign\n\ngo 1.19\n"), ("foreign_test.go", test)]);
    let links = dir.path().join("links");
    for options in [&[][..], &["--link", links.to_str().unwrap()]] {
        let run = pasted(dir.path(), &printed("go", options));
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        assert!(run.stdout.starts_with("ok"), "{}", run.stdout);
    }
}

#[test]
fn meson_keeps_skips_hard_errors_and_crashes_apart() {
    if !runs(AARCH64) || !has("meson", "--version") || !has("aarch64-linux-gnu-gcc", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let build = "\
project('ends', 'c')
assert(meson.get_compiler('c').run('int main(void) { return (char)-1 > 0 ? 7 : 1; }').returncode() == 7)
end = executable('end', 'end.c')
foreach how : ['0', '1', '77', '99', 'crash']
  test(how, end, args : [how])
endforeach
test('broken', executable('broken', 'end.c', link_args : '-Wl,--dynamic-linker=/lib/ld-nowhere.so.1'))
";
    let end = "#include <stdlib.h>\n#include <string.h>\nint main(int argc, char **argv) { if (!strcmp(argv[argc - 1], \"crash\")) abort(); return atoi(argv[argc - 1]); }\n";
    write(dir.path(), &[("meson.build", build), ("end.c", end), ("cross", &printed("meson", &[]))]);
    let setup = succeeds(dir.path(), &["meson", "setup", "build", "--cross-file", "cross"]);
    assert!(!setup.stdout.contains("WARNING: Unknown"), "{}", setup.stdout);
    let run = ran(command("meson").current_dir(dir.path()).args(["test", "-C", "build"]));
    assert_ne!(run.code, Some(0));
    for (test, ending) in [
        ("0", "OK"),
        ("1", "FAIL"),
        ("77", "SKIP"),
        ("99", "ERROR"),
        ("crash", "SIGABRT"),
        ("broken", "ERROR"),
    ] {
        let told = run.stdout.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(test) && line.contains(ending)
        });
        assert!(told, "{test} is not told as {ending}\n{}", run.stdout);
    }
}

#[test]
fn meson_and_cmake_build_and_test_for_wasi() {
    const WASI: &str = "wasm32-wasip1";
    let sources = "project('p', 'c')\ntest('probe', executable('probe', 'probe.c'))\n";
    let lists = "cmake_minimum_required(VERSION 3.20)\nproject(p C)\nenable_testing()\nadd_executable(probe probe.c)\nadd_test(NAME probe COMMAND probe)\n";
    let probe = "#ifndef __wasm__\n#error\n#endif\n#include <stdio.h>\nint main(void) { return puts(\"ran\") < 0; }\n";
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("meson.build", sources), ("CMakeLists.txt", lists), ("probe.c", probe)]);
    let compiles = || {
        let arguments = ["--target=wasm32-wasi", "-o", "compiled", "probe.c"];
        command("clang")
            .current_dir(dir.path())
            .args(arguments)
            .output()
            .is_ok_and(|run| run.status.success())
    };
    if !runs(WASI) || !has("clang", "--version") {
        return;
    }
    if !compiles() {
        assert!(!is_required("wasi-libc"), "wasi-libc is required");
        skipped("no C library for WASI");
        return;
    }
    for system in ["meson", "cmake"] {
        let run = ran(triplecheck().args(["hook", system, WASI]));
        write(dir.path(), &[(system, &run.stdout)]);
    }
    if has("meson", "--version") && has("llvm-ar", "--version") {
        succeeds(dir.path(), &["meson", "setup", "m", "--cross-file", "meson"]);
        succeeds(dir.path(), &["meson", "test", "-C", "m"]);
    }
    if has("cmake", "--version") {
        succeeds(dir.path(), &["cmake", "-S", ".", "-B", "c", "-DCMAKE_TOOLCHAIN_FILE=cmake"]);
        succeeds(dir.path(), &["cmake", "--build", "c"]);
        succeeds(dir.path(), &["ctest", "--test-dir", "c"]);
    }
}

#[test]
fn cmake_runs_its_checks_and_tests_and_keeps_crashes_apart() {
    if !runs(AARCH64) || !has("cmake", "--version") || !has("aarch64-linux-gnu-gcc", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lists = "\
cmake_minimum_required(VERSION 3.20)
project(ends C)
enable_testing()
try_run(RUNS BUILDS ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/probe.c RUN_OUTPUT_VARIABLE OUTPUT)
message(STATUS \"try_run <${RUNS}> <${OUTPUT}>\")
add_executable(end end.c)
add_test(NAME good COMMAND end 0)
add_test(NAME bad COMMAND end 1)
add_test(NAME skipped COMMAND end 77)
set_tests_properties(skipped PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME crash COMMAND end crash)
set_tests_properties(crash PROPERTIES WILL_FAIL TRUE)
";
    let probe = "#include <stdio.h>\nint main(void) { printf(\"%d\", (char)-1); return 7; }\n";
    let end = "#include <stdlib.h>\n#include <string.h>\nint main(int argc, char **argv) { if (!strcmp(argv[argc - 1], \"crash\")) abort(); return atoi(argv[argc - 1]); }\n";
    write(
        dir.path(),
        &[
            ("CMakeLists.txt", lists),
            ("probe.c", probe),
            ("end.c", end),
            ("toolchain", &printed("cmake", &[])),
        ],
    );
    let setup =
        succeeds(dir.path(), &["cmake", "-S", ".", "-B", "build", "-DCMAKE_TOOLCHAIN_FILE=toolchain"]);
    assert!(setup.stdout.contains("try_run <7> <255>"), "{}", setup.stdout);
    succeeds(dir.path(), &["cmake", "--build", "build"]);
    let run = ran(command("ctest").current_dir(dir.path()).args(["--test-dir", "build"]));
    for (test, ending) in
        [("good", "Passed"), ("bad", "***Failed"), ("skipped", "***Skipped"), ("crash", "Exception")]
    {
        let told =
            run.stdout.lines().any(|line| line.contains(&format!(": {test} ")) && line.contains(ending));
        assert!(told, "{test} is not told as {ending}\n{}", run.stdout);
    }
}

#[test]
fn answers_are_compared_check_by_check() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("native", "Checking uname machine type: \"x86_64\"\nChecking for mmap: OK\nOnly native: NO\n"),
            ("foreign", "Checking for mmap: YES\nChecking uname machine type: \"aarch64\"\n"),
            ("broken", "Checking for mmap\n"),
        ],
    );
    let compare = |native: &str, foreign: &str| {
        ran(triplecheck().current_dir(dir.path()).args(["hook", "compare-answers", native, foreign]))
    };
    let run = compare("native", "foreign");
    let told = "Checking uname machine type\n  native   \"x86_64\"\n  foreign  \"aarch64\"\nOnly native\n  native   NO\n  foreign  no answer\n";
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), told));
    assert_eq!(run.stderr, "2 of 3 answers differ\n");
    assert_eq!(compare("native", "native").code, Some(0));
    let run = compare("native", "broken");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("line 1 is no answer: `Checking for mmap`"), "{}", run.stderr);
    assert_eq!(compare("native", "nothing").code, Some(69));
}

#[test]
fn what_is_unknown_is_named() {
    let run = ran(triplecheck().args(["hook", "cargo", "aarch64-linux-gnu"]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("did you mean `aarch64-unknown-linux-gnu`"), "{}", run.stderr);
    let run = ran(triplecheck().args(["hook", "mesno", AARCH64]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("'meson'"), "{}", run.stderr);
    let run = ran(triplecheck().args(["hook", "go", "thumbv7m-none-eabi", "--force"]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("Go has no port for `thumbv7m-none-eabi`"), "{}", run.stderr);
}
