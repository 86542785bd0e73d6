//! Checksums over the same bytes: CRC-32, CRC-64, Adler-32, Fletcher-16, Luhn, parity.
//! Equal everywhere: bytes are taken one by one, so no byte order can show.

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte) << 56, |crc, _| {
            if crc >> 63 == 1 { crc << 1 ^ 0x42f0_e1eb_a9ea_3693 } else { crc << 1 }
        })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn fletcher16(bytes: &[u8]) -> u16 {
    let (low, high) = bytes.iter().fold((0u16, 0u16), |(low, high), byte| {
        let low = (low + u16::from(*byte)) % 255;
        (low, (high + low) % 255)
    });
    high << 8 | low
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, factor)| {
            let value = u32::from(digit - b'0') * factor;
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

fn main() {
    let long: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [&b""[..], b"123456789", &long] {
        println!(
            "{:08x} {:016x} {:08x} {:04x}",
            crc32(bytes),
            crc64(bytes),
            adler32(bytes),
            fletcher16(bytes)
        );
    }
    println!("{} {}", luhn("4539578763621486"), luhn("4539578763621487"));
    println!("parity {}", long.iter().fold(0, |parity, byte| parity ^ byte).count_ones() % 2);
}
