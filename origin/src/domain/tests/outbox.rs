//! The outbox: each mail goes out once, however long the server is away, and none of an act that did not happen.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::*;
use crate::{
    domain::mail::{Failure, Outgoing, Turn},
    store::Dialect,
};

const AWAY: &str = "nobody answers";

impl Domain {
    /// Takes mail whose turn it is, whichever that is.
    pub(super) async fn take_mail(&self, context: &Context) -> Result<Vec<Outgoing>, Error> {
        let mut taken = self.take_due_mail(context, Turn::First, 16).await?;
        taken.extend(self.take_due_mail(context, Turn::Again, 16).await?);
        Ok(taken)
    }
}

impl World {
    /// Takes one batch of the mail that is due.
    async fn take(&self, seconds: u64) -> Vec<Outgoing> {
        self.domain.take_mail(&self.at(seconds)).await.unwrap()
    }

    /// Takes all the mail that is due and says of none what came of it.
    async fn take_all(&self, seconds: u64) -> Vec<Outgoing> {
        let mut all = Vec::new();
        loop {
            let batch = self.take(seconds).await;
            if batch.is_empty() {
                return all;
            }
            all.extend(batch);
        }
    }

    async fn fail(&self, seconds: u64, mail: &Outgoing, is_refusal: bool) -> bool {
        let failure = Failure { is_refusal, text: AWAY.to_owned() };
        self.domain.mail_was_not_sent(&self.at(seconds), mail, &failure).await.unwrap()
    }

    async fn waiting(&self) -> u64 {
        self.domain.mail_waiting().await.unwrap().count
    }

    async fn register(&self, seconds: u64, count: u32) {
        for n in 0..count {
            let email = format!("user-{n}@example.test");
            self.domain.register(&self.at(seconds), &email, PASSWORD).await.unwrap();
        }
    }
}

/// Whom mails go to.
fn recipients(mails: &[Outgoing]) -> BTreeSet<&str> {
    mails.iter().map(|mail| mail.to.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mail_is_taken_by_one_of_many_origins() {
    for w in World::each().await {
        w.register(0, 50).await;
        let taken = at_once(6, |_| {
            let w = w.clone();
            Box::pin(async move { w.take_all(1).await })
        });
        let taken: Vec<Outgoing> = taken.await.into_iter().flatten().collect();
        let ids: BTreeSet<_> = taken.iter().map(|mail| mail.id.to_string()).collect();
        assert_eq!((taken.len(), ids.len(), recipients(&taken).len()), (50, 50, 50));
    }
}

#[tokio::test]
async fn a_mail_that_another_origin_is_taking_is_left_to_it_and_nobody_waits_for_it() {
    for w in World::each().await {
        if w.store.dialect() == Dialect::Sqlite {
            continue; // One writes after the other.
        }
        w.register(0, 3).await;
        let mut elsewhere = w.store.begin().await.unwrap();
        let first = "SELECT id FROM mails ORDER BY due_at, id LIMIT 1 FOR UPDATE";
        sqlx::query(first).fetch_one(&mut *elsewhere).await.unwrap();
        assert_eq!(w.take_all(1).await.len(), 2);
        elsewhere.rollback().await.unwrap();
        assert_eq!(w.take_all(1).await.len(), 1);
    }
}

#[tokio::test]
async fn after_an_hour_without_a_server_every_mail_goes_out_once_and_soon() {
    for w in World::each().await {
        w.register(0, 20).await;
        let mut attempts = 0;
        for seconds in (0..HOUR).step_by(5) {
            for mail in w.take_all(seconds).await {
                assert!(!w.fail(seconds, &mail, false).await);
                attempts += 1;
            }
        }
        assert_eq!(w.waiting().await, 20);
        assert!((20 * 8..20 * 16).contains(&attempts), "{attempts} attempts");

        let mut sent = Vec::new();
        for seconds in (HOUR..HOUR + 601).step_by(5) {
            for mail in w.take_all(seconds).await {
                w.domain.mail_was_sent(&w.at(seconds), &mail).await.unwrap();
                sent.push(mail);
            }
        }
        assert_eq!((sent.len(), recipients(&sent).len(), w.waiting().await), (20, 20, 0));
        assert_eq!(recipients(&w.take_all(2 * DAY).await).len(), 0);
    }
}

#[tokio::test]
async fn mail_that_is_tried_again_and_mail_that_is_new_are_not_in_each_others_way() {
    for w in World::each().await {
        w.register(0, 3).await;
        let tried = w.domain.take_due_mail(&w.at(0), Turn::First, 2).await.unwrap();
        for mail in &tried {
            w.fail(0, mail, false).await;
        }
        let of = async |turn, limit| {
            let taken = w.domain.take_due_mail(&w.at(MINUTE), turn, limit).await.unwrap();
            let again = taken.iter().filter(|mail| tried.iter().any(|tried| tried.id == mail.id)).count();
            (taken.len(), again)
        };
        assert_eq!(of(Turn::Again, 1).await, (1, 1));
        assert_eq!(of(Turn::First, 8).await, (1, 0));
        assert_eq!((of(Turn::Again, 8).await, of(Turn::First, 8).await), ((1, 1), (0, 0)));
    }
}

#[tokio::test]
async fn an_act_that_did_not_happen_sends_nothing() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let me = w.principal(0, &login).await;
        w.domain.logout(&w.at(0), &me).await.unwrap();
        // The password is changed and its notice written, and then the session turns out to be over.
        let changed = w.domain.change_password(&w.at(1), &me, PASSWORD, NEW_PASSWORD).await;
        assert!(matches!(changed, Err(Error::Unauthenticated)));
        assert_eq!((w.take(2).await.len(), w.waiting().await), (0, 0));
        w.browser(2).await;
    }
}

