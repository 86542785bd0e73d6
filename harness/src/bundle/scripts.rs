//! The two scripts of a bundle, for any POSIX shell: one runs it, one tells a reducer whether a program still fails like it.
//! Pure.

use std::path::Path;

use triplecheck_emulators::launch::{CommandLine, EnvChange, Kind};

use super::{Bundle, PACKAGE};
use crate::observation::End;
use crate::shell::quote;

/// How a side is started from the directory in which the bundle is made.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The command line, with paths below that directory.
    pub command: &'a CommandLine,
    /// The kind of its emulator.
    pub kind: Kind,
    /// Variables that name the programs of a test's package, with paths below that directory.
    pub programs: &'a [(String, String)],
}

/// What makes a program anew from its source.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The source's name.
    pub source: String,
    /// The compiler and its words natively; `{out}` and `{source}` stand for files.
    pub native: Vec<String>,
    /// The same for the target.
    pub target: Vec<String>,
}

/// The word of a [`Recipe`] for the program that it makes.
pub const OUT: &str = "{out}";
/// The word of a [`Recipe`] for its source.
pub const SOURCE: &str = "{source}";

/// `run.sh`.
pub fn run(bundle: &Bundle, stage: &Path, target: Start<'_>, native: Start<'_>) -> String {
    let mut text = String::from("#!/bin/sh\n");
    text.push_str(&comment(&account(bundle)));
    text.push_str("# `./run.sh` runs it on its target, `./run.sh native` natively; output and status are the program's own.\n");
    text.push_str(
        "# PROGRAM=FILE runs another program in its place, KEEP=DIR keeps the files that it makes.\n",
    );
    text.push_str(HEAD);
    if let Some(package) = &bundle.package {
        text.push_str(&format!("cp -R \"$here\"/{} \"$work/package\" || exit\n", quote(&package.dir)));
        text.push_str("package=$work/package\ncd \"$package\" || exit\n");
    } else {
        text.push_str("cd \"$work/cwd\" || exit\n");
    }
    let input =
        bundle.stdin.as_ref().map_or("/dev/null".to_owned(), |file| format!("\"$here\"/{}", quote(file)));
    text.push_str(&format!("exec <{input}\ncase ${{1-target}} in\n"));
    text.push_str(&format!("target)\n{}  ;;\n", side(bundle, stage, target, "target")));
    text.push_str(&format!("native)\n{}  ;;\n", side(bundle, stage, native, "native")));
    text.push_str("*)\n  echo 'usage: run.sh [target|native]' >&2\n  exit 2\n  ;;\nesac\nstatus=$?\n");
    text.push_str("[ -z \"${KEEP-}\" ] || cp -R . \"$KEEP\"\nexit $status\n");
    text
}

/// Finds the bundle, and makes a place that is gone afterwards.
const HEAD: &str = "here=$(cd \"$(dirname \"$0\")\" && pwd) || exit\nwork=$(mktemp -d) || exit\n\
    trap 'cd / && rm -rf \"$work\"' EXIT\ntrap 'exit 143' HUP INT TERM\nmkdir \"$work/cwd\" \"$work/tmp\" || exit\n";

/// A prefix of its own, whose server is gone before it is.
const WINE: &str = "  prefix=${WINEPREFIX-$work/wine}\n  [ -n \"${WINEPREFIX-}\" ] || trap 'for server in wineserver /usr/lib/wine/wineserver; do\n    \
    WINEPREFIX=$prefix $server -k && break\n  done 2>/dev/null\n  cd / && rm -rf \"$work\"' EXIT\n";

