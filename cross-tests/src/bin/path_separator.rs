//! Faulty on purpose: a path is shown with the separator of the target. Must differ on Windows and nowhere else;
//! it is no path inside a known directory, so no path rule may explain it away.

use std::path::Path;

fn main() {
    let report = Path::new("reports").join("2024").join("summary.txt");
    println!("would write {}", report.display());
    println!("{} components", report.components().count());
}
