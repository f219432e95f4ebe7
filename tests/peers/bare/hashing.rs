//! Argon2id on its own, with the parameters that origin hashes with.

use std::thread;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use tokio::time::Instant;

use crate::{Outcome, timing};

const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;

/// Hashes on so many threads.
pub(crate) fn hash(parallel: usize, seconds: u64) -> Outcome<()> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, 1, None).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..parallel)
        .map(|_| {
            let params = params.clone();
            thread::spawn(move || one_after_another(&params, until))
        })
        .collect();
    let mut times = Vec::new();
    for thread in threads {
        times.extend(thread.join().map_err(|_| "a thread panicked")??);
    }
    timing::print(times, began.elapsed());
    Ok(())
}

fn one_after_another(params: &Params, until: Instant) -> Result<Vec<Duration>, String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut times = Vec::new();
    let mut output = [0; 32];
    while Instant::now() < until {
        let began = Instant::now();
        argon2
            .hash_password_into(b"engines weave algebra", b"a salt of 16 byt", &mut output)
            .map_err(|error| error.to_string())?;
        times.push(began.elapsed());
    }
    Ok(times)
}
