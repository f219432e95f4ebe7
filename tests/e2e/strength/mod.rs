//! Routes that ask for more than a login: two factors, a recent login, a verified address. The edge refuses with an
//! error that tells a client what to do (RFC 9470), and lets it through after the step.

mod claims;
mod recent;

use crate::fixture::{Answer, System, User};

/// For a login by two factors, at most 300 s ago.
const PAYOUT: &str = "/api/payouts/7";

/// For a login at most 300 s ago.
const EXPORT: &str = "/api/exports/all";

/// For whoever has a verified address.
const INVITATION: &str = "/api/invitations/7";

/// Lets all sessions of a user have been begun by two factors, as a login with a second step does.
async fn used_a_second_factor(system: &System, user: &User) {
    change(system, "UPDATE sessions SET amr = 'pwd,otp,mfa' WHERE user_id = $1", user).await;
}

/// Changes the rows of a user, whose id is `$1`.
async fn change(system: &System, statement: &'static str, user: &User) {
    let mut database = system.database().await;
    let id = "SELECT id FROM users WHERE email = $1";
    let id: String = sqlx::query_scalar(id).bind(&user.email).fetch_one(&mut database).await.expect("a user");
    let changed = sqlx::query(statement).bind(id).execute(&mut database).await.expect("a change");
    assert!(changed.rows_affected() > 0, "{statement}");
}

/// Wants the login not to be enough, and the answer to say in header and body which would be.
#[track_caller]
fn wants(answer: Answer, second_factor: bool, max_age: u64) {
    let answer = answer.refused(401, "insufficient-user-authentication");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.starts_with("Bearer realm=\"countersign\", error=\"insufficient_user_authentication\"")
    );
    assert_eq!(challenge.contains("acr_values=\"second_factor\""), second_factor, "{challenge}");
    assert!(challenge.ends_with(&format!("max_age=\"{max_age}\"")), "{challenge}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let problem = answer.json();
    assert_eq!(problem["acr_values"] == "second_factor", second_factor, "{problem}");
    assert_eq!(problem["max_age"], max_age, "{problem}");
    assert!(problem["detail"].as_str().expect("a detail").contains("/auth/reauthenticate"), "{problem}");
}
