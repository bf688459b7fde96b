#![no_main]
//! Feeds `targets::stream` at random.

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::stream(data));
