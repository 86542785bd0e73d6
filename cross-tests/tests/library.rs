//! Integration tests: the library used from outside.

use cross_tests::{codec, words};

#[test]
fn encoded_texts_can_be_joined() {
    let joined = [codec::encode("first"), codec::encode("second")].concat();
    assert_eq!(codec::decode(&joined), Some("first"));
    assert_eq!(codec::decode(&joined[7..]), Some("second"));
}

#[test]
fn counting_sums_up() {
    let total: usize = words::count("one two two three three three").values().sum();
    assert_eq!(total, 6);
}

#[test]
fn streams_hold_encoded_texts() {
    use std::io::{Cursor, Read, Write};

    // No file: the same test may run for several targets at once in one directory.
    let mut stream = Cursor::new(Vec::new());
    stream.write_all(&codec::encode("kept in a stream")).expect("memory can be written");
    stream.set_position(0);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("memory can be read");
    assert_eq!(codec::decode(&bytes), Some("kept in a stream"));
}
