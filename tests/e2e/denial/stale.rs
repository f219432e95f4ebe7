//! The matrix for callers whose login is good and long ago. They have every permission, so that nothing else can be the
//! reason.

use std::time::Duration;

use super::caller::Caller;
use super::ended::move_back;
use super::reached;
use super::table::{self, Needs, Owner};
use crate::fixture::{Door, System};

/// Longer than a login counts as fresh.
const LONG_AGO: Duration = Duration::from_secs(301);

#[tokio::test]
async fn what_asks_for_a_fresh_login_takes_no_old_one() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user_with("admin").await;
    let (owner, _) = Owner::new(&system, &system.new_user().await).await;
    for door in [Door::Origin, Door::Edge] {
        move_back(&system, LONG_AGO).await;
        let callers = Caller::both_of(system.at(door), &user).await;
        system.advance(LONG_AGO).await;
        let asks = |row: &table::Row| {
            matches!(row.needs, Needs::FreshLogin | Needs::FreshPermission(_) | Needs::MyTwoFactors)
        };
        let rows = reached(&owner).filter(|(reached, row, ..)| *reached == door && asks(row));
        let mut tried = 0;
        for (_, _, method, path) in rows {
            for caller in &callers {
                let answer = caller.ask(method, &path).await.refused(401, "insufficient-user-authentication");
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.ends_with("max_age=\"300\""), "{challenge}");
                tried += 1;
            }
        }
        assert!(tried > 0, "no row asks for a fresh login");
    }
}
