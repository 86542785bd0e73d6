//! Pseudo-random generators with a fixed seed: xorshift, PCG, a shuffle, a Monte Carlo sum in integers, a game of life.
//! Equal everywhere: only wrapping integer arithmetic of stated width.

struct Pcg(u64);

impl Pcg {
    fn next(&mut self) -> u32 {
        let old = self.0;
        self.0 = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        mixed.rotate_right((old >> 59) as u32)
    }

    fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(limit)) >> 32) as u32
    }
}

fn life(cells: &[u64; 64]) -> [u64; 64] {
    std::array::from_fn(|y| {
        let mut row = 0;
        for x in 0..64u32 {
            let rows = [cells[(y + 63) % 64], cells[y], cells[(y + 1) % 64]];
            let around: u32 =
                rows.iter().map(|row| (row.rotate_right(x).rotate_left(1) & 0b111).count_ones()).sum();
            let alive = cells[y] >> x & 1 == 1;
            row |= u64::from(around == 3 || around == 4 && alive) << x;
        }
        row
    })
}

fn main() {
    let mut random = Pcg(42);
    println!("{:?}", (0..6).map(|_| random.next()).collect::<Vec<_>>());
    let mut deck: Vec<u32> = (0..52).collect();
    for last in (1..deck.len()).rev() {
        let other = random.below(last as u32 + 1) as usize;
        deck.swap(last, other);
    }
    println!("{deck:?}");
    let inside = (0..20_000).filter(|_| {
        let (x, y) = (u64::from(random.next()), u64::from(random.next()));
        x.checked_mul(x).zip(y.checked_mul(y)).is_some_and(|(x, y)| x.checked_add(y).is_some())
    });
    println!("inside the circle {}", inside.count());
    let mut cells: [u64; 64] =
        std::array::from_fn(|_| u64::from(random.next()) << 32 | u64::from(random.next()));
    for _ in 0..20 {
        cells = life(&cells);
    }
    println!("alive {}, first row {:016x}", cells.iter().map(|row| row.count_ones()).sum::<u32>(), cells[0]);
}
