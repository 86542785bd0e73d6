//! A directory tree made, listed in sorted order (the system's own order is free), walked and removed.
//! Equal everywhere: names, kinds and sizes; paths are joined with `/` by the guest itself.

use std::fs;
use std::io;
use std::path::Path;

fn walk(directory: &Path, shown: &str) -> io::Result<u64> {
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut total = 0;
    for entry in entries {
        let name = format!("{shown}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            println!("{name}/");
            total += walk(&entry.path(), &name)?;
        } else {
            let length = entry.metadata()?.len();
            println!("{name} {length}");
            total += length;
        }
    }
    Ok(total)
}

fn main() -> io::Result<()> {
    fs::create_dir_all("tree/b/deep/er")?;
    fs::create_dir("tree/a")?;
    for (path, size) in [("tree/z", 1), ("tree/a/x", 20), ("tree/b/two words", 300), ("tree/b/deep/é", 4000)]
    {
        fs::write(path, vec![b'.'; size])?;
    }
    println!("total {}", walk(Path::new("tree"), "tree")?);
    let full = fs::remove_dir("tree/b").is_err();
    println!("a full directory stays: {full}");
    fs::remove_dir_all("tree")?;
    println!("exists {}", Path::new("tree").exists());
    Ok(())
}
