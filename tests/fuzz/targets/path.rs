//! Paths; see `fuzz::path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::path::check(drawn));
