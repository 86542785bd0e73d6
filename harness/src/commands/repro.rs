//! `triplecheck repro`: one cell, looked into. `--debug` attaches gdb to its guest, `--trace` shows its system calls beside the
//! native ones, `--shell` is an environment in which it can be run by hand.

mod bundled;
mod start;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use triplecheck_emulators::host::{Host as _, LocalHost};
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::packages::Piece;

use self::start::{Foreground, How};
use super::bundle;
use crate::cli::{ReproArgs, WrapArgs};
use crate::error::{About as _, Error, Result};
use crate::inspect::{calls, gdb, scripts};
use crate::manifest;
use crate::plan::Request;
use crate::run::{Ready, Run, Single};
use crate::supervise::StopFlag;
use crate::verdict::Weight;

/// The file in which a side's calls are.
const CALLS: &str = "calls";

/// How long a guest may take under a tracer.
const TRACE_DEADLINE: Duration = Duration::from_secs(120);

/// Looks into a cell; the exit status.
///
/// # Errors
/// When there is no such cell, it cannot be built or run here, or the tool is missing.
pub fn repro(directory: &Path, args: &ReproArgs, out: &mut dyn Write) -> Result<ExitCode> {
    if bundled::is_bundle(directory, &args.cell) {
        if args.bundle.is_some() {
            return Err(Error::user(format!("`{}` is a bundle already", args.cell)));
        }
        return bundled::repro(&bundled::existing(directory, &args.cell)?, args, out);
    }
    let (cell, on) = match args.cell.rsplit_once(" on ") {
        Some((cell, target)) => (cell, Some(target.to_owned())),
        None => (args.cell.as_str(), args.target.clone()),
    };
    let (suite, case) = cell.split_once("::").ok_or_else(|| {
        Error::user(format!("`{cell}` is no cell; write it as `suite::case`"))
            .hint("triplecheck report, which names the cells of the last run")
    })?;
    if !(args.debug || args.trace || args.shell || args.bundle.is_some()) {
        return Err(Error::user("say how to look into it: `--debug`, `--trace` or `--shell`")
            .hint("--bundle DIR, which keeps it for another machine")
            .hint(format!("triplecheck run {} runs it again", crate::shell::quote(cell))));
    }
    if args.json {
        return Err(Error::user("`--json` is for bundles"));
    }
    if !args.gdb_args.is_empty() && !args.debug {
        return Err(Error::user("words behind `--` are for gdb, which `--debug` starts"));
    }
    let project = manifest::locate(directory, args.manifest_path.as_deref())?;
    let target = on.map_or_else(|| failing_target(directory, args, suite, case), Ok)?;
    let host = super::host();
    let tools = Tools::find(&host, args)?;
    let request = bundle::request(args.cargo.options(&[]), super::options(&args.lookup)?);
    let stop = StopFlag::new().map_err(|error| Error::world("cannot make a pipe").caused_by(error))?;
    if let Some(into) = &args.bundle {
        let maker = bundle::Maker { project: &project, host: &host, request, stop: &stop, given: None };
        let named = bundle::Named { suite, case, target: &target };
        let made = maker.make(named, None, &directory.join(into))?;
        say(&bundle::told(named, &made));
        super::report::print(out, &format!("{}\n", made.file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let request = Request { targets: vec![target.clone()], filters: vec![cell.to_owned()], ..request };
    let plan = super::run::plan_for(&project, &request, &host, None)?;
    if plan.targets.is_empty() {
        return Err(Error::user(format!("`{target}` is the host itself, with which others are compared")));
    }
    let state = crate::runs::state_dir(&project.root);
    let run = Run::by_hand(&plan, &host, &state, &stop);
    let single = Single::prepare(&run, suite, case)?;
    let kept = state.join("traces").join(crate::inspect::file_name(&format!("{cell} on {target}")));
    let status = look(&single, &tools, args, (&target, &kept), out);
    single.finish()?;
    status
}

/// Looks into a cell as was asked. `kept` is where traces go.
fn look(
    single: &Single<'_>,
    tools: &Tools,
    args: &ReproArgs,
    (target, kept): (&str, &Path),
    out: &mut dyn Write,
) -> Result<ExitCode> {
    if args.debug {
        debug(single, tools, &args.gdb_args)
    } else if args.trace {
        trace(single, tools, kept, out)
    } else {
        shell(single, args, target)
    }
}

/// The target on which the last run found something in this case.
fn failing_target(directory: &Path, args: &ReproArgs, suite: &str, case: &str) -> Result<String> {
    let named = |hint: String| {
        Error::user(format!("name the target of `{suite}::{case}`: no finding of the last run tells it"))
            .hint(hint)
    };
    let example = || format!("triplecheck repro {suite}::{case} -t s390x-unknown-linux-gnu --debug");
    let run_dir = super::report::run_dir(directory, args.manifest_path.as_deref(), None);
    let summary = match run_dir.and_then(|dir| crate::runs::read(&dir)) {
        Ok(recorded) => recorded.summary,
        Err(_) => return Err(named(example())),
    };
    let of_case = summary.cells.iter().filter(|cell| (&*cell.suite, &*cell.case) == (suite, case));
    let mut failing = of_case.filter(|cell| cell.observed.weight() == Weight::Finding);
    let Some(cell) = failing.next() else { return Err(named(example())) };
    say(&format!("on {}, where the last run found `{}`", cell.target, cell.observed));
    Ok(cell.target.clone())
}

/// The tools that a mode needs, looked for before anything is built.
struct Tools {
    gdb: PathBuf,
    strace: PathBuf,
}

impl Tools {
    fn find(host: &LocalHost, args: &ReproArgs) -> Result<Self> {
        let find = |wanted: bool, names: &[&str], piece: Piece| -> Result<PathBuf> {
            if !wanted {
                return Ok(PathBuf::new());
            }
            let found = names.iter().find_map(|name| host.find_program(name));
            found.map(|program| program.path).ok_or_else(|| {
                let error = Error::world(format!("there is no `{}`", names[0]));
                super::which::install_command(&[piece]).into_iter().fold(error, Error::hint)
            })
        };
        // Debian's plain gdb knows the host's machines only; elsewhere it knows all.
        let gdb = find(args.debug, &["gdb-multiarch", "gdb"], Piece::Gdb)?;
        Ok(Self { gdb, strace: find(args.trace, &["strace"], Piece::Strace)? })
    }
}

fn debug(single: &Single<'_>, tools: &Tools, gdb_args: &[OsString]) -> Result<ExitCode> {
    let guest = &single.target;
    let script = single.work().join("attach.gdb");
    // Asking a server for symbols would be a question, and wait for the network.
    let mut args: Vec<OsString> = ["-q", "-iex", "set debuginfod enabled off", "-x"].map(Into::into).into();
    args.push(script.clone().into_os_string());
    args.extend(gdb_args.iter().cloned());
    let kind = guest.launch.emulator.kind;
    let (text, _waiting, env) = match kind {
        Kind::QemuUser => {
            let socket = single.work().join("stub");
            let words = vec![OsString::from("-g"), socket.clone().into_os_string()];
            let waiting = start::waiting(guest, &How { emulator_words: words, ..How::default() }, &socket)?;
            let sysroot = guest.launch.sysroot.as_deref();
            let attached = gdb::Attached { program: &guest.program, sysroot, socket: &socket };
            (gdb::attach(&attached), Some(waiting), None)
        }
        Kind::Native if guest.launch.prefix.is_empty() => {
            let line = guest.command(&[]);
            let words = line.args.iter().map(|word| crate::shell::quote(&word.to_string_lossy()));
            let stdin = guest.stdin.as_deref().unwrap_or(Path::new("/dev/null")).display().to_string();
            let words = words.chain([format!("<{}", crate::shell::quote(&stdin))]);
            let text = gdb::native(&guest.program, &words.collect::<Vec<_>>().join(" "), &guest.dir);
            (text, None, Some(guest.env(&line)))
        }
        Kind::Native
        | Kind::Wine
        | Kind::Wasi
        | Kind::QemuSystem
        | Kind::Vm
        | Kind::Remote
        | Kind::Custom => {
            let text = format!("programs of `{}`, run by {kind} here, cannot be debugged", guest.target);
            let error = Error::world(text);
            return Err(match kind {
                Kind::Native => error.hint("--emulator qemu-user, whose stub gdb can attach to"),
                Kind::Vm => in_a_guest_system(error, "--debug"),
                _ => error.hint("--shell, in which it is run by hand"),
            });
        }
    };
    fs_err::write(&script, text).about("write", &script)?;
    say(
        "the guest stands at its first instruction; `continue` runs it to where it fails, `backtrace` shows how it came there",
    );
    let how = Foreground { dir: &guest.dir, env: env.as_deref() };
    let status = start::foreground(&tools.gdb, &args, &how)?;
    Ok(code_of(status.code()))
}

/// What can be done instead, where a program runs in a guest system.
fn in_a_guest_system(error: Error, wanted: &str) -> Error {
    error
        .hint(format!("--emulator qemu-user {wanted}, as far as it comes without a kernel of its own"))
        .hint("--shell, in which `guest` runs it in the guest system")
}

/// How a side is started so that its calls are written to `log`.
fn how_traced(ready: &Ready, tools: &Tools, log: &Path) -> Result<How> {
    Ok(match ready.launch.emulator.kind {
        Kind::QemuUser => {
            How { emulator_words: vec!["-strace".into(), "-D".into(), log.into()], ..How::default() }
        }
        Kind::Native => {
            let mut before = vec![tools.strace.clone().into_os_string()];
            before.extend(["-f", "-s", "64", "-o"].map(OsString::from));
            before.push(log.into());
            How { before, ..How::default() }
        }
        Kind::Wine => How { env: vec![("WINEDEBUG".into(), "+relay".into())], ..How::default() },
        Kind::Vm => {
            let text = format!(
                "the system calls of `{}` are answered by the kernel of a guest system, which tells nobody of them",
                ready.program.display()
            );
            return Err(in_a_guest_system(Error::world(text), "--trace"));
        }
        kind @ (Kind::Wasi | Kind::QemuSystem | Kind::Remote | Kind::Custom) => {
            let text =
                format!("programs of `{}`, run by {kind} here, make no system calls to show", ready.target);
            return Err(Error::world(text).hint("--shell, in which it is run by hand"));
        }
    })
}

/// A side's system calls, as they were written.
fn traced(ready: &Ready, how: &How, kept: &Path) -> Result<Option<Vec<calls::Call>>> {
    let log = kept.join(CALLS);
    fs_err::create_dir_all(kept).about("create", kept)?;
    let ended = start::to_end(ready, how, kept, TRACE_DEADLINE)?;
    let told =
        ended.map_or(format!("ended after {} s", TRACE_DEADLINE.as_secs()), |status| status.to_string());
    say(&format!("{}: {told}", ready.target));
    if ready.launch.emulator.kind == Kind::Wine {
        // Its relay writes to standard error, between the guest's own lines.
        return Ok(None);
    }
    let text = fs_err::read(&log).about("read", &log)?;
    let place = |path: &Path| path.display().to_string();
    let words = [(place(&ready.program), "<program>"), (place(&ready.dir), "<cwd>")];
    Ok(Some(calls::read(&String::from_utf8_lossy(&text), &words)))
}

fn trace(single: &Single<'_>, tools: &Tools, kept: &Path, out: &mut dyn Write) -> Result<ExitCode> {
    let of = |ready, side: &str| how_traced(ready, tools, &kept.join(side).join(CALLS));
    // What cannot be shown is said before anything runs.
    let (how, how_natively) = (of(&single.target, "target")?, of(single.native()?, "native")?);
    let native = traced(single.native()?, &how_natively, &kept.join("native"))?.unwrap_or_default();
    let name = single.target.target.to_string();
    let text = if let Some(target) = traced(&single.target, &how, &kept.join("target"))? {
        calls::side_by_side(&native, &target, ["native", &name])
    } else {
        let relay = kept.join("target").join("stderr");
        let text = fs_err::read(&relay).about("read", &relay)?;
        calls::relay(&native, &String::from_utf8_lossy(&text), ["native", &name])
    };
    super::report::print(out, &text)?;
    say(&format!("all calls and both outputs are in `{}`", kept.display()));
    Ok(ExitCode::SUCCESS)
}

fn shell(single: &Single<'_>, args: &ReproArgs, target: &str) -> Result<ExitCode> {
    let bin = single.work().join("bin");
    fs_err::create_dir_all(&bin).about("create", &bin)?;
    for (name, ready) in [("guest", &single.target), ("native", single.native()?)] {
        let text = scripts::run(&ready.command(&[]), &ready.by_hand(), &ready.dir, ready.stdin.as_deref());
        let path = bin.join(name);
        fs_err::write(&path, text).about("write", &path)?;
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).about("change", &path)?;
    }
    let mut paths = vec![bin];
    paths.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let path = std::env::join_paths(paths)
        .map_err(|error| Error::world("cannot put a directory into `PATH`").caused_by(error))?;
    say(&format!(
        "`guest` runs it on {target}, `native` runs it here; further words are its own; `exit` ends this"
    ));
    let shell =
        std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let mut assignment = OsString::from("PATH=");
    assignment.push(path);
    let words: Vec<OsString> = vec!["env".into(), assignment, shell];
    let (targets, ledger, lookup) = (Vec::new(), None, args.lookup.clone());
    super::wrap::wrap(&WrapArgs { targets, ledger, quiet: true, lookup, words })
}

fn code_of(code: Option<i32>) -> ExitCode {
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Talk is for standard error; where that is closed nobody misses it.
fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "triplecheck: {text}");
}
