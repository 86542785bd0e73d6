//! Compiled for wasm32-wasip1 and linked into every program that may unwind there; not a part of triplecheck itself.
//!
//! std leaves two things to the C library of the target which those in use do not have: the tag by which WebAssembly
//! exceptions are known (std defines it only for targets without an operating system, see `library/unwind/src/wasm.rs`),
//! and, in wasi-libc before 2024, the thread functions. The latter answer what a newer wasi-libc without threads does.

#![no_std]
#![feature(asm_experimental_arch)]

core::arch::global_asm!(".globl __cpp_exception", ".tagtype __cpp_exception i32", "__cpp_exception:");

#[cfg(without_threads)]
mod threads {
    const AGAIN: i32 = 6;
    const INVALID: i32 = 28;

    #[unsafe(no_mangle)]
    extern "C" fn pthread_create(_: *mut u8, _: *const u8, _: *const u8, _: *mut u8) -> i32 {
        AGAIN
    }

    #[unsafe(no_mangle)]
    extern "C" fn pthread_join(_: *mut u8, _: *mut u8) -> i32 {
        INVALID
    }

    #[unsafe(no_mangle)]
    extern "C" fn pthread_detach(_: *mut u8) -> i32 {
        INVALID
    }

    #[unsafe(no_mangle)]
    extern "C" fn pthread_attr_init(_: *mut u8) -> i32 {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn pthread_attr_destroy(_: *mut u8) -> i32 {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn pthread_attr_setstacksize(_: *mut u8, _: usize) -> i32 {
        0
    }
}
