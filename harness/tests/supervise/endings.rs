//! How one process can end, or not begin.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use triplecheck::supervise::{SuperviseError, Termination};

use crate::Test;
use crate::lab::Lab;

pub(crate) const TESTS: &[Test] = &[
    ("exit_codes_arrive_whole", exit_codes_arrive_whole),
    ("fatal_signals_are_signals", fatal_signals_are_signals),
    ("a_missing_program_is_not_an_exit_127", a_missing_program_is_not_an_exit_127),
    ("what_cannot_be_executed_says_why", what_cannot_be_executed_says_why),
    ("too_many_arguments_are_refused_by_the_kernel", too_many_arguments_are_refused_by_the_kernel),
    ("an_unusable_file_of_the_job_is_named", an_unusable_file_of_the_job_is_named),
];

fn exit_codes_arrive_whole() {
    for code in [0, 1, 2, 3, 69, 77, 100, 125, 126, 127, 128, 129, 137, 139, 254, 255] {
        let ended = Lab::new(&format!("exit {code}")).check(&Termination::Exited(code));
        assert_eq!((ended.stdout_bytes, ended.stderr_bytes), (0, 0));
        assert_eq!(ended.leaked, []);
    }
}

fn fatal_signals_are_signals() {
    // All that end a process by default, the real-time ones apart.
    for signal in (1..=31).filter(|signal| ![17, 18, 19, 20, 21, 22, 23, 28].contains(signal)) {
        // Rust's own start ignores SIGPIPE, so that one is not fatal to a Rust program.
        if signal != 13 {
            Lab::new(&format!("signal {signal}")).check(&Termination::Signalled { signal, core: false });
        }
    }
}

fn a_missing_program_is_not_an_exit_127() {
    let lab = Lab::new("exit 127");
    lab.check(&Termination::Exited(127));
    let mut lab = Lab::with_program(&lab.path("no such file"));
    lab.check(&Termination::NotStarted { errno: libc::ENOENT });
    lab.program = "true".into();
    lab.check(&Termination::NotStarted { errno: libc::ENOENT });
}

fn what_cannot_be_executed_says_why() {
    let lab = Lab::with_program(Path::new("/proc"));
    lab.check(&Termination::NotStarted { errno: libc::EACCES });
    for (content, mode, errno) in [
        ("echo no", 0o644, libc::EACCES),
        ("echo no", 0o755, libc::ENOEXEC),
        ("", 0o755, libc::ENOEXEC),
        ("#!/no/such/interpreter\n", 0o755, libc::ENOENT),
        ("\x7fELF", 0o755, libc::ENOEXEC),
    ] {
        let mut lab = Lab::new("exit 0");
        lab.program = lab.path("program");
        fs_err::write(&lab.program, content).unwrap();
        fs_err::set_permissions(&lab.program, PermissionsExt::from_mode(mode)).unwrap();
        lab.check(&Termination::NotStarted { errno });
    }
}

fn too_many_arguments_are_refused_by_the_kernel() {
    let mut lab = Lab::new("exit 0");
    lab.args.push("x".repeat(1 << 20).into());
    lab.check(&Termination::NotStarted { errno: libc::E2BIG });
    let mut lab = Lab::new("exit 0");
    lab.env.extend((0..100).map(|i| (format!("V{i}").into(), "x".repeat(100_000).into())));
    lab.check(&Termination::NotStarted { errno: libc::E2BIG });
    // The next guest of the same supervisor is none the worse for it.
    Lab::new("exit 4").check(&Termination::Exited(4));
}

fn an_unusable_file_of_the_job_is_named() {
    let expect = |lab: &Lab, text: &str| {
        let error = lab.try_run(None, None).unwrap_err();
        assert!(matches!(error, SuperviseError::File { .. }), "{error:?}");
        assert_eq!(error.to_string(), text);
    };
    let mut lab = Lab::new("exit 0");
    lab.stdin = Some("/no/such/input".into());
    expect(&lab, "open `/no/such/input`");
    let mut lab = Lab::new("exit 0");
    lab.cwd = "/no/such/dir".into();
    expect(&lab, "enter `/no/such/dir`");
    let lab = Lab::new("exit 0");
    fs_err::create_dir(lab.path("stderr")).unwrap();
    expect(&lab, &format!("create `{}`", lab.path("stderr").display()));
    let lab = Lab::new("write 5");
    fs_err::os::unix::fs::symlink("/dev/full", lab.path("stdout")).unwrap();
    expect(&lab, &format!("write to `{}`", lab.path("stdout").display()));
}
