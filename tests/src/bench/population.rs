//! Who there is in a database that is measured: users and sessions by number, so that whoever filled it and whoever asks
//! about it agree without a word.

/// How many sessions each user has.
const SESSIONS_EACH: u64 = 10;

/// At most so many sessions have a handle that is known.
const KNOWN: u64 = 2000;

/// Odd, so that what is multiplied by it modulo 2^32 comes in another order and never twice.
pub const STRIDE: u64 = 2_654_435_761;

/// The id of a session. Its first half is scattered, so that neighbours by number are not neighbours in an index.
#[must_use]
pub fn session(number: u64) -> String {
    id(number, '8')
}

/// The id of a user.
#[must_use]
pub fn user(number: u64) -> String {
    id(number, '9')
}

/// How many users have so many sessions.
#[must_use]
pub const fn users(sessions: u64) -> u64 {
    sessions.div_ceil(SESSIONS_EACH)
}

/// The number of the user whose session it is.
#[must_use]
pub const fn owner(session: u64, sessions: u64) -> u64 {
    session % users(sessions) + 1
}

/// One of the browsers' sessions, whose numbers are even. Numbers that follow each other give sessions that lie apart.
#[must_use]
pub const fn browser(at: u64, sessions: u64) -> u64 {
    2 * (scattered(at) % (sessions / 2) + 1)
}

/// The sessions whose handles are known, evenly over all of the browsers'.
pub fn known(sessions: u64) -> impl Iterator<Item = u64> {
    let browsers = sessions / 2;
    let count = browsers.min(KNOWN);
    (0..count).map(move |at| 2 * (at * browsers / count + 1))
}

/// Of so many apps that logged in, the session whose place in the tables each takes; their numbers are odd.
#[must_use]
pub const fn place(at: u64, apps: u64, sessions: u64) -> u64 {
    2 * (at * (sessions / 2) / apps) + 1
}

/// The random part of the handle of a session.
#[must_use]
pub fn handle(number: u64) -> [u8; 32] {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

const fn scattered(number: u64) -> u64 {
    number.wrapping_mul(STRIDE) & 0xffff_ffff
}

fn id(number: u64, kind: char) -> String {
    format!("{:08x}-0000-4000-{kind}000-{number:012x}", scattered(number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::id::SessionId;

    use super::*;

    #[test]
    fn ids_are_ids_and_no_two_are_alike() {
        let ids: BTreeSet<_> = (1..=1000).flat_map(|number| [session(number), user(number)]).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.parse::<SessionId>().is_ok()));
    }

    #[test]
    fn every_session_that_is_asked_for_is_there() {
        for sessions in [100, 1000, 100_000] {
            let apps: BTreeSet<_> = (0..40).map(|at| place(at, 40, sessions)).collect();
            assert!(apps.len() == 40 && apps.iter().all(|app| app % 2 == 1 && *app <= sessions));
            let browsers = known(sessions).chain((0..5000).map(|at| browser(at, sessions)));
            assert!(browsers.into_iter().all(|browser| browser % 2 == 0 && browser <= sessions));
            assert_eq!(known(sessions).count() as u64, KNOWN.min(sessions / 2));
            assert!((1..=sessions).all(|session| (1..=users(sessions)).contains(&owner(session, sessions))));
        }
    }
}
