//! `repro BUNDLE`: a cell from elsewhere, run again here.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use triplecheck_emulators::host::Host as _;

use super::Tools;
use crate::bundle::{self, Bundle};
use crate::cli::ReproArgs;
use crate::commands::bundle::{name_of, this_machine};
use crate::compare;
use crate::error::{About as _, Error, Result};
use crate::run::{self, Run, Shown, Single};
use crate::supervise::StopFlag;
use crate::verdict::{Verdict, Weight};

/// What came of running a bundle again.
#[derive(Debug, Serialize)]
struct Answer {
    schema: u32,
    cell: String,
    /// Whether it shows the same finding as when it was made.
    repeats: bool,
    verdict: Verdict,
    cause: Option<String>,
    native: String,
    target: String,
    recorded: Option<Recorded>,
    /// The first thing in the target's output that is not as recorded.
    output: Option<String>,
    /// What is different here.
    different: Vec<Different>,
    remark: Option<String>,
    left_out: Vec<bundle::LeftOut>,
}

/// What it came to when it was made.
#[derive(Debug, Serialize)]
struct Recorded {
    verdict: Verdict,
    native: String,
    target: String,
}

/// Something that is not the same there and here.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Different {
    what: &'static str,
    there: String,
    here: String,
}

/// Runs the bundle at `file` again; the exit status is that of a run: 1 where it shows a finding.
pub(super) fn repro(file: &Path, args: &ReproArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let host = crate::commands::host();
    let tools = Tools::find(&host, args)?;
    let place = tempfile::Builder::new()
        .prefix("triplecheck-repro-")
        .tempdir()
        .map_err(|error| Error::world("cannot make a temporary directory").caused_by(error))?;
    let dir = place.path();
    let bundle = bundle::read(file, dir)?;
    if args.target.as_ref().is_some_and(|target| *target != bundle.target) {
        return Err(Error::user(format!("`{}` is a bundle for {}", file.display(), bundle.target)));
    }
    let plan = run::bundle_plan(&host, &bundle, dir, crate::commands::options(&args.lookup)?)?;
    let stop = StopFlag::new().map_err(|error| Error::world("cannot make a pipe").caused_by(error))?;
    let run = Run::by_hand(&plan, &host, dir, &stop);
    let single = Single::of_bundle(&run, &bundle, dir)?;
    let status = if args.debug || args.trace || args.shell {
        // Traces outlive the bundle's place.
        let kept = std::env::temp_dir().join(format!("triplecheck-traces-{}", bundle.id));
        super::look(&single, &tools, args, (&bundle.target, &kept), out)
    } else {
        single.show(&bundle, dir).and_then(|shown| {
            let answer = answer(&bundle, dir, &single, &shown, &host)?;
            let text = if args.json { json(&answer)? } else { text(&answer) };
            crate::commands::report::print(out, &text)?;
            Ok(if answer.verdict.weight() == Weight::Finding { ExitCode::from(1) } else { ExitCode::SUCCESS })
        })
    };
    single.finish()?;
    place.close().about("remove", file)?;
    status
}

