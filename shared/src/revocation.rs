//! The rules that an edge holds: what of the revocation log can still hit a token, found in one look-up
//! for its session and one for its user, whatever their number.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasherDefault, DefaultHasher, Hash},
};

use crate::{
    edge_state::{InvalidRules, Rule, StateDocument},
    id::{SessionId, UserId},
};

/// The most rules that are held. Origin forgets each after 690 s at its defaults: these are 190 revocations
/// in every second of them.
pub const MAX_RULES: usize = 1 << 17;

/// By id. Ids are drawn by origin, so nobody can choose many that collide.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The rules of one incarnation of the log, without a gap up to the number that they reach to.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whom the rules are about, the last one's number being `number`.
    held: VecDeque<About>,
    number: u64,
    /// The number of the last rule about each session.
    sessions: Map<SessionId, u64>,
    users: Map<UserId, Below>,
}

/// Whom a rule is about.
#[derive(Clone, Copy, Debug)]
enum About {
    Session(SessionId),
    User(UserId),
    Key,
}

/// What is outdated of a user.
#[derive(Clone, Copy, Debug)]
struct Below {
    epoch: u64,
    /// The number of the last rule about the user.
    number: u64,
}

/// Why rules were not taken; those that are held stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They cannot be read.
    #[error(transparent)]
    Unreadable(#[from] InvalidRules),
    /// They are not as many as the numbers say.
    #[error("the document has {count} rules for the numbers from {from} to {number}")]
    Miscounted {
        /// How many there are.
        count: usize,
        /// The first one's number, it says.
        from: u64,
        /// The last one's number, it says.
        number: u64,
    },
    /// The log has gone back, which it never does: they are from an older moment.
    #[error("the document reaches to {number}, and what is held already to {held}")]
    Older {
        /// The last number that is held.
        held: u64,
        /// The last number that they reach to.
        number: u64,
    },
    /// Some are missing between what is held and these.
    #[error("the document begins at {from}, and what is held ends at {held}")]
    Gap {
        /// The last number that is held.
        held: u64,
        /// The first one's number.
        from: u64,
    },
    /// There would be more than can be held.
    #[error("more than {MAX_RULES} rules would have to be held")]
    TooMany,
}

impl Rules {
    /// The rules of a document that has all of them.
    ///
    /// # Errors
    /// [`Refused`]; a document that has only the newer ones is a [`Refused::Gap`].
    pub fn from_full(document: &StateDocument) -> Result<Self, Refused> {
        let mut rules = Self::default();
        if document.from == document.floor {
            rules.apply(document)?;
            Ok(rules)
        } else {
            Err(Refused::Gap { held: 0, from: document.from })
        }
    }

    /// Takes the rules of a document of the same incarnation, and forgets those that the log no longer
    /// has. All of it or, with an error, nothing.
    ///
    /// # Errors
    /// [`Refused`]: they do not go on from those that are held.
    pub fn apply(&mut self, document: &StateDocument) -> Result<(), Refused> {
        let StateDocument { from, floor, number, .. } = *document;
        let new = document.rules()?;
        let count = u64::try_from(new.len()).unwrap_or(u64::MAX);
        if from == 0 || floor > from || from.checked_add(count) != number.checked_add(1) {
            return Err(Refused::Miscounted { count: new.len(), from, number });
        }
        let held = self.number;
        if number < held {
            return Err(Refused::Older { held, number });
        }
        // Past the floor nothing is missing: what came between has expired.
        let is_full = from == floor;
        if from > held.saturating_add(1) && !is_full {
            return Err(Refused::Gap { held, from });
        }
        let kept_from = self.first().max(floor);
        if number.saturating_add(1).saturating_sub(kept_from) > MAX_RULES as u64 {
            return Err(Refused::TooMany);
        }
        self.forget_below(floor);
        for (number, rule) in (from..).zip(new) {
            if number > held {
                self.hold(number, rule);
            }
        }
        self.number = number;
        Ok(())
    }

    /// Whether a rule hits what was issued in this session to this user at this epoch.
    #[must_use]
    pub fn hits(&self, session: SessionId, user: UserId, epoch: u64) -> bool {
        self.sessions.contains_key(&session) || self.users.get(&user).is_some_and(|below| epoch < below.epoch)
    }

    /// The number in the log that they reach to.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The number of the first rule that is held, or of the next one when there is none.
    fn first(&self) -> u64 {
        self.number.saturating_add(1).saturating_sub(self.held.len() as u64)
    }

    fn hold(&mut self, number: u64, rule: Rule) {
        self.held.push_back(match rule {
            Rule::Session(id) => {
                self.sessions.insert(id, number);
                About::Session(id)
            }
            Rule::UserBelow(id, epoch) => {
                let below = self.users.entry(id).or_insert(Below { epoch, number });
                *below = Below { epoch: epoch.max(below.epoch), number };
                About::User(id)
            }
            Rule::Key => About::Key,
        });
    }

    fn forget_below(&mut self, floor: u64) {
        let (first, next) = (self.first(), self.number.saturating_add(1));
        for (number, about) in (first..floor.min(next)).zip(self.held.drain(..count(first, floor.min(next))))
        {
            match about {
                About::Session(id) => remove_if(&mut self.sessions, id, |last| *last == number),
                About::User(id) => remove_if(&mut self.users, id, |below| below.number == number),
                About::Key => {}
            }
        }
    }
}

/// How many numbers there are from one to before another.
fn count(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// Removes what no later rule is about.
fn remove_if<K: Eq + Hash, V>(map: &mut Map<K, V>, key: K, is_last: impl Fn(&V) -> bool) {
    if let Entry::Occupied(entry) = map.entry(key)
        && is_last(entry.get())
    {
        entry.remove();
    }
}

#[cfg(test)]
mod tests;
