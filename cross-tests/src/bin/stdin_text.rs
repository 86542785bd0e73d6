//! Text read line by line from standard input: a word count with the longest line and the commonest words.
//! Equal everywhere: every count, including a last line without its newline.

use std::collections::BTreeMap;
use std::io::BufRead;

fn main() -> std::io::Result<()> {
    let (mut lines, mut bytes, mut longest) = (0, 0, String::new());
    let mut words: BTreeMap<String, u32> = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        lines += 1;
        bytes += line.len();
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
        if line.chars().count() > longest.chars().count() {
            longest = line;
        }
    }
    println!("{lines} lines, {bytes} bytes without line ends, {} different words", words.len());
    println!("longest: {longest}");
    let mut by_count: Vec<_> = words.into_iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (word, count) in by_count.iter().take(5) {
        println!("{count:>3} {word}");
    }
    Ok(())
}
