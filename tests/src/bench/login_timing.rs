//! `cargo dev bench login-timing`: whoever tries to log in learns nothing of whether there is an account, neither by
//! what is answered nor by when. The ways to fail take turns, each round in an order drawn anew, so
//! that whatever else the machine does, and whatever an attempt leaves to the next, hits all alike.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::served::Served;
use crate::connection::{Answer, Connection};
use crate::failure::Failure;
use crate::random;
use crate::setup::place::Place;
use crate::setup::{self, Artifacts, binary};
use crate::test_run;

/// How far two medians may be apart, as a share of the time of a hash.
const TOLERANCE: f64 = 0.01;
/// With fewer attempts than this, medians are not judged: they are too far apart by chance.
const ENOUGH: usize = 10_000;
/// How many attempts of each case come before those that count.
const WARM_UP: usize = 3;

const KNOWN: &str = "known@example.test";
const LOCKED: &str = "locked@example.test";
/// An account that came without a password from another system.
const NONE: &str = "none@example.test";
const PASSWORD: &str = "engines weave algebra";
const WRONG: &str = "looms weave algebra too";

/// How many attempts are made.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The attempts, over all cases together
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    attempts: usize,
    /// Only as many as show that it works
    #[arg(long, conflicts_with = "attempts")]
    quick: bool,
}

/// One way to fail.
struct Case {
    name: &'static str,
    email: &'static str,
    password: &'static str,
}

const fn case(name: &'static str, email: &'static str, password: &'static str) -> Case {
    Case { name, email, password }
}

/// Ways to fail that must be alike, under one set of limits.
struct Group {
    name: &'static str,
    account_limit: &'static str,
    cases: &'static [Case],
}

const GROUPS: [Group; 2] = [
    Group {
        name: "looked at",
        account_limit: UNLIMITED,
        cases: &[
            case("known address, wrong password", KNOWN, WRONG),
            case("unknown address", "unknown@example.test", WRONG),
            case("locked account, its password", LOCKED, PASSWORD),
            case("locked account, wrong password", LOCKED, WRONG),
            case("account without a password", NONE, WRONG),
            case("account without a password, empty", NONE, ""),
            case("known address, empty password", KNOWN, ""),
            case("unknown address, empty password", "unknown@example.test", ""),
        ],
    },
    Group {
        name: "past the limit",
        account_limit: "1/1/86400/86400",
        cases: &[
            case("known address, its password", KNOWN, PASSWORD),
            case("unknown address", "unknown@example.test", PASSWORD),
            case("locked account, its password", LOCKED, PASSWORD),
            case("account without a password", NONE, WRONG),
            case("known address, empty password", KNOWN, ""),
        ],
    },
];

/// A limit that is not reached.
const UNLIMITED: &str = "1000000/3600000/1/1";

/// What was measured of one case.
struct Measured {
    first: Answer,
    times: Vec<Duration>,
}

impl Measured {
    fn median(&mut self) -> Duration {
        self.times.sort_unstable();
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }
}

pub(super) async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let attempts = if options.quick { 300 } else { options.attempts };
    let program = match test_run::artifacts_list() {
        Some(list) => Artifacts::read(&list)?.origin,
        None => setup::in_background(place, |place| binary::origin(place, true, false)).await?,
    };
    let cases: usize = GROUPS.iter().map(|group| group.cases.len()).sum();
    let rounds = attempts.div_ceil(cases);
    let mut hash_time = None;
    let mut differences = Vec::new();
    for group in &GROUPS {
        let mut measured = measure(place, &program, group, rounds).await?;
        let medians: Vec<Duration> = measured.iter_mut().map(Measured::median).collect();
        let Some(first) = medians.first().copied() else { continue };
        // Nearly all of what a failed login takes is its hash.
        let hash = *hash_time.get_or_insert(first);
        println!("\n{}: {rounds} attempts each, all answered {}", group.name, measured[0].first.status);
        for (case, median) in group.cases.iter().zip(&medians) {
            let difference = (median.as_secs_f64() - first.as_secs_f64()) / hash.as_secs_f64();
            let (name, median) = (case.name, median.as_secs_f64() * 1000.0);
            println!("  {name:<34} median {median:8.3} ms  {:+7.3} % of a hash", difference * 100.0);
            differences.push(difference.abs());
        }
    }
    println!("\nstatus, headers and body: the same within each group");
    let largest = differences.into_iter().fold(0.0, f64::max);
    if rounds * cases < ENOUGH {
        println!("largest difference: {:.3} %; too few attempts to judge it by", largest * 100.0);
    } else if largest > TOLERANCE {
        let remedy = "see that the machine had nothing else to do, and measure again";
        return Err(Failure::new(format!("medians are {:.3} % of a hash apart", largest * 100.0), remedy));
    } else {
        println!("largest difference: {:.3} % of a hash, within {} %", largest * 100.0, TOLERANCE * 100.0);
    }
    Ok(())
}

