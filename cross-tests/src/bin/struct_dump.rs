//! Faulty on purpose: the raw memory of a C-layout struct is taken as a file format.
//! Must differ on 32-bit x86 alone, where a `u64` is aligned to 4: the record is shorter there.

use std::mem::{align_of, offset_of, size_of};

#[repr(C)]
struct Record {
    kind: u8,
    offset: u64,
    flags: u8,
}

fn main() {
    let record = Record { kind: 1, offset: 2, flags: 3 };
    println!("record of {} bytes, aligned to {}", size_of::<Record>(), align_of::<Record>());
    println!(
        "fields at {} {} {}",
        offset_of!(Record, kind),
        offset_of!(Record, offset),
        offset_of!(Record, flags)
    );
    println!("{}", u64::from(record.kind) + record.offset + u64::from(record.flags));
}
