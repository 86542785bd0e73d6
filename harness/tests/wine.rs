//! Real programs under the real Wine, in prefixes that these tests make.
//!
//! Most tests share one prefix, which is kept from run to run; those about making one use a cache of their own.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test, helpers included")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use triplecheck::prepare::wine::Wanted;
use triplecheck::prepare::{Ended, Lifetime, Options, PrepareError, Prepared, WineSession, prepare};
use triplecheck_emulators::launch::Preparation;
use triplecheck_emulators::packages::Piece;

const WINE: &str = "/usr/lib/wine/wine64";
const COMPILER: &str = "/usr/bin/x86_64-w64-mingw32-gcc";
const SHIMS: &[&str] = &["bcryptprimitives.dll"];
/// Far beyond anything here; a test that needs it has failed.
const LIMIT: Duration = Duration::from_secs(240);

/// Prints its arguments in UTF-8, then does what the first one says.
const GUEST: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <fcntl.h>
#include <io.h>
typedef BOOL (WINAPI *prng)(BYTE *, SIZE_T);
static void argument(const wchar_t *text) {
    char line[4096];
    WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
    printf("[%s]", line);
}
int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (!strcmp(verb, "exit")) ExitProcess(strtoul(argv[2], NULL, 0));
    if (!strcmp(verb, "crash")) *(volatile int *)argc = 1;
    if (!strcmp(verb, "text")) { puts("a"); puts("b"); return 0; }
    if (!strcmp(verb, "binary")) { _setmode(1, _O_BINARY); fwrite("a\nb\r\nc\x1a\0d", 1, 9, stdout); return 0; }
    if (!strcmp(verb, "wait")) { puts("up"); fflush(stdout); while (getchar() != EOF); return 7; }
    if (!strcmp(verb, "random")) {
        BYTE first[32] = {0}, second[32] = {0};
        HMODULE dll = LoadLibraryA("bcryptprimitives.dll");
        prng random = dll ? (prng)(void *)GetProcAddress(dll, "ProcessPrng") : NULL;
        if (!random) return 53;
        return random(first, 32) && random(second, 32) && memcmp(first, second, 32) ? 0 : 1;
    }
    if (!strcmp(verb, "args")) {
        int count;
        wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
        _setmode(1, _O_BINARY);
        for (int i = 2; i < count; i++) argument(words[i]);
    }
    return 0;
}
"#;

/// Whether Wine and its compiler are here. Says that the test is skipped, or fails where it may not be.
fn is_here() -> bool {
    let missing: Vec<_> = [WINE, COMPILER].into_iter().filter(|path| !Path::new(path).is_file()).collect();
    if missing.is_empty() {
        return true;
    }
    let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
    let named = required.split(',').any(|name| matches!(name.trim(), "wine" | "x86_64-pc-windows-gnu"));
    assert!(!named, "TRIPLECHECK_REQUIRE wants Wine, but there is no {missing:?}");
    println!("skipped: there is no {missing:?}");
    false
}

/// A cache directory and the preparation that the lookup would make for it.
struct Cache(PathBuf);