/// One side: whatever it needs, and its start.
fn side(bundle: &Bundle, stage: &Path, start: Start<'_>, name: &str) -> String {
    let place = stage.display().to_string();
    let of_side = if name == "native" { &bundle.native } else { &bundle.program };
    let file = format!("{place}/{}", of_side.file);
    let word = |text: &str| if text == file { "\"$program\"".to_owned() } else { within(text, &place) };
    let words: Vec<String> = start.command.args.iter().map(|arg| word(&arg.to_string_lossy())).collect();
    let mut text = format!("  program=${{PROGRAM-$here/{}}}\n", of_side.file);
    let mut env = environment(bundle);
    env.extend(start.programs.iter().map(|(name, path)| format!("{name}={}", within(path, &place))));
    let args: Vec<String> = bundle.args.iter().map(|arg| quote(arg)).collect();
    let args = args.join(" ");
    match start.kind {
        Kind::Wine => {
            text.push_str(&find("WINE", &["wine", "wine64", "/usr/lib/wine/wine64"], bundle));
            text.push_str(WINE);
            env.push(
                "WINEPREFIX=\"$prefix\" WINEPATH=\"Z:${program%/*}\" WINEDEBUG=-all LC_ALL=C.UTF-8"
                    .to_owned(),
            );
            text.push_str(&started(&env, &format!("\"$emulator\" \"$program\" {args}")));
        }
        Kind::Wasi => {
            text.push_str("  if emulator=$(command -v node || command -v nodejs); then\n");
            let node = "\"$emulator\" --no-warnings --stack-size=6000 \"$here/wasi.mjs\" --argv0 \"$program\" -- \"$program\"";
            text.push_str(&format!("  {}", started(&env, &format!("{node} {args}"))));
            text.push_str("  else\n  ");
            text.push_str(&find("WASMTIME", &["wasmtime"], bundle));
            let given: Vec<String> = env.iter().map(|pair| format!("--env {pair}")).collect();
            let wasmtime = format!("\"$emulator\" run --dir=. {} \"$program\" {args}", given.join(" "));
            text.push_str(&format!("  {}  fi\n", started(&[], &wasmtime)));
        }
        // Who makes a guest system and carries a program into it is triplecheck alone.
        Kind::Vm => {
            text.push_str(&find("TRIPLECHECK", &["triplecheck"], bundle));
            text.push_str(&started(
                &env,
                &format!("\"$emulator\" exec --emulator vm -- \"$program\" {args}"),
            ));
        }
        Kind::Native | Kind::QemuUser | Kind::QemuSystem | Kind::Remote | Kind::Custom => {
            env.extend(start.command.env.iter().filter_map(|change| match change {
                EnvChange::Set(name, value) | EnvChange::Prepend(name, value, _) => {
                    Some(format!("{}={}", name.display(), within(&value.to_string_lossy(), &place)))
                }
                EnvChange::Remove(_) => None,
            }));
            let program = start.command.program.to_string_lossy();
            let first = if program.starts_with(&place) {
                word(&program)
            } else {
                let name = start.command.program.file_name().unwrap_or_default().to_string_lossy();
                let bare = name.trim_end_matches("-static").to_owned();
                let fixed = format!("{bare}-static");
                text.push_str(&find("EMULATOR", &[&name, &bare, &fixed, &program], bundle));
                "\"$emulator\"".to_owned()
            };
            text.push_str(&started(&env, &format!("{first} {}", words.join(" "))));
        }
    }
    text
}

fn started(env: &[String], command: &str) -> String {
    let mut words = vec!["env -i PATH=\"$PATH\" HOME=\"${HOME-/}\" TMPDIR=\"$work/tmp\"".to_owned()];
    words.extend(env.iter().cloned());
    format!("  {} {}\n", words.join(" "), command.trim_end())
}

/// Looks an emulator up, and says what is missing.
fn find(variable: &str, names: &[&str], bundle: &Bundle) -> String {
    let mut tried: Vec<String> = Vec::new();
    for name in names {
        let word = format!("command -v {}", quote(name));
        if !tried.contains(&word) {
            tried.push(word);
        }
    }
    let version = bundle.emulator.version.as_deref().unwrap_or("of an unknown version");
    let needs = format!("this needs {} (it was {version}); or set {variable}", names[0]);
    format!(
        "  emulator=${{{variable}-$({})}} && [ -n \"$emulator\" ] || {{\n    echo {} >&2\n    exit 69\n  }}\n",
        tried.join(" || "),
        quote(&needs)
    )
}

/// The variables of the bundle as words.
fn environment(bundle: &Bundle) -> Vec<String> {
    let value = |value: &String| {
        let parts: Vec<String> = value.split(PACKAGE).map(quoted).collect();
        parts.join("\"$package\"")
    };
    bundle.env.iter().map(|(name, text)| format!("{name}={}", value(text))).collect()
}

/// A word in which paths of the bundle are those of wherever it is.
fn within(text: &str, place: &str) -> String {
    if text.is_empty() {
        return quote(text);
    }
    text.split(place).map(quoted).collect::<Vec<_>>().join("\"$here\"")
}

/// A part of a word; nothing is nothing.
fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { quote(text) }
}

