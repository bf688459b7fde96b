#![no_main]
//! Feeds `targets::change` at random.

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::change(data));