impl Cache {
    fn shared() -> Cache {
        Cache(Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine-cache"))
    }

    fn prefix(&self) -> PathBuf {
        self.0.join("wine/test-x86_64")
    }

    fn shims(&self) -> PathBuf {
        self.0.join("wine/test-x86_64-shims")
    }

    fn state(&self) -> PathBuf {
        self.0.join("wine/test-x86_64-state")
    }

    fn preparation(&self) -> Preparation {
        Preparation::WinePrefix { prefix: self.prefix(), wine: WINE.into(), shims: SHIMS.to_vec() }
    }

    fn prepare(&self, lifetime: Lifetime) -> Result<Prepared, PrepareError> {
        prepare(&self.preparation(), Options { lifetime, node_script: "" })
    }

    fn session(&self, lifetime: Lifetime) -> WineSession {
        let prefix = self.prefix();
        let wanted = Wanted { prefix: &prefix, wine: Path::new(WINE), shims: SHIMS };
        WineSession::start(wanted, lifetime).unwrap()
    }

    /// The environment that the lookup gives a guest, on top of an empty one.
    fn guest_env(&self) -> Vec<(OsString, OsString)> {
        let dir = self.shims().to_str().unwrap().replace('/', "\\");
        vec![
            ("WINEPREFIX".into(), self.prefix().into()),
            ("WINEDEBUG".into(), "-all".into()),
            ("WINEPATH".into(), format!("Z:{dir}").into()),
            ("LC_ALL".into(), "C.UTF-8".into()),
        ]
    }

    /// A guest, to be started.
    fn guest(&self, program: &Path, args: &[&str]) -> duct::Expression {
        guest_with(self.guest_env(), program, args)
    }
}

fn guest_with(env: Vec<(OsString, OsString)>, program: &Path, args: &[&str]) -> duct::Expression {
    let mut words = vec![program.to_str().unwrap()];
    words.extend_from_slice(args);
    duct::cmd(WINE, words).full_env(env).dir(program.parent().unwrap()).stdin_null().unchecked()
}

/// The guest, compiled once for each test that asks.
fn compile(dir: &Path) -> PathBuf {
    let source = dir.join("guest.c");
    fs::write(&source, GUEST).unwrap();
    let program = dir.join("guest.exe");
    duct::cmd!(COMPILER, "-O1", "-w", "-o", &program, &source, "-lshell32").run().unwrap();
    program
}

/// What `work` answers, or a failure after [`LIMIT`].
#[track_caller]
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LIMIT).expect("it ends in time")
}

/// This test program again, as another process that runs one of the helpers below. Its input is the caller's to
/// say: in duct what is said first wins.
fn helper(name: &str, cache: &Path, more: &[(&str, &str)]) -> duct::Expression {
    let mut env: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(name, _)| !more.iter().any(|(new, _)| name == new)).collect();
    env.push(("WINE_TEST_CACHE".into(), cache.into()));
    env.extend(more.iter().map(|(name, value)| (name.into(), value.into())));
    let this = std::env::current_exe().unwrap();
    duct::cmd!(this, "--ignored", "--exact", name, "--nocapture").full_env(env).unchecked()
}

fn helper_cache() -> Option<Cache> {
    std::env::var_os("WINE_TEST_CACHE").map(|dir| Cache(dir.into()))
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn helper_prepare() {
    let Some(cache) = helper_cache() else { return };
    match cache.prepare(Lifetime::Call) {
        Ok(prepared) => drop(prepared),
        Err(error) => panic!("{error}; missing: {:?}; hints: {:?}", error.missing(), error.hints()),
    }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn helper_become_guest() {
    let Some(cache) = helper_cache() else { return };
    let prepared = cache.prepare(Lifetime::Call).unwrap();
    prepared.keep_across_exec().unwrap();
    let program = std::env::var_os("WINE_TEST_GUEST").unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the process turns itself into the guest, as the hook does"
    )]
    let mut command = std::process::Command::new(WINE);
    let error = command.arg(program).arg("wait").env_clear().envs(cache.guest_env()).exec();
    panic!("{error}");
}

#[test]
fn status_and_bytes_arrive_as_the_guest_left_them() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let session = cache.session(Lifetime::Run);
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    for status in ["0", "1", "42", "127", "255"] {
        let output = cache.guest(&guest, &["exit", status]).stdout_capture().run().unwrap();
        assert_eq!(output.status.code(), status.parse().ok());
        assert_eq!(output.stdout, b"");
    }
    let text = cache.guest(&guest, &["text"]).stdout_capture().run().unwrap();
    assert_eq!(text.stdout, b"a\r\nb\r\n");
    let binary = cache.guest(&guest, &["binary"]).stdout_capture().run().unwrap();
    assert_eq!(binary.stdout, b"a\nb\r\nc\x1a\0d");
    session.end().unwrap();
}

#[test]
fn arguments_arrive_word_by_word() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let session = cache.session(Lifetime::Run);
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    let words =
        ["", "a b", "say \"hi\"", "back\\", "back\\ slash\\", "\\\"", "*.c", "%PATH%", "日本 é", "^&|", "\t"];
    let mut args = vec!["args"];
    args.extend(words);
    let output = cache.guest(&guest, &args).stdout_capture().run().unwrap();
    let expected: String = format!("[{}]", words.join("]["));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    session.end().unwrap();
}

