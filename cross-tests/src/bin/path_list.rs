//! Faulty on purpose: a search path is joined with the system's separator and shown. Must differ on Windows.

fn main() {
    // WASI cannot join paths at all.
    let path =
        std::env::join_paths(["include", "lib", "share"]).unwrap_or_else(|_| "include:lib:share".into());
    println!("search {}", path.display());
}
