//! Faulty on purpose: the port to one machine was never written and does nothing, successfully.
//! Must differ on powerpc64: an empty output where native has some is never a pass.

fn main() {
    #[cfg(not(target_arch = "powerpc64"))]
    {
        println!("ok 1 - it works");
        println!("ok 2 - it still works");
    }
}