#[tokio::test]
async fn what_an_origin_took_and_never_sent_is_taken_again() {
    for w in World::each().await {
        w.register(0, 1).await;
        let first = w.take(0).await;
        assert_eq!((first.len(), w.take(170).await.len()), (1, 0));
        let second = w.take(180).await;
        assert_eq!(second[0].id, first[0].id, "its Message-ID stays");
        // Whoever lost it has no say in it any more.
        assert!(!w.fail(181, &first[0], false).await);
        assert_eq!(w.take(240).await.len(), 0);
        w.domain.mail_was_sent(&w.at(241), &second[0]).await.unwrap();
        assert_eq!(w.waiting().await, 0);
    }
}

#[tokio::test]
async fn what_a_server_refuses_is_given_up_after_some_attempts_and_recorded() {
    for w in World::each().await {
        w.register(0, 1).await;
        let mut given_up = Vec::new();
        for seconds in (0..DAY).step_by(60) {
            for mail in w.take(seconds).await {
                given_up.push(w.fail(seconds, &mail, true).await);
            }
        }
        assert_eq!(given_up, [false, false, false, true]);
        assert_eq!(
            (w.waiting().await, w.events("mail.given_up").await),
            (0, vec!["failure refused".to_owned()])
        );
    }
}

#[tokio::test]
async fn after_an_outage_a_server_may_refuse_as_often_as_ever_and_a_restart_forgets_no_refusal() {
    for w in World::each().await {
        w.register(0, 1).await;
        // Half set up, it refuses whatever it is given, is away again, and so on.
        let answers = [&[false; 8][..], &[true, false, true, false, false, true, true]].concat();
        let (mut given_up, mut seconds) = (Vec::new(), 0);
        for is_refusal in answers {
            seconds += 10 * MINUTE;
            let restarted = open(&w.store, settings(), MASTER_KEY, seconds).await.unwrap();
            let w = World { domain: restarted, ..w.clone() };
            for mail in w.take(seconds).await {
                given_up.push(w.fail(seconds, &mail, is_refusal).await);
            }
        }
        // At the fourth refusal.
        assert_eq!(given_up.iter().position(|is_over| *is_over), Some(14));
        assert_eq!(w.events("mail.given_up").await, ["failure refused"]);
    }
}

#[tokio::test]
async fn a_mail_that_nobody_can_read_is_in_no_others_way_and_given_up_after_days() {
    for w in World::each().await {
        w.register(0, 3).await;
        for (change, recipient) in [
            ("kind = 'of_tomorrow'", "user-0@example.test"),
            ("sealed_token = substr(sealed_token, 2)", "user-1@example.test"),
        ] {
            let change = sqlx::AssertSqlSafe(format!("UPDATE mails SET {change} WHERE recipient = $1"));
            let mut transaction = w.store.begin().await.unwrap();
            sqlx::query(change).bind(recipient).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
        }
        let mail = w.take(0).await.remove(0);
        w.domain.mail_was_sent(&w.at(0), &mail).await.unwrap();
        assert_eq!((mail.to.as_str(), w.waiting().await), ("user-2@example.test", 2));
        // Soon at first, for there may be an origin that can.
        let attempts = async || {
            let row = sqlx::query("SELECT MIN(attempts) AS n FROM mails WHERE closed_at IS NULL");
            row.fetch_one(w.store.reads()).await.unwrap().get::<i64, _>("n")
        };
        for (seconds, tried) in [(14, 1), (15, 2), (44, 2), (45, 3), (5 * DAY - 1, 4)] {
            assert_eq!(w.take(seconds).await.len(), 0);
            assert_eq!((attempts().await, w.waiting().await), (tried, 2), "{seconds}");
        }
        w.take(5 * DAY + HOUR).await;
        assert_eq!(w.waiting().await, 0);
        assert_eq!(w.events("mail.given_up").await, ["failure unreadable"; 2]);

        let rows = sqlx::query("SELECT id, last_failure FROM mails WHERE outcome = 'given_up' ORDER BY id");
        let rows = rows.fetch_all(w.store.reads()).await.unwrap();
        let mut told: Vec<String> = Vec::new();
        for event in w.log().await.iter().filter(|event| event.kind == "mail.given_up") {
            told.push(event.details()["mail"].as_str().unwrap().to_owned());
        }
        told.sort();
        assert_eq!(told, rows.iter().map(|row| row.get::<String, _>("id")).collect::<Vec<_>>());
        for row in rows {
            assert!(!row.get::<String, _>("last_failure").is_empty());
        }
    }
}

