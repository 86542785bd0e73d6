//! The life of one file: create, append, seek, stat, truncate, copy, rename, remove, and the errors in between.
//! Equal everywhere: contents, lengths and error kinds (not error texts, which belong to the system).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

fn kind(result: io::Result<impl Sized>) -> ErrorKind {
    result.err().map_or(ErrorKind::Other, |error| error.kind())
}

fn main() -> io::Result<()> {
    File::create("note.txt")?.write_all(b"first line\n")?;
    OpenOptions::new().append(true).open("note.txt")?.write_all(b"second line\n")?;
    print!("{}", fs::read_to_string("note.txt")?);

    let mut file = OpenOptions::new().read(true).write(true).open("note.txt")?;
    file.seek(SeekFrom::Start(6))?;
    file.write_all(b"LINE")?;
    file.seek(SeekFrom::End(-5))?;
    let mut tail = String::new();
    file.read_to_string(&mut tail)?;
    println!("tail {tail:?}, length {}", file.metadata()?.len());
    file.set_len(10)?;
    drop(file);

    fs::copy("note.txt", "copy.txt")?;
    fs::rename("copy.txt", "moved.txt")?;
    println!("moved {:?}", fs::read_to_string("moved.txt")?);
    let stat = fs::metadata("moved.txt")?;
    println!("file {}, directory {}, length {}", stat.is_file(), stat.is_dir(), stat.len());

    println!("old name: {:?}", kind(File::open("copy.txt")));
    println!("create anew: {:?}", kind(File::create_new("note.txt")));
    fs::remove_file("note.txt")?;
    fs::remove_file("moved.txt")?;
    println!("removed twice: {:?}", kind(fs::remove_file("note.txt")));
    Ok(())
}
