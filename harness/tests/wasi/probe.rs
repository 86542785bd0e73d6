//! What a Rust program wants of wasm32-wasip1; its first argument says how it shall end.

use std::io::{Read, Seek, SeekFrom, Write};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("{arguments:?} {:?}", std::env::var("PROBE"));
    let name = "rust-probe.txt";
    std::fs::write(name, "hello").unwrap();
    let mut file = std::fs::OpenOptions::new().read(true).append(true).open(name).unwrap();
    file.write_all(b" world").unwrap();
    file.seek(SeekFrom::Start(2)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    println!("{text} {}", std::fs::metadata(name).unwrap().len());
    std::fs::remove_file(name).unwrap();
    println!("{}", std::collections::HashMap::from([(1, 2)])[&1]);
    std::thread::sleep(std::time::Duration::from_millis(1));
    println!("a thread: {}", std::thread::Builder::new().spawn(|| ()).is_ok());
    match arguments[0].as_str() {
        "exit" => std::process::exit(42),
        "panic" => panic!("as told"),
        "catch" => println!("caught: {}", std::panic::catch_unwind(|| panic!("as told")).is_err()),
        other => unreachable!("{other}"),
    }
}

#[test]
fn passes() {
    assert!(std::panic::catch_unwind(|| panic!("inner")).is_err());
}

#[test]
fn fails() {
    assert_eq!(1, 2);
}

#[test]
fn comes_after_a_failure() {}