#[tokio::test]
async fn a_mail_says_how_long_its_link_is_good_whoever_sends_it() {
    for w in World::each().await {
        w.register(0, 1).await;
        w.domain.request_password_reset(&w.at(0), "user-0@example.test").await.unwrap();
        w.domain.request_password_reset(&w.at(1), "user-0@example.test").await.unwrap();
        let times = MailSettings {
            verification: Duration::from_secs(HOUR),
            reset: Duration::from_secs(HOUR),
            ..mail_settings()
        };
        let others = Settings { mail: Some(times), ..settings() };
        let sender = World { domain: open(&w.store, others, MASTER_KEY, 2).await.unwrap(), ..w.clone() };
        let mails = sender.take(2).await;
        let says = |what: &str| mails.iter().filter(|mail| mail.letter.text.contains(what)).count();
        assert_eq!((says("good for 24 hours"), says("good for 30 minutes"), says("1 hour")), (1, 1, 0));
        // The first of the two has been displaced by the second.
        assert_eq!((mails.len(), says("The link is no longer good.")), (3, 1));
        let good = mails.iter().find(|mail| mail.letter.text.contains("30 minutes")).unwrap();
        let at = 2 + 30 * MINUTE;
        sender.domain.reset_password(&w.at(at - 1), &mail_links::token(good), NEW_PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_quotes_a_mail_puts_no_link_into_its_row() {
    for w in World::each().await {
        w.register(0, 1).await;
        let mail = w.take(0).await.remove(0);
        let (token, quoted) = (mail_links::token(&mail), format!("550 spam: {}", mail.letter.text));
        // In full, and cut within the link for being too long.
        let ahead = 290 - quoted.find(&token).unwrap();
        for (n, ahead) in [0, ahead].into_iter().enumerate() {
            let seconds = n as u64 * HOUR;
            let mail = if n == 0 { &mail } else { &w.take(seconds).await.remove(0) };
            let text = format!("{}{quoted}", "x".repeat(ahead));
            let failure = Failure { is_refusal: true, text: text.clone() };
            assert!(!w.domain.mail_was_not_sent(&w.at(seconds), mail, &failure).await.unwrap());
            let row = sqlx::query("SELECT last_failure FROM mails").fetch_one(w.store.reads()).await.unwrap();
            let kept: String = row.get("last_failure");
            for kept in [kept, mail.without_its_link(&text)] {
                let runs = token.as_bytes().windows(8);
                let left = runs.filter(|run| kept.as_bytes().windows(8).any(|window| window == *run)).count();
                assert_eq!(left, 0, "{kept}");
                assert!(kept.contains("550 spam"), "{kept}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_may_be_away_for_days() {
    for w in World::each().await {
        w.register(0, 1).await;
        let mut seconds = 0;
        while w.waiting().await == 1 {
            for mail in w.take(seconds).await {
                w.fail(seconds, &mail, false).await;
            }
            seconds += HOUR;
            assert!(seconds < 10 * DAY);
        }
        assert!((5 * DAY..6 * DAY).contains(&seconds), "{seconds}");
        assert_eq!(w.events("mail.given_up").await, ["failure unreachable"]);
    }
}

#[tokio::test]
async fn the_database_holds_no_link_and_after_sending_nothing_of_one() {
    for w in World::each().await {
        w.register(0, 1).await;
        let row = sqlx::query("SELECT sealed_token, digest FROM mails, mail_tokens WHERE mail_id = mails.id");
        let row = row.fetch_one(w.store.reads()).await.unwrap();
        let kept = [row.get::<Vec<u8>, _>("sealed_token"), row.get::<Vec<u8>, _>("digest")].concat();
        let mail = w.take(1).await.remove(0);
        let token = mail_links::token(&mail);
        let secret = Secret::<32>::from_base64url(&token).unwrap();
        assert!(!kept.windows(32).any(|window| window == secret.expose().as_slice()));
        assert!(!kept.windows(43).any(|window| window == token.as_bytes()));

        w.domain.mail_was_sent(&w.at(1), &mail).await.unwrap();
        let left = sqlx::query("SELECT COUNT(*) AS n FROM mails WHERE sealed_token IS NOT NULL");
        assert_eq!(left.fetch_one(w.store.reads()).await.unwrap().get::<i64, _>("n"), 0);
    }
}

#[tokio::test]
async fn mail_that_is_over_goes_after_a_week_and_what_waits_stays() {
    for w in World::each().await {
        w.register(0, 2).await;
        let mails = w.take(0).await;
        w.domain.mail_was_sent(&w.at(0), &mails[0]).await.unwrap();
        assert_eq!(w.domain.upkeep(&w.at(7 * DAY)).await.unwrap().mails_removed, 0);
        // The mail; and its token a week after its time.
        assert_eq!(w.domain.upkeep(&w.at(7 * DAY + 1)).await.unwrap().mails_removed, 1);
        assert_eq!(w.domain.upkeep(&w.at(30 * DAY)).await.unwrap().mails_removed, 1);
        assert_eq!(w.waiting().await, 1);
        let late = w.take(30 * DAY).await.remove(0);
        w.domain.confirm_email(&w.at(30 * DAY + 1), &mail_links::token(&late)).await.unwrap();
    }
}

#[tokio::test]
async fn mail_that_waits_is_encrypted_anew_with_the_keys() {
    for w in World::each().await {
        w.register(0, 1).await;
        let new = Secret::new([7; 32]);
        let both = MasterKeys { current: new.clone(), previous: Some(Secret::new(MASTER_KEY)) };
        let domain = open_under(&w.store, settings(), &both, 0).await.unwrap();
        domain.rewrap_keys(&w.at(0)).await.unwrap();
        let alone = MasterKeys { current: new, previous: None };
        let domain = open_under(&w.store, settings(), &alone, 0).await.unwrap();
        let mail = domain.take_mail(&w.at(1)).await.unwrap().remove(0);
        domain.confirm_email(&w.at(1), &mail_links::token(&mail)).await.unwrap();
    }
}

#[tokio::test]
async fn a_mail_that_no_master_key_opens_does_not_keep_the_others_and_the_keys_under_the_old_one() {
    for w in World::each().await {
        w.register(0, 2).await;
        let spoil =
            "UPDATE mails SET sealed_token = substr(sealed_token, 2) WHERE recipient = 'user-0@example.test'";
        let mut transaction = w.store.begin().await.unwrap();
        sqlx::query(spoil).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let new = Secret::new([7; 32]);
        let both = MasterKeys { current: new.clone(), previous: Some(Secret::new(MASTER_KEY)) };
        open_under(&w.store, settings(), &both, 0).await.unwrap().rewrap_keys(&w.at(0)).await.unwrap();
        let alone = MasterKeys { current: new, previous: None };
        let domain = open_under(&w.store, settings(), &alone, 0).await.unwrap();
        let mails = domain.take_mail(&w.at(1)).await.unwrap();
        assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["user-1@example.test"]);
    }
}

#[tokio::test]
async fn of_a_restored_database_no_link_holds_and_no_mail_goes_out() {
    for w in World::each().await {
        w.register(0, 2).await;
        let mails = w.take(0).await;
        w.domain.mail_was_sent(&w.at(0), &mails[0]).await.unwrap();
        w.domain.restored(&w.at(1)).await.unwrap();
        assert_eq!((w.waiting().await, w.take(DAY).await.len()), (0, 0));
        let link = w.domain.confirm_email(&w.at(2), &mail_links::token(&mails[0])).await;
        assert!(matches!(link, Err(Error::InvalidLink)));
    }
}

#[tokio::test]
async fn without_a_server_nothing_is_written_and_nothing_offered() {
    for w in World::each_with(Settings { mail: None, ..settings() }).await {
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        w.domain.register(&w.at(0), EMAIL, PASSWORD).await.unwrap();
        let me = w.principal(0, &w.browser(0).await).await;
        w.domain.change_password(&w.at(0), &me, PASSWORD, NEW_PASSWORD).await.unwrap();
        assert!(!w.domain.sends_mail());
        let none = |done: Result<(), Error>| assert!(matches!(done, Err(Error::NoMail)));
        none(w.domain.request_verification(&w.at(0), EMAIL).await);
        none(w.domain.request_password_reset(&w.at(0), EMAIL).await);
        none(w.domain.request_email_change(&w.at(0), &me, "new@example.test", NEW_PASSWORD).await);
        let mails = sqlx::query("SELECT COUNT(*) AS n FROM mails").fetch_one(w.store.reads()).await.unwrap();
        assert_eq!(mails.get::<i64, _>("n"), 0);
    }
}
