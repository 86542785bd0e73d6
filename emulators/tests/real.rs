//! Real programs through real emulators: compiled here, looked up, started, and believed only by what they
//! print and how they end.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "these tests start compilers and guests themselves")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "the helpers of tests are tests")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::{Host, LocalHost};
use triplecheck_emulators::launch::{CommandLine, EnvChange, Guest, Kind, Launch};
use triplecheck_emulators::lookup::{Decision, Options, lookup, lookup_binary, target_of};
use triplecheck_emulators::target::Target;

/// Debian's cross compilers for the Linux targets that we promise.
const LINUX: [(&str, &str); 7] = [
    ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc"),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc"),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
    ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc"),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc"),
    ("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc"),
];

/// Prints its name, its arguments and one variable, and ends with 7.
const HELLO: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) printf("[%s]\n", argv[i]);
    printf("MARK=%s\n", getenv("MARK") ? getenv("MARK") : "(none)");
    return 7;
}
"#;

/// Whether the environment forbids to skip the tests of this name.
fn required(name: &str) -> bool {
    std::env::var("TRIPLECHECK_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item == name))
}

/// The path of a program, or a line that says why the test of `name` is skipped.
fn tool(host: &LocalHost, name: &str, program: &str) -> Option<PathBuf> {
    let found = host.find_program(program).map(|program| program.path);
    if found.is_none() {
        assert!(!required(name), "`{program}` is missing, and {name} is required");
        println!("skipped: {name}: `{program}` is not installed");
    }
    found
}

#[track_caller]
fn compile(compiler: &Path, dir: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let file = dir.join(format!("{name}.c"));
    std::fs::write(&file, source).unwrap();
    let program = dir.join(name);
    let output = Command::new(compiler).arg(&file).arg("-o").arg(&program).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// The decision for a program that must be runnable, unless its emulator may be absent.
fn launch_of(host: &LocalHost, triple: &str, program: &Path, options: &Options) -> Option<Launch> {
    let target = Target::parse(triple).unwrap();
    let binary = Binary::read(program).unwrap();
    match lookup(host, &target, Some(&binary), options) {
        Decision::Run(launch, _) => Some(launch),
        Decision::Cannot(reason, trace) => {
            assert!(!required(triple), "{triple} is required: {}\n{trace:#?}", reason.text);
            println!("skipped: {triple}: {}", reason.text);
            None
        }
    }
}

fn start(line: &CommandLine) -> Output {
    let mut command = Command::new(&line.program);
    command.args(&line.args).env("MARK", "m 1");
    if let Some(argv0) = &line.argv0 {
        std::os::unix::process::CommandExt::arg0(&mut command, argv0);
    }
    for change in &line.env {
        match change.apply(std::env::var_os(change.name()).as_deref()) {
            Some(value) => command.env(change.name(), value),
            None => command.env_remove(change.name()),
        };
    }
    command.output().unwrap()
}

#[track_caller]
fn check_hello(output: &Output, own_name: &str) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout, format!("[{own_name}]\n[a b]\n[-L]\n[]\nMARK=m 1\n"));
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

fn words() -> Vec<OsString> {
    ["a b", "-L", ""].map(OsString::from).to_vec()
}

#[test]
fn c_programs_of_every_linux_target_start_and_keep_name_words_and_status() {
    let host = LocalHost::new();
    let dir = tempfile::tempdir().unwrap();
    for (triple, compiler) in LINUX {
        let Some(compiler) = tool(&host, triple, compiler) else { continue };
        for (linkage, flags) in [("static", &["-static"][..]), ("dynamic", &[])] {
            let program = compile(&compiler, dir.path(), &format!("{triple}-{linkage}"), HELLO, flags);
            let Some(launch) = launch_of(&host, triple, &program, &Options::default()) else { continue };
            let args = words();
            let guest = Guest { program: &program, argv0: Some(OsStr::new("own name")), args: &args };
            let line = launch.command(&guest);
            println!("{triple} {linkage}: {line}");
            check_hello(&start(&line), "own name");
            // What is printed for the user must do the same.
            let pasted =
                Command::new("sh").args(["-c", &line.to_shell()]).env("MARK", "m 1").output().unwrap();
            check_hello(&pasted, "own name");
            assert_eq!(target_of(&Binary::read(&program).unwrap()).unwrap().triple(), triple);
        }
    }
}

#[test]
fn a_program_with_its_own_library_finds_it_by_path_and_by_origin() {
    let host = LocalHost::new();
    for (triple, compiler) in LINUX {
        let Some(compiler) = tool(&host, triple, compiler) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let library = "int answer(void) { return 7; }\n";
        compile(&compiler, dir.path(), "libanswer.so", library, &["-shared", "-fPIC"]);
        let user = "int answer(void);\nint main(void) { return answer(); }\n";
        let at = dir.path().to_str().unwrap();
        let plain = compile(&compiler, dir.path(), "plain", user, &["-L", at, "-lanswer"]);
        let origin =
            compile(&compiler, dir.path(), "origin", user, &["-L", at, "-lanswer", "-Wl,-rpath,$ORIGIN"]);

        let by_path = Options { library_path: vec![dir.path().to_owned()], ..Options::default() };
        let by_origin = Options { origin: Some(dir.path().to_owned()), ..Options::default() };
        for (program, options) in [(&plain, &by_path), (&origin, &by_origin)] {
            let Some(launch) = launch_of(&host, triple, program, options) else { continue };
            let line = launch.command(&Guest { program, argv0: None, args: &[] });
            let output = start(&line);
            assert_eq!(output.status.code(), Some(7), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let own = Target::parse(triple).unwrap().machine() == Some(host.machine());
        let binary = Binary::read(&plain).unwrap();
        let decision = lookup_binary(&host, &binary, &plain, &Options::default());
        match decision {
            // The host's own loader knows directories that we do not: it decides.
            Decision::Run(..) => assert!(own, "{triple}: a missing library was not noticed"),
            Decision::Cannot(reason, _) => {
                assert!(!own && reason.text.contains("libanswer.so"), "{}", reason.text);
            }
        }
    }
}

#[test]
fn a_wrong_machine_is_found_out_before_the_start() {
    let host = LocalHost::new();
    let Some(compiler) = tool(&host, "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc") else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&compiler, dir.path(), "p", HELLO, &[]);
    let binary = Binary::read(&program).unwrap();
    let target = Target::parse("s390x-unknown-linux-gnu").unwrap();
    let Decision::Cannot(reason, _) = lookup(&host, &target, Some(&binary), &Options::default()) else {
        panic!("an aarch64 program was taken for one of s390x");
    };
    assert!(reason.text.contains("aarch64") && reason.text.contains("s390x"), "{}", reason.text);
}

#[test]
fn a_windows_program_goes_to_the_wine_that_is_installed() {
    let host = LocalHost::new();
    let Some(compiler) = tool(&host, "x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc") else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&compiler, dir.path(), "p.exe", HELLO, &[]);
    let Some(launch) = launch_of(&host, "x86_64-pc-windows-gnu", &program, &Options::default()) else {
        return;
    };
    assert_eq!(launch.emulator.kind, Kind::Wine);
    let wine = launch.emulator.program.unwrap();
    let version = host.version(&wine).unwrap();
    assert!(version.contains('.') && version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    assert!(launch.env.iter().any(|change| matches!(change,
        EnvChange::Set(name, value) if name == "WINEPREFIX" && value.to_string_lossy().contains(&version))));
}

#[test]
fn a_version_is_asked_for_once_and_then_remembered() {
    let cache = tempfile::tempdir().unwrap();
    let host = || LocalHost::new().with_variable("TRIPLECHECK_CACHE", Some(cache.path().into()));
    let Some(qemu) = tool(&LocalHost::new(), "aarch64-unknown-linux-gnu", "qemu-aarch64-static") else {
        return;
    };
    let first = host().version(&qemu).unwrap();
    assert!(first.split('.').count() >= 2, "{first}");
    assert_eq!(std::fs::read_dir(cache.path().join("versions")).unwrap().count(), 1);
    assert_eq!(host().version(&qemu).as_deref(), Some(first.as_str()));
}

#[test]
fn the_host_knows_itself() {
    let host = LocalHost::new();
    assert_eq!(host.os(), "linux");
    assert!(host.executes(host.machine()));
    let target = Target::parse(host.triple()).unwrap();
    let Decision::Run(launch, _) = lookup(&host, &target, None, &Options::default()) else {
        panic!("{} does not run its own programs", host.triple());
    };
    assert_eq!((launch.emulator.kind, launch.prefix.len()), (Kind::Native, 0));
}

/// The time that every hook call pays for is printed and not asserted: a loaded machine would make it lie.
#[test]
fn the_lookup_of_a_program_gives_the_same_every_time() {
    let Some(compiler) = tool(&LocalHost::new(), "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&compiler, dir.path(), "p", HELLO, &[]);
    let decide = || {
        let binary = Binary::read(&program).unwrap();
        lookup_binary(&LocalHost::new(), &binary, &program, &Options::default())
    };
    let first = decide();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let started = std::time::Instant::now();
            let again = decide();
            let time = started.elapsed();
            assert_eq!(again, first);
            time
        })
        .collect();
    times.sort_unstable();
    println!("lookup of a dynamic aarch64 program: median {:?}, best {:?}", times[50], times[0]);
}
