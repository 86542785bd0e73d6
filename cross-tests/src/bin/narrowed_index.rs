//! Faulty on purpose: an identifier of 40 bits is narrowed to an index. Must be `cross-fail` on 32-bit targets, where
//! `try_from` fails and the `expect` panics. Equal elsewhere.

fn main() {
    let identifiers = [17u64, 0xff_0000_0003];
    for identifier in identifiers {
        let index = usize::try_from(std::hint::black_box(identifier)).expect("identifiers fit");
        println!("shard {} of {identifier}", index % 16);
    }
}
