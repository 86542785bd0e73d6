//! What a shell is given to run a guest by hand: one script for each side, exactly as a run starts it. Pure.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use triplecheck_emulators::launch::CommandLine;

use crate::shell::quote;

/// A script that runs one side. `set` are the variables that are the case's own; further words are the guest's.
pub fn run(command: &CommandLine, set: &[(OsString, OsString)], dir: &Path, stdin: Option<&Path>) -> String {
    let word = |word: &OsStr| quote(&word.to_string_lossy());
    let mut text = String::from("#!/bin/sh\n");
    text.push_str(&format!("cd {} || exit\n", word(dir.as_os_str())));
    for (name, value) in set {
        text.push_str(&format!("export {}={}\n", name.to_string_lossy(), word(value)));
    }
    for change in &command.env {
        text.push_str(&change_of(change));
    }
    let words: Vec<String> = command.args.iter().map(|arg| word(arg)).collect();
    let stdin = stdin.map_or(String::new(), |file| format!(" <{}", word(file.as_os_str())));
    text.push_str(&format!("exec {} {} \"$@\"{stdin}\n", word(command.program.as_os_str()), words.join(" ")));
    text
}

fn change_of(change: &triplecheck_emulators::launch::EnvChange) -> String {
    use triplecheck_emulators::launch::EnvChange;
    let word = |word: &OsStr| quote(&word.to_string_lossy());
    match change {
        EnvChange::Set(name, value) => format!("export {}={}\n", name.to_string_lossy(), word(value)),
        EnvChange::Remove(name) => format!("unset {}\n", name.to_string_lossy()),
        EnvChange::Prepend(name, value, separator) => {
            let name = name.to_string_lossy();
            format!("export {name}={}\"${{{name}:+{separator}${name}}}\"\n", word(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use triplecheck_emulators::launch::EnvChange;

    #[test]
    fn a_script_sets_what_the_run_sets_and_takes_further_words() {
        let command = CommandLine {
            program: "/usr/bin/qemu-s390x".into(),
            argv0: None,
            args: ["-L", "/usr/s390x-linux-gnu", "/p/prog", "a b"].map(OsString::from).to_vec(),
            env: vec![EnvChange::Remove("A".into()), EnvChange::Prepend("PATH".into(), "/x".into(), ':')],
        };
        let set = [(OsString::from("LANG"), OsString::from("it's"))];
        assert_eq!(
            run(&command, &set, Path::new("/w"), Some(Path::new("/in.bin"))),
            "#!/bin/sh\ncd /w || exit\nexport LANG='it'\\''s'\nunset A\nexport PATH=/x\"${PATH:+:$PATH}\"\nexec /usr/bin/qemu-s390x -L /usr/s390x-linux-gnu /p/prog 'a b' \"$@\" </in.bin\n"
        );
    }
}
