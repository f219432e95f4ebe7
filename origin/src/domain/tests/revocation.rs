//! The revocation log: it has no gap, no reader skips a rule, and an edge gets what it lacks.

use shared::{
    edge_state::{Challenge, Rule, StateDocument, StateRequest, VERSION},
    revocation::Rules,
};

use super::*;
use crate::{
    domain::Extent,
    store::{
        Dialect, meta,
        revocations::{self, Revocation},
    },
};

/// Longer than any token of [`settings`] lives, with the margin: 10 minutes and 90 s.
const KEPT: u64 = 690;

impl World {
    /// What an edge gets that has this much of this incarnation.
    pub(super) async fn pull(&self, seconds: u64, held: Option<(&str, u64)>) -> StateDocument {
        let request = StateRequest {
            version: VERSION,
            challenge: Challenge::new([5; 16]),
            incarnation: held.map(|(incarnation, _)| incarnation.to_owned()),
            number: held.map(|(_, number)| number),
        };
        self.domain.state_document(&self.at(seconds), request).await.unwrap()
    }

    /// All rules that are kept.
    pub(super) async fn rules(&self) -> Vec<Rule> {
        self.pull(0, None).await.rules().unwrap()
    }

    /// What was appended since the log was so long.
    pub(super) async fn rules_after(&self, number: usize) -> Vec<Rule> {
        self.rules().await.split_off(number)
    }

    async fn append(&self, seconds: u64, revocation: Revocation<'_>) -> u64 {
        let mut transaction = self.store.begin().await.unwrap();
        let number = revocations::append(&mut transaction, revocation, time(seconds)).await.unwrap();
        transaction.commit().await.unwrap();
        number
    }
}

#[tokio::test]
async fn an_act_that_is_rolled_back_leaves_no_rule_and_no_gap() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (first, second) = (w.tokens(0).await.session, w.tokens(0).await.session);
        w.domain.end_session(&w.at(0), first).await.unwrap();

        let mut transaction = w.store.begin().await.unwrap();
        let rule = Revocation::UserBelow(user, 9);
        assert_eq!(revocations::append(&mut transaction, rule, time(0)).await.unwrap(), 2);
        transaction.rollback().await.unwrap();
        let document = w.pull(0, None).await;
        assert_eq!((document.number, document.rules().unwrap()), (1, vec![Rule::Session(first)]));

        w.domain.end_session(&w.at(0), second).await.unwrap();
        let document = w.pull(0, Some((&document.incarnation, 1))).await;
        assert_eq!((document.from, document.number), (2, 2));
        assert_eq!(document.rules().unwrap(), [Rule::Session(second)]);
    }
}

/// The first takes its number and stays open. If the second could commit a higher one meanwhile, a reader
/// would see that, go on from there, and never see the first.
#[tokio::test(flavor = "multi_thread")]
async fn no_rule_appears_after_one_of_a_higher_number() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let second = w.tokens(0).await.session;
        let mut first = w.store.begin().await.unwrap();
        let number = revocations::append(&mut first, Revocation::Key("first"), time(0)).await.unwrap();
        assert_eq!(number, 1);

        let later = tokio::spawn({
            let w = w.clone();
            async move {
                let context = w.at(0);
                w.domain.end_session(&context, second).await.unwrap();
                context.revoked.get()
            }
        });
        w.until_waited_for(&mut first, 1).await;
        for _ in 0..10 {
            let between = w.pull(0, None).await;
            assert_eq!((between.number, between.rules().unwrap()), (0, vec![]));
        }
        assert!(!later.is_finished(), "the second waits for the first");
        first.commit().await.unwrap();
        assert_eq!(later.await.unwrap(), Some(2));
        assert_eq!(w.rules().await, [Rule::Key, Rule::Session(second)]);
    }
}

