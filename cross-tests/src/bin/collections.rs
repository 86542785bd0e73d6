//! The standard collections: B-tree maps and sets, deque, binary heap, linked list, entry and range operations.
//! Equal everywhere: all orders shown are fixed ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, LinkedList, VecDeque};

/// Shortest ways in a small directed graph, the classic use of a heap.
fn distances(edges: &[(u32, u32, u64)], start: u32) -> BTreeMap<u32, u64> {
    let mut best = BTreeMap::new();
    let mut queue = BinaryHeap::from([Reverse((0, start))]);
    while let Some(Reverse((distance, node))) = queue.pop() {
        if best.contains_key(&node) {
            continue;
        }
        best.insert(node, distance);
        for (_, to, length) in edges.iter().filter(|edge| edge.0 == node) {
            queue.push(Reverse((distance + length, *to)));
        }
    }
    best
}

fn main() {
    let edges = [
        (1, 2, 7),
        (1, 3, 9),
        (1, 6, 14),
        (2, 3, 10),
        (2, 4, 15),
        (3, 4, 11),
        (3, 6, 2),
        (4, 5, 6),
        (6, 5, 9),
    ];
    println!("{:?}", distances(&edges, 1));

    let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, word) in "one two three two one two".split(' ').enumerate() {
        index.entry(word.to_owned()).or_default().push(place);
    }
    println!("{index:?} {:?}", index.range("p".to_owned()..).next());

    let evens: BTreeSet<u32> = (0..20).step_by(2).collect();
    let threes: BTreeSet<u32> = (0..20).step_by(3).collect();
    println!("{:?} {:?}", evens.intersection(&threes).collect::<Vec<_>>(), threes.difference(&evens).last());

    let mut ring: VecDeque<u32> = (0..8).collect();
    for _ in 0..13 {
        let first = ring.pop_front().expect("never empty");
        ring.push_back(first * 2);
    }
    ring.make_contiguous().sort_unstable();
    println!("{ring:?}");

    let mut list: LinkedList<&str> = ["b", "c"].into();
    list.push_front("a");
    let mut tail = list.split_off(1);
    tail.append(&mut list);
    println!("{tail:?} {list:?}");
}
