//! Faulty on purpose: a tool that reports "differences found" by status 1 says 2 ("trouble") on one target.
//! Must differ on aarch64 and nowhere else. Native fails as well, so it is no `cross-fail`.

fn main() {
    println!("files differ");
    std::process::exit(if cfg!(target_arch = "aarch64") { 2 } else { 1 });
}
