//! What came of a run, in the form in which wrk's scripts say it.

use std::time::Duration;

/// Prints a line of JSON about calls that took so long each.
pub(crate) fn print(mut times: Vec<Duration>, elapsed: Duration) {
    times.sort_unstable();
    let at = |share: usize| {
        let index = times.len().saturating_sub(1) * share / 100;
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    println!(
        "JSON {{\"requests\":{},\"seconds\":{},\"bytes\":0,\"refused\":0,\"lost\":0,\"p50_us\":{},\"p99_us\":{}}}",
        times.len(),
        elapsed.as_secs_f64(),
        at(50),
        at(99)
    );
}