/// The same inversion where the first is rolled back: the second takes its number.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_given_back_is_the_next_ones() {
    for w in World::each().await {
        let mut first = w.store.begin().await.unwrap();
        revocations::append(&mut first, Revocation::Key("first"), time(0)).await.unwrap();
        let later = tokio::spawn({
            let w = w.clone();
            async move { w.append(0, Revocation::Key("second")).await }
        });
        w.until_waited_for(&mut first, 1).await;
        first.rollback().await.unwrap();
        assert_eq!(later.await.unwrap(), 1);
        assert_eq!(w.pull(0, None).await.number, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_pulls_while_many_append_ends_with_every_rule() {
    for w in World::each().await {
        let writers = at_once(8, |n| {
            let w = w.clone();
            Box::pin(async move {
                for round in 0..12 {
                    // Some are given back.
                    let mut transaction = w.store.begin().await.unwrap();
                    let id = shared::id::SessionId::new(time(round), [u8::try_from(n).unwrap(); 10]);
                    revocations::append(&mut transaction, Revocation::Session(id), time(0)).await.unwrap();
                    tokio::task::yield_now().await;
                    if (round + n as u64).is_multiple_of(5) {
                        transaction.rollback().await.unwrap();
                    } else {
                        transaction.commit().await.unwrap();
                    }
                }
            })
        });
        let reader = async {
            let first = w.pull(0, None).await;
            let mut rules = Rules::from_full(&first).unwrap();
            let mut seen = first.rules().unwrap();
            for _ in 0..40 {
                let document = w.pull(0, Some((&first.incarnation, rules.number()))).await;
                rules.apply(&document).unwrap();
                seen.extend(document.rules().unwrap());
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            (first.incarnation, rules, seen)
        };
        let (_, (incarnation, mut rules, mut seen)) = tokio::join!(writers, reader);
        let last = w.pull(0, Some((&incarnation, rules.number()))).await;
        rules.apply(&last).unwrap();
        seen.extend(last.rules().unwrap());
        assert_eq!(seen, w.rules().await);
        assert_eq!(rules.number(), seen.len() as u64);
    }
}

#[tokio::test]
async fn an_edge_gets_what_it_lacks_or_everything() {
    for w in World::each().await {
        let empty = w.pull(0, None).await;
        assert_eq!((empty.number, empty.from, empty.floor, empty.rules.as_str()), (0, 1, 1, ""));
        assert_eq!(empty.keys.len(), w.domain.jwks(time(0)).await.unwrap().len());
        let mine = empty.incarnation.as_str();
        for kid in ["a", "b", "c"] {
            w.append(0, Revocation::Key(kid)).await;
        }
        for (held, from) in [
            (None, 1),
            (Some((mine, 0)), 1),
            (Some((mine, 1)), 2),
            (Some((mine, 3)), 4),
            (Some(("another", 2)), 1),
            (Some(("another", u64::MAX)), 1),
        ] {
            let document = w.pull(0, held).await;
            assert_eq!((document.number, document.from, document.floor), (3, from, 1), "{held:?}");
            assert_eq!(document.rules().unwrap().len() as u64, 4 - from, "{held:?}");
            assert_eq!(document.incarnation, mine);
        }
        let of_no_incarnation = StateRequest {
            version: VERSION,
            challenge: Challenge::new([5; 16]),
            incarnation: None,
            number: Some(2),
        };
        assert_eq!(w.domain.state_document(&w.at(0), of_no_incarnation).await.unwrap().from, 1);
    }
}

#[tokio::test]
async fn a_rule_goes_once_no_token_is_left_that_it_hits_and_the_rest_has_no_gap() {
    for w in World::each().await {
        let mine = w.pull(0, None).await.incarnation;
        let id = |n| shared::id::SessionId::new(time(0), [n; 10]);
        for (seconds, n) in [(0, 1), (0, 2), (100, 3), (50, 4)] {
            w.append(seconds, Revocation::Session(id(n))).await;
        }
        let prune = async |seconds| w.domain.prune_revocations(&w.at(seconds)).await.unwrap();
        assert_eq!(prune(KEPT - 1).await, 0);
        assert_eq!(w.domain.revocations().await.unwrap(), Extent { number: 4, kept: 4 });
        assert_eq!(prune(KEPT).await, 2);
        // The last one has expired as well, but the one before it has not.
        assert_eq!(prune(KEPT + 50).await, 0);
        assert_eq!(w.domain.revocations().await.unwrap(), Extent { number: 4, kept: 2 });

        for (held, from) in [(None, 3), (Some(0), 3), (Some(1), 3), (Some(2), 3), (Some(3), 4), (Some(4), 5)]
        {
            let document = w.pull(0, held.map(|number| (mine.as_str(), number))).await;
            assert_eq!((document.number, document.from, document.floor), (4, from, 3), "{held:?}");
            assert_eq!(document.rules().unwrap().len() as u64, 5 - from, "{held:?}");
            // An edge that had the log up to there goes on with it.
            let mut rules = Rules::default();
            assert_eq!(rules.apply(&w.pull(0, None).await), Ok(()));
            assert_eq!(rules.apply(&document), Ok(()));
        }

        assert_eq!(prune(KEPT + 100).await, 2);
        let document = w.pull(0, None).await;
        assert_eq!((document.number, document.from, document.floor, document.rules.as_str()), (4, 5, 5, ""));
        assert_eq!(w.domain.revocations().await.unwrap(), Extent { number: 4, kept: 0 });
        assert_eq!(w.append(0, Revocation::Key("a")).await, 5);
        assert_eq!(w.pull(0, Some((&mine, 4))).await.from, 5);
    }
}

#[tokio::test]
async fn pruning_goes_on_batch_by_batch() {
    for w in World::each().await {
        let mut transaction = w.store.begin().await.unwrap();
        for _ in 0..1_203 {
            revocations::append(&mut transaction, Revocation::Key("a"), time(0)).await.unwrap();
        }
        revocations::append(&mut transaction, Revocation::Key("b"), time(1)).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(w.domain.prune_revocations(&w.at(KEPT)).await.unwrap(), 1_203);
        assert_eq!(w.pull(0, None).await.floor, 1_204);
    }
}

#[tokio::test]
async fn a_rule_covers_tokens_of_longer_lives_than_are_issued_now() {
    for w in World::each_with(Settings { access_ttl: Duration::from_secs(HOUR), ..settings() }).await {
        let now = open(&w.store, settings(), MASTER_KEY, 1).await.unwrap();
        w.append(0, Revocation::Key("a")).await;
        assert_eq!(now.prune_revocations(&w.at(KEPT)).await.unwrap(), 0);
        assert_eq!(now.prune_revocations(&w.at(HOUR + 90)).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_missing_rule_is_an_error_and_no_document() {
    for w in World::each().await {
        for kid in ["a", "b", "c"] {
            w.append(0, Revocation::Key(kid)).await;
        }
        let mut transaction = w.store.begin().await.unwrap();
        sqlx::query("DELETE FROM revocations WHERE number = 2").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let found = revocations::since(w.store.reads(), None).await;
        assert!(matches!(found, Err(crate::store::Error::Corrupt { .. })), "{found:?}");
    }
}

/// PostgreSQL reads what it was when the statement began, so a document never mixes two moments.
#[tokio::test(flavor = "multi_thread")]
async fn the_number_is_that_of_the_last_rule_in_the_document_while_others_append_and_prune() {
    for w in World::each().await.into_iter().filter(|w| w.store.dialect() == Dialect::Postgres) {
        let changes = tokio::spawn({
            let w = w.clone();
            async move {
                for round in 0..150 {
                    w.append(round, Revocation::Key("a")).await;
                    w.domain.prune_revocations(&w.at(KEPT + round.saturating_sub(3))).await.unwrap();
                }
            }
        });
        while !changes.is_finished() {
            let document = w.pull(0, None).await;
            assert_eq!(document.rules().unwrap().len() as u64, document.number + 1 - document.floor);
        }
        changes.await.unwrap();
    }
}

#[tokio::test]
async fn the_log_tells_which_incarnation_it_is_of() {
    for w in World::each().await {
        w.append(0, Revocation::Key("a")).await;
        let before = w.pull(0, None).await.incarnation;
        let mut transaction = w.store.begin().await.unwrap();
        sqlx::query("UPDATE meta SET value = 'restored' WHERE name = $1")
            .bind(meta::INCARNATION)
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let document = w.pull(0, Some((&before, 1))).await;
        assert_eq!((document.incarnation.as_str(), document.from), ("restored", 1));
    }
}

#[tokio::test]
async fn an_edge_that_has_seen_more_proves_that_the_database_went_back() {
    for w in World::each().await {
        w.append(0, Revocation::Key("a")).await;
        let mine = w.pull(0, None).await.incarnation;
        let ask = async |incarnation: &str, number, seconds| {
            let request = StateRequest {
                version: VERSION,
                challenge: Challenge::new([5; 16]),
                incarnation: Some(incarnation.to_owned()),
                number: Some(number),
            };
            w.domain.state_document(&w.at(seconds), request).await
        };
        assert!(ask(&mine, 1, 0).await.is_ok());
        assert!(ask("another", 2, 0).await.is_ok(), "another log's numbers say nothing of this one");
        w.domain.must_be_current(time(0)).await.unwrap();

        let error = ask(&mine, 2, 0).await.unwrap_err();
        assert!(matches!(error, Error::WentBack { .. }), "{error}");
        assert!(error.to_string().contains("origin database restored"), "{error}");
        // From now on nobody is answered, whatever was seen, by any origin on this database.
        assert!(matches!(ask(&mine, 1, 2).await, Err(Error::WentBack { .. })));
        assert!(matches!(w.domain.must_be_current(time(2)).await, Err(Error::WentBack { .. })));
        let other = open(&w.store, settings(), MASTER_KEY, 2).await.unwrap();
        assert!(matches!(other.must_be_current(time(2)).await, Err(Error::WentBack { .. })));
        assert_eq!(w.events("database.went_back").await, ["failure edge_has_seen_more"]);

        let context = w.at(3);
        let restored = w.domain.restored(&context).await.unwrap();
        assert_eq!((restored.number, context.revoked.get()), (2, Some(2)));
        let document = ask(&mine, 2, 4).await.unwrap();
        assert_eq!((document.incarnation, document.from), (restored.incarnation, 1));
        w.domain.must_be_current(time(5)).await.unwrap();
    }
}

#[tokio::test]
async fn of_several_numbers_of_one_request_the_highest_is_told() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let context = w.at(0);
        for _ in 0..3 {
            w.browser(0).await;
            w.domain.end_all_sessions(&context.by(user), user).await.unwrap();
        }
        assert_eq!(context.revoked.get(), Some(3));
        // Where nothing ends there is nothing to tell.
        w.domain.end_all_sessions(&w.at(1), user).await.unwrap();
        assert_eq!(w.pull(1, None).await.number, 3);
    }
}
