//! Refresh tokens; see `fuzz::refresh`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::refresh::check(drawn));
