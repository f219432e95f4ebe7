//! Cookies; see `fuzz::cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::cookie::check(drawn));
