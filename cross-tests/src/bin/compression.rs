//! A small LZ77 compressor: text and binary data packed, unpacked and compared, packed sizes and bytes shown.
//! Equal everywhere: the packed form is fixed byte by byte.

/// Greedy search in a 4 KiB window; a token is either `0, length, literals` or `length, distance` (three bytes).
fn pack(input: &[u8]) -> Vec<u8> {
    let (mut packed, mut literals, mut at) = (Vec::new(), Vec::new(), 0);
    while at < input.len() {
        let (mut length, mut distance) = (0, 0);
        for start in at.saturating_sub(4096)..at {
            let matching =
                input[at..].iter().zip(&input[start..]).take(255).take_while(|(a, b)| a == b).count();
            if matching > length {
                (length, distance) = (matching, at - start);
            }
        }
        if length >= 4 {
            flush(&mut packed, &mut literals);
            packed.push(length as u8);
            packed.extend((distance as u16).to_le_bytes());
            at += length;
        } else {
            literals.push(input[at]);
            at += 1;
        }
    }
    flush(&mut packed, &mut literals);
    packed
}

fn flush(packed: &mut Vec<u8>, literals: &mut Vec<u8>) {
    for run in literals.chunks(255) {
        packed.extend([0, run.len() as u8]);
        packed.extend(run);
    }
    literals.clear();
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    let mut rest = packed;
    while let [length, tail @ ..] = rest {
        if *length == 0 {
            let (count, tail) = tail.split_first()?;
            let (run, tail) = tail.split_at_checked(usize::from(*count))?;
            output.extend(run);
            rest = tail;
        } else {
            let (distance, tail) = tail.split_first_chunk()?;
            let start = output.len().checked_sub(usize::from(u16::from_le_bytes(*distance)))?;
            (0..usize::from(*length)).for_each(|i| output.push(output[start + i]));
            rest = tail;
        }
    }
    Some(output)
}

fn main() {
    let text = "how much wood would a woodchuck chuck if a woodchuck could chuck wood? ".repeat(3);
    let noise: Vec<u8> = (0..600u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as u8).collect();
    for input in [text.as_bytes(), &[7; 1000], &noise, b""] {
        let packed = pack(input);
        let back = unpack(&packed);
        println!("{} -> {}, back {}", input.len(), packed.len(), back.as_deref() == Some(input));
        println!("{:02x?}", &packed[..packed.len().min(24)]);
    }
    println!("damaged: {:?} {:?}", unpack(&[5, 9]), unpack(&[5, 9, 0]));
}
