//! What the hook costs: one start, starts by the kernel, starts under Wine.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use super::{Bench, Outcome, Samples, paired, quiet, timed};

/// How many programs the shell of the line `nested` starts.
const STARTS: usize = 100;

impl Bench {
    /// One start through the hook against the same emulator called directly, for a static and a dynamic program, without
    /// and with registrations for what the program might start itself.
    pub(super) fn exec(&self) -> Outcome {
        for (kind, flags) in [("static", &["-static"][..]), ("dynamic", &[])] {
            let hello = self.hello_with("aarch64-linux-gnu-gcc", &format!("hello-{kind}"), flags)?;
            let words = self.words(&hello)?;
            let (program, rest) = words.split_first().ok_or("`which` gives an empty command")?;
            let raw = || {
                let mut command = quiet(program);
                command.args(rest);
                command
            };
            for (children, name) in [("off", "hook"), ("private", "hook and namespace")] {
                let ours = || {
                    let mut command = quiet(&self.binary);
                    command.env("TRIPLECHECK_CHILDREN", children).arg("exec").arg(&hello);
                    command
                };
                let (ours, raw) = paired(200, &ours, &raw)?;
                println!(
                    "exec   {kind} guest, {name}: {ours}, the emulator alone {raw}: added {:.2} ms, ratio {:.3}",
                    ours.median() - raw.median(),
                    ours.median() / raw.median()
                );
            }
        }
        Ok(())
    }

    /// Programs that a shell starts: through `wrap`, whose interpreter is the hook, against a namespace in which the
    /// emulator itself is registered.
    pub(super) fn nested(&self) -> Outcome {
        let hello = self.hello_with("aarch64-linux-gnu-gcc", "hello-nested", &["-static"])?;
        let words = self.words(&hello)?;
        let emulator = words.first().ok_or("`which` gives an empty command")?;
        let starts = format!(
            "i=0; while [ $i -lt {STARTS} ]; do {} >/dev/null || exit 1; i=$((i+1)); done",
            hello.display()
        );
        // A little-endian 64-bit ELF executable for machine 183, of any ABI.
        let ignored = r"\\x00".repeat(9);
        let magic = format!(r"\\x7fELF\\x02\\x01\\x01{ignored}\\x02\\x00\\xb7\\x00");
        let mask = format!(r"{}{ignored}\\xfe\\xff\\xff\\xff", r"\\xff".repeat(7));
        let plain = format!(
            "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && \
             printf ':plain:M::{magic}:{mask}:{emulator}:F' > /proc/sys/fs/binfmt_misc/register && {} && {starts}",
            hello.display()
        );
        let ours = || {
            let mut command = quiet(&self.binary);
            command.args(["wrap", "--quiet", "--", "sh", "-c", &starts]);
            command
        };
        let theirs = || {
            let mut command = quiet("unshare");
            command.args(["-Urm", "sh", "-c", &plain]);
            command
        };
        let (ours, theirs) = paired(7, &ours, &theirs)?;
        println!(
            "nested {STARTS} starts under wrap {ours}, with the emulator registered {theirs}: ratio {:.3}",
            ours.median() / theirs.median()
        );
        Ok(())
    }

    /// A warm run against `wine` with a server that has to be started.
    pub(super) fn wine(&self) -> Outcome {
        let hello = self.hello("x86_64-w64-mingw32-gcc", "hello.exe")?;
        let wine = ["/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/bin/wine"]
            .into_iter()
            .find(|path| Path::new(path).is_file())
            .ok_or("there is no Wine")?;
        let prefix = self.work.join("prefix");
        let in_prefix = |program: &str| {
            let mut command = quiet(program);
            command.env("WINEPREFIX", &prefix).env("WINEDEBUG", "-all").env_remove("DISPLAY");
            command
        };
        let server = ["/usr/lib/wine/wineserver64", "/usr/lib/wine/wineserver", "/usr/bin/wineserver"]
            .into_iter()
            .find(|path| Path::new(path).is_file())
            .ok_or("there is no wineserver")?;
        in_prefix(wine).args(["wineboot", "-i"]).status()?;
        let ours = || {
            let mut command = quiet(&self.binary);
            command.arg("exec").arg(&hello);
            command
        };
        timed(&mut ours())?;
        let (mut warm, mut cold) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            in_prefix(server).arg("-k").process_group(0).status()?;
            in_prefix(server).arg("-w").status()?;
            cold.push(timed(in_prefix(wine).arg(&hello))?);
            warm.push(timed(&mut ours())?);
        }
        in_prefix(server).arg("-k").status()?;
        warm.sort_by(f64::total_cmp);
        cold.sort_by(f64::total_cmp);
        let (warm, cold) = (Samples(warm), Samples(cold));
        println!(
            "wine   triplecheck exec {warm}, a cold `wine` {cold}: {:.1} times as fast",
            cold.median() / warm.median()
        );
        self.warm_wine(&hello)
    }

    /// A warm start through the hook against Wine itself in the same prefix with the same server.
    fn warm_wine(&self, hello: &Path) -> Outcome {
        let answer = self.answer(hello)?;
        let words = self.words(hello)?;
        let (program, rest) = words.split_first().ok_or("`which` gives an empty command")?;
        let variables = answer["env"].as_object().ok_or("`which` gives no environment")?;
        let raw = || {
            let mut command = quiet(program);
            command.args(rest);
            for (name, value) in variables {
                match value.as_str() {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            command
        };
        let ours = || {
            let mut command = quiet(&self.binary);
            command.arg("exec").arg(hello);
            command
        };
        let (ours, raw) = paired(50, &ours, &raw)?;
        println!(
            "       warm {ours}, Wine itself, as warm, {raw}: ratio {:.3}",
            ours.median() / raw.median()
        );
        Ok(())
    }
}
