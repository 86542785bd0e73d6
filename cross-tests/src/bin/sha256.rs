//! SHA-256 in a few lines, against the published test vectors and over a long message.
//! Equal everywhere: words are assembled big-endian by hand, additions wrap at 32 bits.

/// The first 32 bits of the fractional parts of a root of the first primes, computed with integers alone.
fn root_fractions<const N: usize>(root: u32) -> [u32; N] {
    let mut primes = (2u128..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d)));
    std::array::from_fn(|_| {
        let scaled = primes.next().expect("primes do not end") << (32 * root);
        let (mut low, mut high) = (0u128, 1u128 << 37);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if middle.pow(root) <= scaled { low = middle } else { high = middle }
        }
        low as u32
    })
}

fn sha256(message: &[u8]) -> [u32; 8] {
    let constants: [u32; 64] = root_fractions(3);
    let mut state: [u32; 8] = root_fractions(2);
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0u32; 64];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
        }
        for i in 16..64 {
            let (a, b) = (words[i - 15], words[i - 2]);
            let small = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
            let large = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
            words[i] = words[i - 16].wrapping_add(small).wrapping_add(words[i - 7]).wrapping_add(large);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, constant) in words.into_iter().zip(constants) {
            let mixed = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let first =
                h.wrapping_add(mixed).wrapping_add(e & f ^ !e & g).wrapping_add(constant).wrapping_add(word);
            let mixed = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = mixed.wrapping_add(a & b ^ a & c ^ b & c);
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *sum = sum.wrapping_add(word);
        }
    }
    state
}

fn main() {
    for message in
        [&b""[..], b"abc", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", &[b'a'; 5000]]
    {
        let digest = sha256(message).map(|word| format!("{word:08x}")).concat();
        println!("{digest} {} bytes", message.len());
    }
}
