//! Faulty on purpose: the raw layout of a struct with a 128-bit member is taken as a file format. Must differ where such
//! a member is aligned to 8: on s390x and on 32-bit Arm.

#[repr(C)]
struct Entry {
    kind: u8,
    digest: u128,
}

fn main() {
    let entry = Entry { kind: 1, digest: 2 };
    println!("entry of {} bytes, aligned to {}", size_of::<Entry>(), align_of::<Entry>());
    println!("{}", u128::from(entry.kind) + entry.digest);
}
