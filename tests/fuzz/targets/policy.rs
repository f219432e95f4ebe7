//! Policy files; see `fuzz::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|drawn: &[u8]| fuzz::policy::check(drawn));
