//! State documents; see `fuzz::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::state::check(drawn));
