//! A login takes as long as hashing its password does. What ends sessions meanwhile must not be outrun by it.

use reqwest::Method;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{alive, listed};
use crate::fixture::{Answer, Browser, Mobile, System, User};

const NEW: &str = "a new password, long enough";

/// The two kinds of login.
const KINDS: [&str; 2] = ["/auth/tokens", "/auth/sessions"];

/// A system in which everybody's password may wait for its turn to be hashed.
async fn with_a_long_queue() -> System {
    System::own(&["--set", "COUNTERSIGN_HASH_QUEUE=1000"]).await
}

/// Logs in with one password again and again until it is refused, so that some login is under way whatever happens
/// meanwhile. All answers; that the first login has succeeded is told.
async fn logins_until_refused(
    url: String,
    user: User,
    path: &'static str,
    first: oneshot::Sender<()>,
) -> Vec<Answer> {
    let client = Browser::at(&url);
    let login = async || client.request(Method::POST, path).json(&user.credentials()).send().await;
    let mut answers = vec![login().await];
    assert!(matches!(answers[0].status, 200 | 201), "{:?}", answers[0]);
    let _ = first.send(());
    while answers.last().is_none_or(|last| last.status < 300) {
        answers.push(login().await);
    }
    answers
}

/// Wants what was answered to a login to be worth nothing now.
async fn is_over(origin: &str, answer: &Answer) {
    let mut app = Mobile::at(origin);
    match answer.status {
        200 => {
            let tokens = answer.json();
            app.access_token = tokens["access_token"].as_str().map(str::to_owned);
            app.refresh_token = tokens["refresh_token"].as_str().map(str::to_owned);
            app.get("/auth/me").await.refused(401, "invalid-token");
            app.refresh().await.oauth_refused("invalid_grant");
        }
        201 => {
            let cookies: Vec<_> =
                answer.headers("set-cookie").iter().filter_map(|cookie| cookie.split(';').next()).collect();
            let request = app.request(Method::GET, "/auth/me").header("cookie", &cookies.join("; "));
            request.send().await.refused(401, "unauthenticated");
        }
        _ => drop(answer.clone().refused(401, "invalid-credentials")),
    }
}

#[tokio::test]
async fn no_login_with_the_old_password_outlives_its_change() {
    const PAIRS: usize = 50;
    let system = with_a_long_queue().await;
    let mut owners = Vec::new();
    for _ in 0..PAIRS {
        let user = system.new_user().await;
        owners.push((Mobile::of(&system.origin, &user).await, user));
    }

    let mut logins = JoinSet::new();
    let mut changes = JoinSet::new();
    for ((owner, user), path) in owners.iter().zip(KINDS.into_iter().cycle()) {
        let (first, has_begun) = oneshot::channel();
        logins.spawn(logins_until_refused(system.origin.clone(), user.clone(), path, first));
        let (owner, change) = (owner.clone(), json!({"current": user.password, "new": NEW}));
        changes.spawn(async move {
            has_begun.await.expect("a login before the change");
            owner.post("/auth/password").json(&change).send().await
        });
    }
    for answer in changes.join_all().await {
        answer.is(204);
    }
    for answer in logins.join_all().await.concat() {
        is_over(&system.origin, &answer).await;
    }
    for (mut owner, user) in owners {
        assert_eq!(alive(&system, &user.email).await, 1, "{}", user.email);
        owner.refresh().await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_the_disabling_of_its_user() {
    const CLIENTS: usize = 16;
    let system = with_a_long_queue().await;
    let user = system.new_user().await;
    let (mut logins, mut firsts) = (JoinSet::new(), Vec::new());
    for path in KINDS.into_iter().cycle().take(CLIENTS) {
        let (first, has_begun) = oneshot::channel();
        logins.spawn(logins_until_refused(system.origin.clone(), user.clone(), path, first));
        firsts.push(has_begun);
    }
    for first in firsts {
        first.await.expect("a login before the end");
    }
    tokio::task::block_in_place(|| system.disable(&user));
    for answer in logins.join_all().await.concat() {
        is_over(&system.origin, &answer).await;
    }
    assert_eq!(alive(&system, &user.email).await, 0);
}

#[tokio::test]
async fn of_several_changes_of_password_at_once_one_wins_and_one_session_is_left() {
    let system = with_a_long_queue().await;
    let user = system.new_user().await;
    let mut apps = Vec::new();
    for _ in 0..8 {
        apps.push(Mobile::of(&system.origin, &user).await);
    }
    let mut changes = JoinSet::new();
    for (number, app) in apps.into_iter().enumerate() {
        let new = format!("{NEW}, number {number}");
        let change = json!({"current": user.password, "new": new});
        changes.spawn(async move { (app.post("/auth/password").json(&change).send().await, app, new) });
    }
    let (mut winners, losers): (Vec<_>, Vec<_>) =
        changes.join_all().await.into_iter().partition(|(answer, ..)| answer.status == 204);
    assert_eq!(winners.len(), 1, "{winners:?}");
    for (answer, mut app, _) in losers {
        assert_eq!(answer.status, 401, "{answer:?}");
        app.refresh().await.oauth_refused("invalid_grant");
    }
    let (_, mut app, password) = winners.remove(0);
    app.refresh().await.is(200);
    assert_eq!(listed(&app.get("/auth/sessions").await.is(200).json()).len(), 1);
    Mobile::of(&system.origin, &User { password, ..user }).await.get("/auth/me").await.is(200);
}
