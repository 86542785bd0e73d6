//! Data written and read in a stated byte order: big- and little-endian fields, variable-length integers, zigzag,
//! floats as bits, unaligned reads. Equal everywhere: this is what `byte_order` should have done.

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn read_varint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn main() {
    let mut record = vec![0x7f];
    record.extend(0x0102_u16.to_be_bytes());
    record.extend(0x0304_0506_u32.to_le_bytes());
    record.extend((-2i64).to_be_bytes());
    record.extend(1.5f32.to_le_bytes());
    record.extend(u128::MAX.wrapping_div(3).to_be_bytes()[..4].iter());
    println!("{record:02x?}");
    // From odd offsets on purpose: nothing may rely on alignment.
    let wide = u64::from_be_bytes(record[7..15].try_into().expect("eight bytes"));
    let real = f32::from_le_bytes(record[15..19].try_into().expect("four bytes"));
    println!("{} {real}", wide as i64);
    for value in [0i64, -1, 1, 300, -300, i64::MAX, i64::MIN] {
        let bytes = varint(zigzag(value));
        println!(
            "{value} {bytes:02x?} {:?}",
            read_varint(&bytes).map(|n| (n >> 1) as i64 ^ -((n & 1) as i64))
        );
    }
    println!("{:?} {:?}", read_varint(&[0x80]), read_varint(&[0xff; 11]));
}
