//! Faulty on purpose: a search path is joined with the system's separator and shown. Must differ on Windows.

fn main() -> Result<(), std::env::JoinPathsError> {
    let path = std::env::join_paths(["include", "lib", "share"])?;
    println!("search {}", path.display());
    Ok(())
}
