//! Recursion of moderate depth: Ackermann's function, an owned tree 1000 levels deep, mutual recursion, eight queens.
//! Equal everywhere: the results; the depth fits the smallest default stack (1 MiB) in a debug build.

use std::hint::black_box;

struct Tree(Option<Box<Tree>>, u32);

fn depth(tree: &Tree) -> u32 {
    tree.0.as_deref().map_or(0, depth) + 1
}

fn sum(tree: &Tree) -> u32 {
    tree.0.as_deref().map_or(0, sum) + tree.1
}

fn ackermann(m: u32, n: u32) -> u32 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => ackermann(m - 1, 1),
        (m, n) => ackermann(m - 1, ackermann(m, n - 1)),
    }
}

fn is_even(n: u32) -> bool {
    n == 0 || is_odd(n - 1)
}

fn is_odd(n: u32) -> bool {
    n != 0 && is_even(n - 1)
}

fn queens(size: u32, columns: u32, rising: u32, falling: u32) -> u32 {
    let all = (1 << size) - 1;
    if columns == all {
        return 1;
    }
    (0..size)
        .map(|place| 1 << place)
        .filter(|bit| (columns | rising | falling) & bit == 0)
        .map(|bit| queens(size, columns | bit, (rising | bit) << 1 & all, (falling | bit) >> 1))
        .sum()
}

fn main() {
    println!("ackermann {}", ackermann(black_box(2), 60));
    let tree = (0..1000).fold(Tree(None, 0), |tree, value| Tree(Some(Box::new(tree)), value));
    println!("depth {}, sum {}", depth(&tree), sum(&tree));
    println!("{} {}", is_even(black_box(2000)), is_odd(black_box(2000)));
    println!("queens {:?}", (4..=8).map(|size| queens(size, 0, 0, 0)).collect::<Vec<_>>());
}
