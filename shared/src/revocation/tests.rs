//! The set against a list that is searched from end to end, and against documents that must not count.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::edge_state::{Challenge, VERSION, encode_rules};

fn id<T: From<Uuid>>(n: u8) -> T {
    Uuid::from_bytes([n; 16]).into()
}

fn document(from: u64, floor: u64, rules: &[Rule]) -> StateDocument {
    StateDocument {
        version: VERSION,
        challenge: Challenge::new([0; 16]),
        incarnation: "one".to_owned(),
        number: from + rules.len() as u64 - 1,
        issued: 0,
        keys: vec![],
        from,
        floor,
        rules: encode_rules(rules.iter().copied()),
    }
}

/// Origin's log: every rule that there ever was, and where it begins.
#[derive(Debug, Default)]
struct Log {
    rules: Vec<Rule>,
    pruned: usize,
}

impl Log {
    /// What origin answers to whoever has the rules up to this number, or none.
    fn answer(&self, held: Option<u64>) -> StateDocument {
        let floor = self.pruned as u64 + 1;
        let from = held.map(|held| held + 1).filter(|from| *from >= floor).unwrap_or(floor);
        document(from, floor, &self.rules[usize::try_from(from).unwrap() - 1..])
    }

    fn hits(&self, session: SessionId, user: UserId, epoch: u64) -> bool {
        self.rules[self.pruned..].iter().any(|rule| match *rule {
            Rule::Session(id) => id == session,
            Rule::UserBelow(id, below) => id == user && epoch < below,
            Rule::Key => false,
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    EndSession(u8),
    /// A user's epoch grows: of one user they never shrink.
    Outdate(u8),
    WithdrawKey,
    Prune(u8),
    /// The edge pulls what it lacks, or everything.
    Pull {
        full: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u8..6).prop_map(Step::EndSession),
        3 => (0_u8..4).prop_map(Step::Outdate),
        1 => Just(Step::WithdrawKey),
        1 => (0_u8..5).prop_map(Step::Prune),
        2 => any::<bool>().prop_map(|full| Step::Pull { full }),
    ]
}

proptest! {
    #[test]
    fn what_is_held_hits_what_the_log_hits(steps in prop::collection::vec(step(), 0..80)) {
        let (mut log, mut epochs, mut rules) = (Log::default(), [1_u64; 4], Rules::default());
        for step in steps {
            match step {
                Step::EndSession(n) => log.rules.push(Rule::Session(id(n))),
                Step::Outdate(n) => {
                    epochs[usize::from(n)] += 1;
                    log.rules.push(Rule::UserBelow(id(n), epochs[usize::from(n)]));
                }
                Step::WithdrawKey => log.rules.push(Rule::Key),
                Step::Prune(n) => log.pruned = (log.pruned + usize::from(n)).min(log.rules.len()),
                Step::Pull { full } => {
                    let answer = log.answer((!full).then(|| rules.number()));
                    rules.apply(&answer).unwrap();
                    prop_assert_eq!(rules.number(), log.rules.len() as u64);
                    prop_assert_eq!(rules.len(), log.rules.len() - log.pruned);
                    prop_assert!(rules.sessions.len() + rules.users.len() <= rules.len());
                    let cold = Rules::from_full(&log.answer(None)).unwrap();
                    for session in 0..6 {
                        for (user, epoch) in (0..4).flat_map(|user| (0..8).map(move |epoch| (user, epoch))) {
                            let expected = log.hits(id(session), id(user), epoch);
                            prop_assert_eq!(rules.hits(id(session), id(user), epoch), expected);
                            prop_assert_eq!(cold.hits(id(session), id(user), epoch), expected);
                        }
                    }
                }
            }
        }
    }

    /// Whatever an origin might say, nothing that is held is lost before the log forgets it.
    #[test]
    fn no_document_undoes_a_rule(from in 0_u64..12, floor in 0_u64..12, number in 0_u64..12, count in 0_usize..12) {
        let mut rules = Rules::from_full(&document(1, 1, &[Rule::Key; 4])).unwrap();
        rules.apply(&document(5, 1, &[Rule::Session(id(1))])).unwrap();
        let document = StateDocument { number, ..document(from.max(1), floor, &vec![Rule::Key; count]) };
        let document = StateDocument { from, ..document };
        let is_taken = rules.apply(&document).is_ok();
        prop_assert_eq!(rules.hits(id(1), id(9), 1), !is_taken || floor <= 5);
        prop_assert!(rules.number() >= 5);
    }
}

#[test]
fn a_rule_hits_its_session_or_its_user_below_the_epoch() {
    let rules =
        Rules::from_full(&document(1, 1, &[Rule::Session(id(1)), Rule::UserBelow(id(2), 3)])).unwrap();
    assert!(rules.hits(id(1), id(9), 100));
    assert!(!rules.hits(id(9), id(1), 0));
    assert!(rules.hits(id(9), id(2), 2));
    assert!(!rules.hits(id(9), id(2), 3));
    assert!(!rules.hits(id(2), id(9), 0));
}

#[test]
fn rules_that_do_not_go_on_from_those_held_are_refused_and_these_stay() {
    let mut rules = Rules::from_full(&document(1, 1, &[Rule::Session(id(1)), Rule::Key])).unwrap();
    let key = [Rule::Key];
    for (document, refused) in [
        (document(1, 1, &key), Refused::Older { held: 2, number: 1 }),
        (document(4, 1, &key), Refused::Gap { held: 2, from: 4 }),
        (document(4, 3, &key), Refused::Gap { held: 2, from: 4 }),
        (
            StateDocument { number: 4, ..document(3, 1, &key) },
            Refused::Miscounted { count: 1, from: 3, number: 4 },
        ),
        (document(3, 4, &key), Refused::Miscounted { count: 1, from: 3, number: 3 }),
        (
            StateDocument { from: 0, number: 0, ..document(1, 0, &key) },
            Refused::Miscounted { count: 1, from: 0, number: 0 },
        ),
        (
            StateDocument { number: u64::MAX, ..document(3, 1, &key) },
            Refused::Miscounted { count: 1, from: 3, number: u64::MAX },
        ),
        (StateDocument { rules: "AAAA".to_owned(), ..document(3, 1, &key) }, InvalidRules.into()),
        (document(3, 1, &vec![Rule::Key; MAX_RULES]), Refused::TooMany),
    ] {
        assert_eq!(rules.apply(&document), Err(refused));
        assert_eq!((rules.number(), rules.len()), (2, 2));
        assert!(rules.hits(id(1), id(9), 1));
    }
    assert_eq!(Rules::from_full(&document(3, 1, &key)).unwrap_err(), Refused::Gap { held: 0, from: 3 });
}

#[test]
fn rules_that_expired_unseen_are_no_gap() {
    let mut rules = Rules::from_full(&document(1, 1, &[Rule::Session(id(1))])).unwrap();
    rules.apply(&document(50, 50, &[Rule::Session(id(2))])).unwrap();
    assert_eq!((rules.number(), rules.len(), rules.is_empty()), (50, 1, false));
    assert!(!rules.hits(id(1), id(9), 1));
    assert!(rules.hits(id(2), id(9), 1));
    rules.apply(&document(51, 51, &[])).unwrap();
    assert_eq!((rules.number(), rules.is_empty()), (50, true));
}

#[test]
fn as_many_as_can_be_held_are_held_and_make_room() {
    let mut rules = Rules::default();
    rules.apply(&document(1, 1, &vec![Rule::Key; MAX_RULES])).unwrap();
    let next = MAX_RULES as u64 + 1;
    assert_eq!(rules.apply(&document(next, 1, &[Rule::Key])), Err(Refused::TooMany));
    rules.apply(&document(next, 2, &[Rule::Key])).unwrap();
    assert_eq!(rules.len(), MAX_RULES);
}
