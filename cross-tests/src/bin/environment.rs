//! Environment variables: set, unset, blank, with `=`, quotes, backslashes and Unicode in the value.
//! Equal everywhere: the values of the names asked for. The whole list is not printed, since emulators add their own.

fn main() {
    for name in
        ["GUEST_PLAIN", "GUEST_BLANKS", "GUEST_EQUALS", "GUEST_QUOTES", "GUEST_UNICODE", "GUEST_UNSET"]
    {
        match std::env::var(name) {
            Ok(value) => println!("{name} = {value:?} ({} bytes)", value.len()),
            Err(std::env::VarError::NotPresent) => println!("{name} is not set"),
            Err(std::env::VarError::NotUnicode(_)) => println!("{name} is not Unicode"),
        }
    }
    let visible = std::env::vars_os().any(|(name, _)| name == "GUEST_PLAIN");
    println!("iteration finds GUEST_PLAIN: {visible}");
}
