//! A program that starts itself: arguments, stdin, both streams and the status go through the child.
//! Equal where the system can start a foreign program. Left out on emulated Linux targets, where that depends on what
//! the host has registered. WASI has no processes: the child's part is called directly.

use std::process::exit;

fn child(input: &str) -> (String, i32) {
    (input.to_uppercase(), input.len() as i32)
}

#[cfg(not(target_family = "wasm"))]
fn run_child(input: &str) -> std::io::Result<(String, i32)> {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let mut process = Command::new(std::env::current_exe()?)
        .arg("child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A child that could not start closes its end at once; its status tells more than the broken pipe.
    let _ = process.stdin.take().expect("piped above").write_all(input.as_bytes());
    let output = process.wait_with_output()?;
    if !output.stderr.is_empty() {
        eprintln!("the child complains");
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((text, output.status.code().unwrap_or(-1)))
}

#[cfg(target_family = "wasm")]
fn run_child(input: &str) -> std::io::Result<(String, i32)> {
    Ok(child(input))
}

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("child") {
        let (text, status) = child(&std::io::read_to_string(std::io::stdin())?);
        print!("{text}");
        exit(status);
    }
    let (text, status) = run_child("spoken softly")?;
    println!("child said {text:?} and left with {status}");
    exit(i32::from(status != 13))
}
