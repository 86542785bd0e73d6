//! Every kind of regular end: return from main, `exit` with a status, `ExitCode`, an `Err` out of main.
//! Equal everywhere: the status 0 to 255 and the output before it; no destructor runs after `exit`.

use std::process::ExitCode;

struct Unseen;

impl Drop for Unseen {
    fn drop(&mut self) {
        println!("a destructor ran");
    }
}

fn main() -> Result<ExitCode, String> {
    let how = std::env::args().nth(1).unwrap_or_default();
    println!("leaving by {how:?}");
    let _unseen = Unseen;
    match how.split_once('=') {
        Some(("exit", code)) => std::process::exit(code.parse().map_err(|_| "not a status")?),
        Some(("return", code)) => Ok(ExitCode::from(code.parse::<u8>().map_err(|_| "not a status")?)),
        Some(("error", text)) => Err(text.to_owned()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