/// All cases of a group in turns, each round in an order drawn anew.
async fn measure(
    place: &Place,
    program: &Path,
    group: &Group,
    rounds: usize,
) -> Result<Vec<Measured>, Failure> {
    let settings = [
        ("LIMIT_ACCOUNT", group.account_limit),
        ("LIMIT_ADDRESS", UNLIMITED),
        ("LIMIT_OVERALL", UNLIMITED),
        ("SESSION_RETENTION_SECONDS", "0"),
    ];
    let origin = Served::start(place, program, &settings, async |origin| {
        for email in [KNOWN, LOCKED] {
            origin.create_user(email, "viewer", PASSWORD).await?;
        }
        origin.disable_user(LOCKED).await?;
        origin.import_user(NONE).await
    });
    let origin = origin.await?;
    let mut connection = Connection::open(origin.address).await?;
    // What is refused past its limit is let through before.
    for case in group.cases.iter().cycle().take(WARM_UP * group.cases.len()) {
        attempt(&mut connection, &Case { password: WRONG, ..*case }).await?;
    }
    let mut measured: Vec<Measured> = Vec::new();
    for case in group.cases {
        let first = attempt(&mut connection, case).await?;
        must_equal(measured.first().map_or(&first, |other| &other.first), &first, case)?;
        measured.push(Measured { first, times: Vec::with_capacity(rounds) });
    }
    let cases = group.cases.len();
    let mut order: Vec<usize> = (0..cases).collect();
    for round in 0..rounds {
        if round > 0 && round.is_multiple_of(rounds.div_ceil(10)) {
            eprintln!("  {}: {} of {} attempts", group.name, round * cases, rounds * cases);
        }
        shuffle(&mut order)?;
        for &at in &order {
            let answer = attempt(&mut connection, &group.cases[at]).await?;
            must_equal(&measured[at].first, &answer, &group.cases[at])?;
            measured[at].times.push(answer.time);
        }
    }
    drop(connection);
    origin.stop().await;
    Ok(measured)
}

/// Fisher and Yates: any order is as likely as any other, so no case has a place or a neighbour of its own.
fn shuffle(order: &mut [usize]) -> Result<(), Failure> {
    for last in (1..order.len()).rev() {
        let chance = u64::from_le_bytes(random::bytes()?) % (last as u64 + 1);
        order.swap(last, chance as usize);
    }
    Ok(())
}

async fn attempt(connection: &mut Connection, case: &Case) -> Result<Answer, Failure> {
    connection.post("/auth/tokens", &json!({"email": case.email, "password": case.password})).await
}

/// Wants the same status, headers and body, save what differs between any two answers.
fn must_equal(wanted: &Answer, found: &Answer, case: &Case) -> Result<(), Failure> {
    let headers = |answer: &Answer| -> Vec<(String, String)> {
        let varies = |name: &str| matches!(name, "date" | "x-request-id" | "retry-after");
        answer.headers.iter().filter(|(name, _)| !varies(name)).cloned().collect()
    };
    if (wanted.status, &wanted.body) == (found.status, &found.body) && headers(wanted) == headers(found) {
        return Ok(());
    }
    Err(Failure::new(
        format!("`{}` is answered {} and differs from the others", case.name, found.status),
        "find out by what; an account can be told from none",
    ))
}
