//! Faulty on purpose: the length in a message, stored little-endian, is read in the machine's own order.
//! Must be `cross-fail` on big-endian targets: 5 becomes 83886080 and slicing panics. Equal elsewhere.

const MESSAGE: &[u8] = b"\x05\x00\x00\x00hello, you";

fn main() {
    let (length, rest) = MESSAGE.split_first_chunk::<4>().expect("long enough");
    // The fault: `from_ne_bytes` where the format says little-endian.
    let length = u32::from_ne_bytes(*length) as usize;
    println!("reading the payload");
    println!("{}", String::from_utf8_lossy(&rest[..length]));
}