#[test]
fn a_crash_leaves_the_guests_output_alone() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let session = cache.session(Lifetime::Run);
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    // Nothing in the environment forbids the debugger here: the prefix itself does.
    let output = cache.guest(&guest, &["crash"]).stdout_capture().stderr_capture().run().unwrap();
    assert_eq!(output.stdout, b"");
    assert_eq!(output.status.code(), Some(5), "the low byte of an access violation, 0xC0000005");
    session.end().unwrap();
}

#[test]
fn a_dll_that_wine_8_lacks_is_built() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let session = cache.session(Lifetime::Run);
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    let status = cache.guest(&guest, &["random"]).run().unwrap().status;
    assert_eq!(status.code(), Some(0));
    let version = duct::cmd!(WINE, "--version").env("WINEPREFIX", cache.prefix()).read().unwrap();
    if version.starts_with("wine-8.") {
        let mut env = cache.guest_env();
        env.retain(|(name, _)| name != "WINEPATH");
        let without_path = guest_with(env.clone(), &guest, &["random"]).run().unwrap().status;
        assert_eq!(
            without_path.code(),
            Some(0),
            "it is among the system's own, for whoever looks there only"
        );
        // The prefix is everybody's, and whoever prepares it puts the file back: it is not taken away but passed over.
        env.push(("WINEDLLOVERRIDES".into(), "bcryptprimitives=b".into()));
        let without = guest_with(env, &guest, &["random"]).run().unwrap().status;
        assert_eq!(without.code(), Some(53), "with Wine's own DLLs alone the program cannot have it");
    }
    session.end().unwrap();
}

#[test]
fn a_guests_pipe_ends_while_wines_services_stay() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let session = cache.session(Lifetime::Run);
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    let started = cache.guest(&guest, &["text"]).stderr_to_stdout();
    let read = in_time(move || started.read().unwrap());
    assert_eq!(read, "a\r\nb");
    // The pipe was read to its end, and these were alive all the time: they do not hold it.
    let names: Vec<_> = session.processes().into_iter().map(|process| process.name).collect();
    assert!(names.iter().any(|name| name == "services.exe"), "{names:?}");
    session.end().unwrap();
}

#[test]
fn programs_that_import_other_dlls_share_the_server_of_a_run() {
    if !is_here() {
        return;
    }
    let cache = Cache::shared();
    let held = prepare(
        &Preparation::WinePrefix { prefix: cache.prefix(), wine: WINE.into(), shims: Vec::new() },
        Options { lifetime: Lifetime::Run, node_script: "" },
    )
    .unwrap();
    held.extend(&cache.preparation()).expect("it is the same prefix").unwrap();
    for name in SHIMS {
        let place = cache.prefix().join("drive_c/windows/system32").join(name);
        assert!(place.exists(), "{} leads to the DLL that was made", place.display());
    }
    let elsewhere = cache.prefix().with_file_name("another");
    let other = Preparation::WinePrefix { prefix: elsewhere.clone(), wine: WINE.into(), shims: Vec::new() };
    assert!(held.extend(&other).is_none(), "another prefix has a server of its own");
    assert!(!elsewhere.exists());

    held.end().unwrap();
}

