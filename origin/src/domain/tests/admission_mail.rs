//! How much mail goes out, whoever asks for it: so much to one address, of each kind.

use super::{admission::STRANGER, *};

#[tokio::test]
async fn whoever_asks_for_mail_that_says_nothing_is_not_in_the_way_of_a_forgotten_password() {
    let limits = Limits { mail_recipient: "2/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        for refused in [false, false, true] {
            let asked = w.domain.request_verification(&w.at(0), EMAIL).await;
            assert_eq!(matches!(asked, Err(Error::TooManyAttempts { .. })), refused, "{asked:?}");
            let _ = w.domain.register(&w.at(0), EMAIL, NEW_PASSWORD).await;
        }
        for refused in [false, false, true] {
            let asked = w.domain.request_password_reset(&w.at(0), EMAIL).await;
            assert_eq!(matches!(asked, Err(Error::TooManyAttempts { .. })), refused, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn of_one_kind_so_many_notices_go_to_an_address_and_every_act_happens_and_is_recorded() {
    let limits = Limits { mail_recipient: "5/4/60/3600".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let me = w.domain.by_bearer(&w.at(0), &w.tokens(0).await.access_token).await.unwrap();
        let change = async |seconds| {
            w.domain.change_password(&w.at(seconds), &me, PASSWORD, PASSWORD).await.unwrap();
        };
        let told = async |seconds| {
            let mails = w.mail(seconds).await;
            let subjects = mails.iter().map(|mail| mail.letter.subject);
            subjects.filter(|subject| *subject == "Your password was changed").count()
        };
        for _ in 0..20 {
            change(0).await;
        }
        assert_eq!((told(0).await, w.events("password.changed").await), (5, vec!["success".to_owned(); 20]));
        // Of something else is told all the same; and of this again after the delay.
        let secret = w.domain.enrol_totp(&w.at(1), &me).await.unwrap().secret;
        w.domain.confirm_totp(&w.at(1), &me, &secret.code_at(time(1))).await.unwrap();
        assert_eq!(w.mail(1).await.len(), 1);
        change(59).await;
        assert_eq!(told(59).await, 0);
        change(60).await;
        assert_eq!(told(60).await, 1);
    }
}

#[tokio::test]
async fn who_wants_ever_another_address_has_the_old_one_written_to_a_few_times() {
    let limits = Limits { mail_recipient: "2/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.domain.mark_verified(&w.at(0), user).await.unwrap();
        let me = w.principal(0, &w.browser(0).await).await;
        for (n, refused) in [false, false, true].into_iter().enumerate() {
            let new = format!("wanted{n}@example.test");
            let asked = w.domain.request_email_change(&w.at(0), &me, &new, PASSWORD).await;
            assert_eq!(matches!(asked, Err(Error::TooManyAttempts { .. })), refused, "{asked:?}");
        }
        assert_eq!(w.mail(0).await.iter().filter(|mail| mail.to == EMAIL).count(), 2);
    }
}

#[tokio::test]
async fn accounts_cannot_be_asked_for_without_end() {
    let limits = Limits { mail_recipient: "2/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        for email in [EMAIL, STRANGER] {
            for refused in [false, false, true] {
                let asked = w.domain.register(&w.at(0), email, NEW_PASSWORD).await;
                assert_eq!(matches!(asked, Err(Error::TooManyAttempts { .. })), refused, "{email} {asked:?}");
            }
        }
    }
}
