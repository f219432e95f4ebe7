//! Tokens; see `fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::token::check(drawn));
