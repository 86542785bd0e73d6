//! Formatting: widths, fills, signs, bases, alternate forms, nested debug output, padding of one's own types.
//! Equal everywhere: the text; no pointer is formatted.

use std::fmt;

#[derive(Debug, Clone, Default)]
struct Record {
    id: u16,
    tags: Vec<&'static str>,
    parent: Option<Box<Record>>,
}

struct Temperature(i32);

impl fmt::Display for Temperature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad_integral(self.0 >= 0, "", &self.0.unsigned_abs().to_string())?;
        if out.alternate() { out.write_str("°C") } else { Ok(()) }
    }
}

fn main() {
    for number in [0i64, 42, -42, i64::MAX, i64::MIN] {
        println!(
            "[{number}] [{number:+}] [{number:8}] [{number:<8}] [{number:^8}] [{number:08}] [{number:*>24}]"
        );
        println!("[{number:x}] [{number:#X}] [{number:o}] [{number:b}] [{number:#012x}] [{number:e}]");
    }
    println!("[{:5}] [{:<5}] [{:^5}] [{:>5}] [{:.2}]", "ab", "ab", "ab", "ab", "abcdef");
    println!("[{:1$}] [{:.*}] [{:>width$}]", 7, 5, 1.0f64 / 3.0, "end", width = 9);
    println!(
        "[{:5}] [{:#}] [{:+}] [{:05}]",
        Temperature(-4),
        Temperature(30),
        Temperature(7),
        Temperature(-7)
    );
    println!("[{:?}] [{:?}] [{:5}] [{:?}]", 'x', '\'', true, ());
    let child = Record { id: 2, tags: vec!["new", "é"], parent: Some(Box::default()) };
    println!("{child:?}");
    println!("{child:#?}");
    println!("{:02x?} {:?}", b"\x00\xffA", b"bytes\n".escape_ascii().to_string());
    let clone = Record { id: 3, ..child.clone() };
    println!("{} {} {}", clone.id, clone.tags.len(), clone.parent.map_or(0, |parent| parent.id));
}
