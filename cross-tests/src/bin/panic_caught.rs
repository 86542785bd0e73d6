//! Panics that are caught: payloads of three types, drops while unwinding, a re-raised panic, arithmetic and
//! index panics of the language itself. Equal everywhere, given a std that unwinds.

use std::panic::{catch_unwind, resume_unwind, set_hook};

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        println!("dropped {}{}", self.0, if std::thread::panicking() { " while panicking" } else { "" });
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        format!("&str {text:?}")
    } else if let Some(text) = payload.downcast_ref::<String>() {
        format!("String {text:?}")
    } else if let Some(number) = payload.downcast_ref::<u32>() {
        format!("u32 {number}")
    } else {
        String::from("something else")
    }
}

fn show(name: &str, action: fn()) {
    match catch_unwind(action) {
        Ok(()) => println!("{name}: no panic"),
        Err(payload) => println!("{name}: {}", message(&*payload)),
    }
}

fn main() {
    set_hook(Box::new(|info| println!("hook, line {}", info.location().map_or(0, |place| place.line()))));
    show("none", || drop(Noisy("calmly")));
    show("literal", || panic!("plain"));
    show("formatted", || panic!("number {}", std::hint::black_box(42)));
    show("value", || std::panic::panic_any(7u32));
    show("unwinding", || {
        let _outer = Noisy("outer");
        let _inner = Noisy("inner");
        panic!("with drops");
    });
    show("index", || println!("{}", [1, 2, 3][std::hint::black_box(3)]));
    show("division", || println!("{}", 1 / std::hint::black_box(0)));
    show("again", || {
        let caught = catch_unwind(|| panic!("twice")).expect_err("it panics");
        resume_unwind(caught);
    });
}
