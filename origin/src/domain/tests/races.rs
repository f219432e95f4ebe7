//! What happens at once: one wins, and nothing is lost between two.

use std::collections::BTreeSet;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_refreshes_at_once_get_one_child() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let mut token = w.tokens(0).await.refresh_token;
        for round in 1..=5 {
            let children = refresh_at_once(&w, round, &token).await;
            assert_eq!(children.len(), 1);
            token = children.into_iter().next().unwrap();
            let rounds = usize::try_from(round).unwrap();
            assert_eq!(w.events("refresh.rotated").await.len(), rounds);
            assert_eq!(w.events("refresh.repeated").await.len(), 31 * rounds);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_asked_for_at_once_get_one_child() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let first = w.tokens(0).await;
        w.refresh(0, &first.refresh_token).await.unwrap();
        assert_eq!(refresh_at_once(&w, HOUR, &first.refresh_token).await.len(), 1);
        assert_eq!(w.events("refresh.displaced").await.len(), 1);
    }
}

/// The different refresh tokens that 32 calls get.
async fn refresh_at_once(w: &World, seconds: u64, token: &str) -> BTreeSet<String> {
    let answers = at_once(32, |_| {
        let (w, token) = (w.clone(), token.to_owned());
        Box::pin(async move { w.refresh(seconds, &token).await })
    });
    answers.await.into_iter().map(|answer| answer.unwrap().refresh_token).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn theft_at_once_is_recorded_once() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let first = w.tokens(0).await;
        let lost = w.refresh(0, &first.refresh_token).await.unwrap();
        w.refresh(HOUR, &first.refresh_token).await.unwrap();
        let answers = at_once(32, |_| {
            let (w, token) = (w.clone(), lost.refresh_token.clone());
            Box::pin(async move { w.refresh(HOUR, &token).await })
        });
        assert!(answers.await.iter().all(|answer| matches!(answer, Err(Error::InvalidGrant))));
        assert_eq!(w.events("refresh.theft").await, ["failure displaced"]);
        assert_eq!(w.events("refresh.refused").await.len(), 31);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_by_the_old_password_outlives_its_change() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (mut old, mut new) = (PASSWORD, NEW_PASSWORD);
        for round in 0..10 {
            let context = w.at(round);
            let mine = w.domain.login_browser(&context, &Attempt::new(EMAIL, old)).await.unwrap();
            let mine = w.principal(round, &mine).await;
            let change = w.domain.change_password(&context, &mine, old, new);
            let (logins, change) = tokio::join!(login_at_once(&w, round, old), change);
            change.unwrap();
            let left = w.domain.list_sessions(user, context.now).await.unwrap();
            assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [mine.session]);
            for login in logins {
                assert!(matches!(login, Ok(_) | Err(Error::InvalidCredentials)), "{login:?}");
            }
            let later = w.domain.login_token(&context, &Attempt::new(EMAIL, old)).await;
            assert!(matches!(later, Err(Error::InvalidCredentials)), "{later:?}");
            w.domain.login_token(&context, &Attempt::new(EMAIL, new)).await.unwrap();
            (old, new) = (new, old);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_the_disabling_of_its_user() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for round in 0..10 {
            let context = w.at(round);
            let (logins, disabled) =
                tokio::join!(login_at_once(&w, round, PASSWORD), w.domain.disable(&context, user));
            disabled.unwrap();
            assert_eq!(w.domain.list_sessions(user, context.now).await.unwrap(), []);
            for login in logins {
                assert!(matches!(login, Ok(_) | Err(Error::InvalidCredentials)), "{login:?}");
            }
            let later = w.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await;
            assert!(matches!(later, Err(Error::InvalidCredentials)), "{later:?}");
            w.domain.enable(&context, user).await.unwrap();
            w.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        }
    }
}

async fn login_at_once(w: &World, seconds: u64, password: &'static str) -> Vec<Result<TokenGrant, Error>> {
    let act = |_| {
        let w = w.clone();
        let login = async move { w.domain.login_token(&w.at(seconds), &Attempt::new(EMAIL, password)).await };
        Box::pin(login) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
    };
    at_once(8, act).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_registered_at_once_has_one_account() {
    for w in World::each().await {
        let registered = at_once(8, |_| {
            let w = w.clone();
            Box::pin(async move { w.domain.register(&w.at(0), EMAIL, PASSWORD).await })
        });
        assert!(registered.await.iter().all(Result::is_ok));
        assert_eq!(w.users().await.len(), 1);
        w.browser(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_ends_without_a_deadlock() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for n in 0..NEIGHBOURS {
            w.user(&neighbour(n), &["viewer"]).await;
        }
        let outcomes = at_once(64, |n| {
            let w = w.clone();
            Box::pin(async move { anything(&w, user, n).await })
        });
        for outcome in outcomes.await {
            let is_harmless =
                matches!(outcome, Ok(()) | Err(Error::InvalidGrant | Error::NotFound | Error::Contended));
            assert!(is_harmless, "{outcome:?}");
        }
    }
}

/// So many log in from the same address as everybody else.
const NEIGHBOURS: usize = 4;

fn neighbour(n: usize) -> String {
    format!("neighbour-{n}@example.test")
}

async fn anything(w: &World, user: UserId, n: usize) -> Result<(), Error> {
    let (context, editor) = (w.at(0), "editor".parse().unwrap());
    match n % 8 {
        6 => {
            let email = neighbour(n % NEIGHBOURS);
            w.domain
                .login_token(&context, &Attempt::new(&email, "not the password at all"))
                .await
                .unwrap_err();
            return w.domain.login_token(&context, &Attempt::new(&email, PASSWORD)).await.map(drop);
        }
        // A little later: what was given back counts nothing any more.
        7 => return w.domain.upkeep(&w.at(1)).await.map(drop),
        _ => {}
    }
    let login = w.domain.login_browser(&context, &Attempt::new(EMAIL, PASSWORD)).await?;
    let grant = w.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await?;
    match n % 8 {
        0 => w.domain.grant_role(&context, user, &editor).await.map(drop),
        1 => w.domain.revoke_role(&context, user, &editor).await.map(drop),
        2 => w.domain.end_all_sessions(&context, user).await.map(drop),
        3 => w.domain.renew_assertion(&context, &login.credentials.handle).await.map(drop),
        4 => {
            let second = w.domain.refresh(&context, &grant.refresh_token).await?;
            let third = w.domain.refresh(&context, &second.refresh_token).await?;
            w.domain.refresh(&context, &third.refresh_token).await?;
            w.domain.refresh(&context, &grant.refresh_token).await.map(drop)
        }
        _ => w.domain.end_session(&context, grant.session).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_leave_nothing_half_done() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let mut grant = w.tokens(0).await;
        for round in 0..60 {
            let call = tokio::spawn({
                let (w, token) = (w.clone(), grant.refresh_token.clone());
                async move { w.refresh(0, &token).await }
            });
            tokio::time::sleep(Duration::from_micros(round * 100)).await;
            call.abort();
            drop(call.await);
            // Whether it got through or not, the same token goes on: within the grace, or as the current.
            grant = w.refresh(0, &grant.refresh_token).await.unwrap();
        }
        assert_eq!(w.events("refresh.rotated").await.len(), 60);
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
        assert_eq!(w.domain.list_sessions(user, time(0)).await.unwrap().len(), 1);
    }
}
