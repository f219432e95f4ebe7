//! State documents, and the copies that isolates share. Nothing without our mac is read; with it, keys and rules are what
//! was written, every rule hits whom it is about, and nothing that was taken is lost by taking it again.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use shared::{
    edge_state::{
        Challenge, CopyError, OLDEST_VERSION, Rule, StateDocument, StateError, VERSION, decode_rules,
        encode_rules,
    },
    id::{SessionId, UserId},
    jwt::keys::PublicKey,
    mac::MacKeys,
    revocation::Rules,
    time::Timestamp,
};

use crate::{
    BETWEEN,
    keys::{anothers, ours},
};

const CHALLENGE: Challenge = Challenge::new([3; 16]);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const FRESH: Duration = Duration::from_secs(1);

/// Takes a mac and a body, a copy, or a body to be signed and, after it, another one to be taken after the first.
pub fn check(drawn: &[u8]) {
    let Some((choice, rest)) = drawn.split_first() else { return };
    match choice % 3 {
        0 => as_it_stands(rest),
        1 => copy_as_it_stands(rest),
        _ => {
            let mut parts = rest.splitn(2, |byte| *byte == BETWEEN as u8);
            let first = parts.next().and_then(signed);
            let second = parts.next().and_then(signed);
            if let (Some(first), Some(second)) = (first, second) {
                one_after_the_other(&first, &second);
            }
        }
    }
}

fn mac(keys: &MacKeys, body: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&keys.current().tag(body))
}

fn as_it_stands(drawn: &[u8]) {
    let Some(end) = drawn.iter().position(|byte| *byte == BETWEEN as u8) else { return };
    let (Ok(given), body) = (std::str::from_utf8(&drawn[..end]), &drawn[end + 1..]) else { return };
    if StateDocument::verify(body, given, &ours().state, &CHALLENGE).is_ok() {
        assert_eq!(given, mac(&ours().state, body), "nobody has signed this");
    }
}

fn copy_as_it_stands(copy: &[u8]) {
    if let Ok((_, began)) = StateDocument::from_copy(copy, &ours().copy, NOW, FRESH) {
        let dated = copy.splitn(2, |byte| *byte == b'\n').nth(1).expect("a line after the mac");
        assert!(copy.starts_with(mac(&ours().copy, dated).as_bytes()), "nobody has left this");
        assert!(began <= NOW && NOW.since(began) < FRESH, "an old copy");
    }
}

/// The document of a body that origin has signed, if it is one.
fn signed(body: &[u8]) -> Option<StateDocument> {
    let verify = |mac: &str, challenge| StateDocument::verify(body, mac, &ours().state, challenge);
    for keys in [&anothers().state, &ours().copy] {
        assert_eq!(verify(&mac(keys, body), &CHALLENGE), Err(StateError::BadMac), "the mac of another");
    }
    let document = verify(&mac(&ours().state, body), &CHALLENGE).ok()?;
    assert!((OLDEST_VERSION..=VERSION).contains(&document.version));
    assert_eq!(
        verify(&mac(&ours().state, body), &Challenge::new([4; 16])),
        Err(StateError::WrongChallenge),
        "an answer to somebody else"
    );
    let copy = StateDocument::copy(body, NOW, ours().copy.current());
    assert_eq!(
        StateDocument::from_copy(&copy, &ours().copy, NOW, FRESH),
        Ok((document.clone(), NOW)),
        "a copy is what was copied"
    );
    assert_eq!(
        StateDocument::from_copy(&copy, &ours().copy, NOW + FRESH, FRESH),
        Err(CopyError::Old),
        "a copy grows old"
    );
    keys_are_what_was_written(&document);
    rules_are_what_was_written(&document);
    Some(document)
}

fn keys_are_what_was_written(document: &StateDocument) {
    let Ok(keys) = document.key_set() else { return };
    assert_eq!(keys.iter().count(), document.keys.len());
    for key in keys.iter() {
        assert_eq!(PublicKey::try_from(&key.to_jwk()).as_ref(), Ok(key), "a key is read as it is written");
        assert_eq!(keys.get(key.id()), Some(key), "a key is found by its id");
    }
    let (body, mac) = document.sign(ours().state.current()).expect("a document is written");
    let again = StateDocument::verify(body.as_bytes(), &mac, &ours().state, &CHALLENGE);
    assert_eq!(again.as_ref(), Ok(document), "a document is read as it is written");
}

