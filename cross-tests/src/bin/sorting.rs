//! Sorting and searching: stable and unstable sorts, keys, partial order of floats, selection, binary search, dedup.
//! Equal everywhere: orders that the language fixes (an unstable sort is applied to distinct keys only).

fn pseudo_random(count: usize) -> Vec<u32> {
    let mut state = 2_463_534_242u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..count).map(|_| next()).collect()
}

fn main() {
    let mut numbers = pseudo_random(500);
    numbers.sort_unstable();
    numbers.dedup();
    println!("{} {:?} {:?}", numbers.len(), &numbers[..3], numbers.last());
    println!("{:?} {:?}", numbers.binary_search(&numbers[123]), numbers.binary_search(&5));
    println!("{}", numbers.partition_point(|&n| n < 1 << 31));

    let mut shuffled = pseudo_random(101);
    let (_, median, _) = shuffled.select_nth_unstable(50);
    println!("median {median}");

    let mut words = vec!["pear", "Apple", "fig", "apple", "Zebra", "date", "élan", "fig"];
    words.sort_by_key(|word| word.len());
    println!("by length, stable: {words:?}");
    words.sort_by_key(|word| std::cmp::Reverse(word.to_lowercase()));
    println!("backwards: {words:?}");

    let mut floats = [2.5, -0.0, f64::INFINITY, 0.0, -1e9, 1e-300];
    floats.sort_by(f64::total_cmp);
    println!("{floats:?}");
    let mut pairs: Vec<(u32, u32)> =
        pseudo_random(40).into_iter().enumerate().map(|(i, n)| (n % 4, i as u32)).collect();
    pairs.sort_by_key(|pair| pair.0);
    println!("ties keep their order: {}", pairs.is_sorted());
    pairs.rotate_left(7);
    println!("{:?}", &pairs[..4]);
}
