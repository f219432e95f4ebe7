//! Seals; see `fuzz::seal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::seal::check(drawn));