fn rules_are_what_was_written(document: &StateDocument) {
    let Ok(rules) = document.rules() else { return };
    assert_eq!(encode_rules(rules.iter().copied()), document.rules, "rules have one spelling");
    assert_eq!(decode_rules(&document.rules).as_ref(), Ok(&rules));
    let Ok(mut held) = Rules::from_full(document) else { return };
    assert_eq!((held.number(), held.len()), (document.number, rules.len()));
    assert!(hit_all(&held, &rules), "a rule hits nobody");
    assert!(hits_no_more(&held, &rules), "somebody is hit by no rule");
    held.apply(document).expect("the same once more");
    assert!(hit_all(&held, &rules) && held.number() == document.number, "taking it twice has lost a rule");
}

/// Takes one document and then another of the same log.
fn one_after_the_other(first: &StateDocument, second: &StateDocument) {
    let (Ok(mut held), Ok(old), Ok(new)) = (Rules::from_full(first), first.rules(), second.rules()) else {
        return;
    };
    let before = held.number();
    if held.apply(second).is_err() {
        assert!(hit_all(&held, &old) && held.number() == before, "a refused document has changed something");
        return;
    }
    assert!(held.number() >= before && held.number() == second.number, "the log has gone back");
    // What was held stays until the log forgets it, and what is new has come: the numbers say which that is.
    let numbered = (first.from..).zip(&old).filter(|(number, _)| *number >= second.floor);
    let added = (second.from..).zip(&new).filter(|(number, _)| *number > before && *number >= second.floor);
    let all: Vec<Rule> = numbered.chain(added).map(|(_, rule)| *rule).collect();
    assert!(hit_all(&held, &all), "a rule was lost");
    // A user's epoch never shrinks; of one that does, the largest may be held for longer than its rule.
    if all.iter().filter_map(epoch).is_sorted() && old.iter().filter_map(epoch).is_sorted() {
        assert!(hits_no_more(&held, &all), "a rule that nobody made");
    }
}

fn hit_all(held: &Rules, rules: &[Rule]) -> bool {
    let (somebody, some_session): (UserId, SessionId) = nobody();
    rules.iter().all(|rule| match *rule {
        Rule::Session(id) => held.hits(id, somebody, u64::MAX),
        Rule::UserBelow(user, epoch) => epoch == 0 || held.hits(some_session, user, epoch - 1),
        Rule::Key => true,
    })
}

fn hits_no_more(held: &Rules, rules: &[Rule]) -> bool {
    let (somebody, some_session): (UserId, SessionId) = nobody();
    let is_about = |user: UserId, session: SessionId, epoch: u64| {
        rules.iter().any(|rule| match *rule {
            Rule::Session(id) => id == session,
            Rule::UserBelow(id, below) => id == user && epoch < below,
            Rule::Key => false,
        })
    };
    rules.iter().all(|rule| match *rule {
        Rule::Session(id) => {
            let of_its_user = UserId::from(id.uuid());
            [0, 1, u64::MAX].into_iter().all(|epoch| {
                held.hits(some_session, of_its_user, epoch) == is_about(of_its_user, some_session, epoch)
            })
        }
        Rule::UserBelow(user, epoch) => [epoch, epoch.saturating_add(1)]
            .into_iter()
            .all(|epoch| held.hits(some_session, user, epoch) == is_about(user, some_session, epoch)),
        Rule::Key => !held.hits(some_session, somebody, 0) || is_about(somebody, some_session, 0),
    })
}

const fn epoch(rule: &Rule) -> Option<u64> {
    match *rule {
        Rule::UserBelow(_, epoch) => Some(epoch),
        Rule::Session(_) | Rule::Key => None,
    }
}

/// Ids that are hardly drawn.
fn nobody() -> (UserId, SessionId) {
    let id = "f0e1d2c3-b4a5-7968-8778-695a4b3c2d1e";
    (id.parse().expect("an id"), id.parse().expect("an id"))
}