fn answer(
    bundle: &Bundle,
    dir: &Path,
    single: &Single<'_>,
    shown: &Shown,
    host: &triplecheck_emulators::host::LocalHost,
) -> Result<Answer> {
    let recorded = bundle.seen.as_ref();
    let same_end = recorded.is_some_and(|seen| seen.target.end == shown.target.end);
    let repeats = shown.verdict.weight() == Weight::Finding
        && recorded.is_some_and(|seen| seen.verdict == shown.verdict && same_end);
    let emulator = &single.target.launch.emulator;
    let version = emulator.program.as_ref().and_then(|program| host.version(program));
    let here = this_machine(host);
    let cpu = |cpu: &Option<String>| cpu.clone().unwrap_or_else(|| "its default".to_owned());
    let rows = [
        ("emulator", bundle.emulator.kind.clone(), emulator.kind.to_string()),
        (
            "its program",
            told(bundle.emulator.program.clone()),
            told(emulator.program.as_deref().and_then(name_of)),
        ),
        ("its version", told(bundle.emulator.version.clone()), told(version)),
        ("CPU model", cpu(&bundle.emulator.cpu), cpu(&emulator.cpu)),
        ("kernel", bundle.machine.kernel.clone(), here.kernel),
        ("processor", bundle.machine.processor.clone(), here.processor),
        ("host", bundle.machine.triple.clone(), here.triple),
        ("triplecheck", bundle.version.clone(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    Ok(Answer {
        schema: bundle::SCHEMA,
        cell: bundle.cell(),
        repeats,
        verdict: shown.verdict,
        cause: shown.judged.cause.clone(),
        native: shown.native.end.to_string(),
        target: shown.target.end.to_string(),
        recorded: recorded.map(|seen| Recorded {
            verdict: seen.verdict,
            native: seen.native.end.to_string(),
            target: seen.target.end.to_string(),
        }),
        output: other_output(bundle, dir, single, shown)?,
        different: differences(rows),
        remark: remark(bundle, shown),
        left_out: bundle.left_out.clone(),
    })
}

fn told(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

fn differences<const N: usize>(rows: [(&'static str, String, String); N]) -> Vec<Different> {
    let differ = rows.into_iter().filter(|(_, there, here)| there != here);
    differ.map(|(what, there, here)| Different { what, there, here }).collect()
}

/// What of the target's output is not as it was.
fn other_output(bundle: &Bundle, dir: &Path, single: &Single<'_>, shown: &Shown) -> Result<Option<String>> {
    let Some(before) = bundle.observed(dir, "target")? else { return Ok(None) };
    let kind = single.target.launch.emulator.kind;
    let windows = single.target.target.facts().os == "windows";
    let side = |observation| compare::Side { observation, windows, emulator: kind };
    let how = bundle.compare.how()?;
    let comparison =
        compare::compare_beside(side(&before), side(&shown.target), &how, &compare::Noise::default());
    let first = comparison.differences.into_iter().next();
    Ok(first.map(|difference| {
        let line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        format!(
            "{}: `{}` there, `{}` here",
            difference.place,
            line(&difference.native),
            line(&difference.target)
        )
    }))
}

/// What may explain a native side that is not as it was, or stands in for one.
fn remark(bundle: &Bundle, shown: &Shown) -> Option<String> {
    let as_before = bundle.seen.as_ref().is_none_or(|seen| seen.native.end == shown.native.end);
    let was = bundle.package.as_ref().map(|package| package.was.as_str());
    let lost = was.filter(|was| !as_before && !Path::new(was).exists());
    let lost = lost.map(|was| {
        format!("the native side ends otherwise here: the test may look for its files where it was built, in `{was}`")
    });
    shown.remark.clone().or(lost)
}

fn json(answer: &Answer) -> Result<String> {
    let text = serde_json::to_string_pretty(answer);
    text.map(|text| text + "\n").map_err(|error| Error::ours("cannot write JSON").caused_by(error))
}

fn text(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.cell);
    let mut row = |name: &str, value: &str| text.push_str(&format!("  {name:<9} {value}\n"));
    if let Some(cause) = &answer.cause {
        row("cause", cause);
    }
    let line = |verdict: Verdict, native: &str, target: &str| {
        format!("{verdict}: natively {native}; on the target {target}")
    };
    if let Some(recorded) = &answer.recorded {
        row("recorded", &line(recorded.verdict, &recorded.native, &recorded.target));
    }
    row("here", &line(answer.verdict, &answer.native, &answer.target));
    match &answer.output {
        None => row("output", "of the target as recorded"),
        Some(difference) => row("output", difference),
    }
    if let Some(remark) = &answer.remark {
        row("note", remark);
    }
    for bundle::LeftOut { what, why } in &answer.left_out {
        row("without", &format!("{what}: {why}"));
    }
    if answer.different.is_empty() {
        row("machine", "nothing that is known of it is different here");
    } else {
        text.push_str("different here\n");
    }
    for Different { what, there, here } in &answer.different {
        text.push_str(&format!("  {what:<11} {there} there, {here} here\n"));
    }
    text.push_str(match (answer.repeats, answer.verdict.weight()) {
        (true, _) => "it repeats\n",
        (false, Weight::Finding) => "it fails here in another way\n",
        (false, _) => "it does not repeat here\n",
    });
    text
}

/// Whether what was named is a bundle and not a cell.
pub(super) fn is_bundle(directory: &Path, name: &str) -> bool {
    let has_ending = [".tar.zst", ".tzst"].iter().any(|end| name.ends_with(end));
    has_ending || directory.join(name).is_file()
}

/// Says where a bundle is not, if so.
pub(super) fn existing(directory: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = directory.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::user(format!("there is no bundle `{name}`"))
        .hint("triplecheck run --bundles DIR, which keeps findings there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let row = |what, there: &str, here: &str| (what, there.to_owned(), here.to_owned());
        let told = differences([row("kernel", "6.1", "6.8"), row("host", "a", "a")]);
        assert_eq!(told, [Different { what: "kernel", there: "6.1".into(), here: "6.8".into() }]);
    }

    #[test]
    fn an_answer_says_whether_it_repeats() {
        let answer = |repeats, verdict| Answer {
            schema: 1,
            cell: "c::x on t".into(),
            repeats,
            verdict,
            cause: None,
            native: "exit status 0".into(),
            target: "exit status 1".into(),
            recorded: None,
            output: None,
            different: Vec::new(),
            remark: None,
            left_out: Vec::new(),
        };
        assert!(text(&answer(true, Verdict::CrossFail)).ends_with("\nit repeats\n"));
        assert!(text(&answer(false, Verdict::Differs)).ends_with("in another way\n"));
        assert!(text(&answer(false, Verdict::Same)).ends_with("does not repeat here\n"));
    }
}