/// `interesting.sh`.
pub fn interesting(bundle: &Bundle, recipe: Option<&Recipe>) -> String {
    let mut text = String::from("#!/bin/sh\n");
    text.push_str(&comment(&account(bundle)));
    text.push_str("# Status 0 while a program still fails like this one: for C-Vise, creduce and delta, which run it beside a file\n");
    match recipe {
        Some(recipe) => {
            text.push_str(&format!(
                "# that they make smaller: `cp source/{0} . && cvise ./interesting.sh {0}`.\n# MAKE_NATIVE and MAKE_TARGET are the commands that build; both programs are named by $OUT.\n",
                recipe.source
            ));
        }
        None => text.push_str(
            "# that they make smaller. MAKE_NATIVE and MAKE_TARGET are commands that build the program to $OUT from that file.\n",
        ),
    }
    text.push_str("here=$(cd \"$(dirname \"$0\")\" && pwd) || exit\nwork=$(mktemp -d) || exit\ntrap 'rm -rf \"$work\"' EXIT\n");
    for (name, words) in [
        ("NATIVE", recipe.map(|recipe| (&recipe.native, recipe))),
        ("TARGET", recipe.map(|recipe| (&recipe.target, recipe))),
    ] {
        let side = name.to_lowercase();
        text.push_str(&format!("OUT=$work/{side}\nexport OUT\nif [ -n \"${{MAKE_{name}-}}\" ]; then\n  sh -c \"$MAKE_{name}\" >&2 || exit 1\nelse\n"));
        match words {
            Some((words, recipe)) => {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| match word.as_str() {
                        OUT => "\"$OUT\"".to_owned(),
                        SOURCE => quote(&format!("./{}", recipe.source)),
                        other => quote(other),
                    })
                    .collect();
                text.push_str(&format!("  {} >&2 || exit 1\nfi\n", words.join(" ")));
            }
            None => text.push_str(&format!(
                "  echo 'set MAKE_{name} to the command that builds it to $OUT' >&2\n  exit 125\nfi\n"
            )),
        }
    }
    let limit = (bundle.deadline_ms / 1000).clamp(1, 60);
    text.push_str(&format!(
        "run() {{\n  mkdir \"$work/$1.d\" || exit\n  PROGRAM=$work/$1 KEEP=$work/$1.d timeout {limit} \"$here/run.sh\" \"$1\" >\"$work/$1.out\" 2>\"$work/$1.err\"\n}}\n"
    ));
    let ends = bundle.seen.as_ref().map(|seen| (status(&seen.native.end), status(&seen.target.end)));
    let (native, target) = ends.unwrap_or((0, 1));
    text.push_str(&format!(
        "run native\n[ $? -eq {native} ] || exit 1\nrun target\n[ $? -eq {target} ] || exit 1\n"
    ));
    if native == target {
        let places = bundle.seen.iter().flat_map(|seen| &seen.differences).map(|it| it.place.as_str());
        text.push_str(&differing(places.into_iter().next().unwrap_or("stdout")));
    } else {
        text.push_str("exit 0\n");
    }
    text
}

/// Status 0 where what differed, `stdout`, `stderr` or `file NAME`, still does; of two that are not there nothing does.
fn differing(place: &str) -> String {
    let name = match place.strip_prefix("file ") {
        Some(name) => format!("d/{}", quote(name)),
        None if place == "stderr" => "err".to_owned(),
        None => "out".to_owned(),
    };
    let [native, target] = ["native", "target"].map(|side| format!("\"$work\"/{side}.{name}"));
    format!(
        "# Both end alike: {} differs.\n[ -e {native} ] || [ -e {target} ] || exit 1\n! cmp -s {native} {target}\n",
        place.escape_debug()
    )
}

/// An end as a shell has it.
fn status(end: &End) -> i64 {
    match end {
        End::Exited { code } => i64::from(code & 0xff),
        End::Signalled { signal } => 128 + i64::from(*signal),
        // What `timeout` says.
        End::TimedOut { .. } | End::OutputLimit { .. } | End::NotStarted { .. } | End::Interrupted => 124,
    }
}

/// What the bundle is, in a few lines.
pub fn account(bundle: &Bundle) -> String {
    let mut text = bundle.cell();
    if let Some(seen) = &bundle.seen {
        text.push_str(&format!(
            ": {}\nnatively {}; on the target {}",
            seen.verdict, seen.native.end, seen.target.end
        ));
        text.extend(seen.cause.iter().map(|cause| format!("\n{cause}")));
    }
    let emulator = &bundle.emulator;
    let program = emulator.program.as_deref().unwrap_or(&emulator.kind);
    let version = emulator.version.as_deref().map_or(String::new(), |version| format!(" {version}"));
    text.push_str(&format!(
        "\nmade by triplecheck {} on {}, where {program}{version} ran it",
        bundle.version, bundle.made
    ));
    text
}

fn comment(text: &str) -> String {
    text.lines().map(|line| format!("# {}\n", line.escape_debug().to_string().replace("\\'", "'"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differed_is_what_is_compared() {
        assert!(differing("stdout").ends_with("\n! cmp -s \"$work\"/native.out \"$work\"/target.out\n"));
        let file = differing("file a b.bin");
        assert!(file.contains("[ -e \"$work\"/native.d/'a b.bin' ] ||"), "{file}");
        assert!(differing("stderr").contains("native.err"));
    }

    #[test]
    fn paths_of_the_bundle_are_those_of_wherever_it_is() {
        for (word, expected) in [
            ("/s/target/root", "\"$here\"/target/root"),
            ("/s", "\"$here\""),
            ("", "''"),
            ("-cpu", "-cpu"),
            ("/s/a b:/s/lib", "\"$here\"'/a b:'\"$here\"/lib"),
        ] {
            assert_eq!(within(word, "/s"), expected);
        }
    }
}
