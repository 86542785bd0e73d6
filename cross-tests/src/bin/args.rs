//! Command-line arguments arrive exactly as given: empty, blank, quotes, backslashes, glob characters, Unicode.
//! Equal everywhere: number and text of all arguments and the file stem of `argv[0]` (its directory and suffix are not).

use std::path::Path;

fn main() {
    let mut arguments = std::env::args();
    let program = arguments.next().expect("every runner gives argv[0]");
    let stem = Path::new(&program).file_stem().expect("a program has a name");
    println!("program {}", stem.to_string_lossy());
    println!("count {}", arguments.len());
    for (index, argument) in arguments.enumerate() {
        println!("{index}: {} bytes, {} chars, {argument:?}", argument.len(), argument.chars().count());
    }
}
