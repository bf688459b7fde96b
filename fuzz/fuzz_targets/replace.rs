#![no_main]
//! Feeds `targets::replace` at random.

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::replace(data));