#[test]
fn two_processes_make_one_prefix_and_its_end_leaves_nothing() {
    if !is_here() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache(dir.path().to_owned());
    let both = [(); 2].map(|()| helper("helper_prepare", dir.path(), &[]).stdin_null().start().unwrap());
    for one in both {
        let output = one.wait_timeout(LIMIT).unwrap().expect("it ends in time");
        assert!(output.status.success());
    }
    let made = fs::metadata(cache.state().join("complete")).unwrap().modified().unwrap();

    // A prefix that lost its stamp is one that was not finished, whatever runs in it.
    fs::remove_file(cache.state().join("complete")).unwrap();
    fs::remove_file(cache.prefix().join("drive_c/windows/system32/kernel32.dll")).unwrap();
    let session = cache.session(Lifetime::Run);
    assert!(session.started_server(), "the server of the half-made prefix was not kept");
    let again = fs::metadata(cache.state().join("complete")).unwrap().modified().unwrap();
    assert_ne!(made, again);
    assert!(cache.prefix().join("drive_c/windows/system32/kernel32.dll").exists());
    let user = fs::read_to_string(cache.prefix().join("user.reg")).unwrap();
    assert!(user.contains("ShowCrashDialog"), "the settings were on the disk before the stamp");

    // A guest that another process turned into is not ended with our session.
    let work = tempfile::tempdir().unwrap();
    let guest = compile(work.path());
    let (input, output) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let other = helper("helper_become_guest", dir.path(), &[("WINE_TEST_GUEST", guest.to_str().unwrap())])
        .stdin_file(input.0)
        .stdout_file(output.1)
        .start()
        .unwrap();
    let mut reader = std::io::BufReader::new(output.0);
    in_time(move || {
        let mut line = String::new();
        while line.trim_end() != "up" {
            line.clear();
            assert_ne!(std::io::BufRead::read_line(&mut reader, &mut line).unwrap(), 0, "the guest came up");
        }
    });
    assert_eq!(session.end().unwrap(), Ended::Left);
    drop(input.1);
    let status = other.wait_timeout(LIMIT).unwrap().expect("it ends in time").status;
    assert_eq!(status.code(), Some(7), "the guest ended by itself");

    let session = cache.session(Lifetime::Run);
    assert!(!session.started_server(), "the server was still up");
    assert_eq!(session.end().unwrap(), Ended::Left, "who did not start it does not end it");
    fs::remove_file(cache.state().join("warm")).unwrap();
    stop_everything(&cache);
}

/// Ends what is left in a prefix, by making it anew for nobody: a session that starts its own server.
fn stop_everything(cache: &Cache) {
    let server = Path::new(WINE).with_file_name("wineserver64");
    duct::cmd!(server, "-k").full_env(cache.guest_env()).unchecked().run().unwrap();
    let session = cache.session(Lifetime::Run);
    assert!(session.started_server());
    assert!(!session.processes().is_empty());
    let prefix = cache.prefix();
    assert_eq!(session.end().unwrap(), Ended::Stopped { killed: Vec::new() });
    assert_eq!(pids_with(&prefix), Vec::<String>::new());
}

/// The living processes that have the prefix in their environment, seen without the code under test.
fn pids_with(prefix: &Path) -> Vec<String> {
    let wanted = format!("WINEPREFIX={}", prefix.display());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        })
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_directory_of_somebody_elses_is_left_alone() {
    if !is_here() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache(dir.path().to_owned());
    let precious = cache.prefix().join("precious");
    fs::create_dir_all(cache.prefix()).unwrap();
    fs::write(&precious, "data").unwrap();
    let error = cache.prepare(Lifetime::Call).unwrap_err();
    assert!(matches!(&error, PrepareError::Foreign { path } if *path == cache.prefix()), "{error}");
    assert_eq!(fs::read_to_string(precious).unwrap(), "data");
}

#[test]
fn a_relative_prefix_is_refused() {
    let wanted = Wanted { prefix: Path::new("wine"), wine: Path::new(WINE), shims: &[] };
    let error = WineSession::start(wanted, Lifetime::Call).unwrap_err();
    assert!(matches!(error, PrepareError::NotAPrefix { .. }), "{error}");
}

#[test]
fn without_the_compiler_the_package_is_named_and_nothing_is_made() {
    if !is_here() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = helper("helper_prepare", dir.path(), &[("PATH", "/nonexistent")])
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .run()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let piece = format!("missing: Some({:?})", Piece::Mingw("x86_64-w64-mingw32"));
    assert!(said.contains(&piece), "{said}");
    assert!(said.contains("there is no `x86_64-w64-mingw32-gcc`"), "{said}");
    assert!(!Cache(dir.path().to_owned()).prefix().exists());
}

#[test]
fn the_script_for_node_is_written_whole_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wasi/run.mjs");
    let options = Options { lifetime: Lifetime::Call, node_script: "export {};\n" };
    let prepared = prepare(&Preparation::NodeScript(path.clone()), options).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "export {};\n");
    assert_eq!(prepared.end().unwrap(), None);
    let first = fs::metadata(&path).unwrap().modified().unwrap();
    prepare(&Preparation::NodeScript(path.clone()), options).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), first, "what is there is not written again");
    let other = Options { node_script: "other\n", ..options };
    prepare(&Preparation::NodeScript(path.clone()), other).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "other\n");
}
