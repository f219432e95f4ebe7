//! Admission: whether one more attempt is let through, counted in the database before anything is done for
//! it. Whatever can be guessed at, and whatever sends mail because a stranger asks, passes here first; so does mail
//! that tells of something, with what it tells of.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use shared::{
    id::{SessionId, UserId},
    secret::Digest,
};

use super::{
    Attempt, Context, Domain, Error,
    audit::{Event, Kind},
    email::EmailAddress,
    known_device::DeviceId,
    limits::Limit,
    passwords::Place,
};
use crate::store::{
    Transaction,
    attempts::{self, Counted, Refusal},
    mails::Kind as MailKind,
    users,
};

/// How often an attempt is tried while others change what refused it.
const ATTEMPTS: usize = 4;

/// All devices that know an account have as many guesses together as so many of them.
const DEVICES: u32 = 5;

/// What is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// A guess at a password. It is about to be hashed.
    Password,
    /// A guess at a code of a second step.
    Code,
    /// Something that has a mail sent.
    Mail,
    /// A refusal that is to be written into the audit log.
    Record,
    /// A question to a passkey, which is kept until it is answered.
    Ceremony,
}

impl Budget {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Mail => "mail",
            Self::Record => "record",
            Self::Ceremony => "ceremony",
        }
    }
}

/// Whose it is that is guessed at, or to whom mail goes.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Whoever has this e-mail address, in its lookup form. There need be nobody, and no difference is seen.
    Address(&'a str),
    /// This user.
    User(UserId),
    /// An account, by its address or id, on a device that it knows. Only what comes from its known devices counts
    /// there, and there are bounds for all of them together: whoever had the password once may have got many.
    Device(DeviceId, &'a str),
    /// Whoever has this e-mail address, and is to be written to because of this act. One kind of mail that somebody
    /// keeps asking for is not in the way of another.
    Recipient(&'a str, Kind),
    /// Whoever is signed in in this session. Only what comes from there counts there.
    Session(SessionId),
    /// Nobody that can be told.
    Nobody,
}

/// An attempt that was let through.
#[derive(Debug)]
#[must_use = "what succeeds is given back"]
pub(super) struct Admission(Vec<Counted>);

/// A limit that an attempt counts against, and what it is called in the audit log.
struct Applied {
    name: &'static str,
    counted: Counted,
}

impl Domain {
    /// Counts an attempt before anything is done for it, if every limit lets it through; and against none
    /// of them otherwise.
    ///
    /// Known and unknown addresses are counted alike. The address of the client counts too, unless the
    /// device or the session is known: those have limits of their own, which nobody else can use up.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the time to wait.
    pub(super) async fn admit(
        &self,
        context: &Context,
        budget: Budget,
        subject: Subject<'_>,
    ) -> Result<Admission, Error> {
        self.admit_after(context, budget, subject, || Ok(())).await.map(|(admission, ())| admission)
    }

    /// The same for what is hashed next: with a place for that, taken before the attempt is counted. Who is
    /// too many is refused after no more than a read, and counts for nothing.
    ///
    /// # Errors
    /// Those of [`admit`](Self::admit), and [`Error::Overloaded`] when there is no place.
    pub(super) async fn admit_to_hash(
        &self,
        context: &Context,
        budget: Budget,
        subject: Subject<'_>,
    ) -> Result<(Admission, Place), Error> {
        self.admit_after(context, budget, subject, || self.0.passwords.reserve()).await
    }

    async fn admit_after<T>(
        &self,
        context: &Context,
        budget: Budget,
        subject: Subject<'_>,
        reserve: impl Fn() -> Result<T, Error>,
    ) -> Result<(Admission, T), Error> {
        let applied = self.applied(context, budget, subject);
        for _ in 0..ATTEMPTS {
            if let Some(refusal) = self.refusal(context, &applied).await? {
                if !refusal.is_recorded {
                    self.record_refusal(context, budget, subject, &applied, &refusal).await?;
                }
                return Err(Error::TooManyAttempts { wait: refusal.allowed_at.since(context.now) });
            }
            let reserved = reserve()?;
            if self.count(context, &applied).await? {
                let counted = applied.into_iter().map(|applied| applied.counted).collect();
                return Ok((Admission(counted), reserved));
            }
        }
        Err(Error::Contended)
    }

    /// Counts the guess at a password that a login is: on a device that the account knows, or elsewhere.
    ///
    /// # Errors
    /// Those of [`admit_to_hash`](Self::admit_to_hash).
    pub(super) async fn admit_login(
        &self,
        context: &Context,
        attempt: &Attempt<'_>,
    ) -> Result<(Admission, Place), Error> {
        let Ok(address) = EmailAddress::parse(attempt.email) else {
            return self.admit_to_hash(context, Budget::Password, Subject::Nobody).await;
        };
        let account = address.lookup();
        let subject = match self.known_device(context, account, attempt.known_device).await? {
            Some(device) => Subject::Device(device, account),
            None => Subject::Address(account),
        };
        self.admit_to_hash(context, Budget::Password, subject).await
    }

    /// Counts a mail that tells of something, in the transaction of what it tells of. False when its recipient has
    /// been told of so many of this kind that one more is left out; what it would have told of happens all the same.
    ///
    /// Nothing but the recipient counts: nobody else can use up what the owner of an account is told by.
    pub(super) async fn admit_notice(
        &self,
        transaction: &mut Transaction,
        context: &Context,
        kind: MailKind,
        to: &str,
    ) -> Result<bool, Error> {
        let key = key(Budget::Mail, kind.as_str(), to.to_ascii_lowercase().as_bytes());
        // One row, and the user's before it: nobody waits for the other in a circle.
        let counted = counted(key, &self.0.settings.limits.mail_recipient, None);
        Ok(attempts::count(transaction, &[&counted], context.now).await?)
    }

    /// Takes an attempt back that was none, as a right password is none: in the transaction of what it
    /// led to. The account forgets those from the same client before it too (NIST SP 800-63B-4 §3.2.2); the
    /// client's address forgets this one alone, so that an account of one's own is no way to be forgiven.
    pub(super) async fn give_back(
        &self,
        transaction: &mut Transaction,
        admission: &Admission,
    ) -> Result<(), Error> {
        Ok(attempts::give_back(transaction, &admission.0).await?)
    }

    /// Takes an attempt back that was not judged, where the place to hash is not taken before: there was
    /// none.
    pub(super) async fn unless_overloaded<T>(
        &self,
        admission: &Admission,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::Overloaded) = outcome {
            let mut transaction = self.0.store.begin().await?;
            // This one alone: it proves nothing of those before.
            let alone: Vec<_> = admission.0.iter().map(|it| Counted { source: None, ..*it }).collect();
            attempts::give_back(&mut transaction, &alone).await?;
            transaction.commit().await?;
        }
        outcome
    }

    /// Counts against all limits or none. Every origin does so in this order, what is shared by the fewest
    /// first, so that none waits for the other in a circle, and for the limit of all only at the end.
    async fn count(&self, context: &Context, applied: &[Applied]) -> Result<bool, Error> {
        let mut transaction = self.0.store.begin().await?;
        let attempt: Vec<_> = applied.iter().map(|applied| &applied.counted).collect();
        if !attempts::count(&mut transaction, &attempt, context.now).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The limit that refuses for the longest. Only a look: whoever is let through by it is not counted yet.
    async fn refusal(&self, context: &Context, applied: &[Applied]) -> Result<Option<Refusal>, Error> {
        let limit = |at: usize| applied.get(at).or(applied.first()).map(|applied| &applied.counted);
        match (limit(0), limit(1), limit(2)) {
            (Some(first), Some(second), Some(third)) => {
                let limits = [first, second, third];
                Ok(attempts::longest_refusal(self.0.store.reads(), limits, context.now).await?)
            }
            _ => Ok(None),
        }
    }

    /// Records the first refusal of each delay, and not all that follow it.
    async fn record_refusal(
        &self,
        context: &Context,
        budget: Budget,
        subject: Subject<'_>,
        applied: &[Applied],
        refusal: &Refusal,
    ) -> Result<(), Error> {
        let limit = applied.iter().find(|applied| applied.counted.key == refusal.key);
        let session = if let Subject::Session(session) = subject { Some(session) } else { None };
        // Of an address stands there whose it is; one that nobody has is not written down.
        let subject = match subject {
            Subject::User(user) => Some(user),
            Subject::Address(address) | Subject::Recipient(address, _) if context.actor.is_none() => {
                users::by_email(self.0.store.reads(), address).await?.map(|user| user.id)
            }
            _ => context.actor,
        };
        let mut transaction = self.0.store.begin().await?;
        if !attempts::mark_recorded(&mut transaction, &refusal.key, context.now).await? {
            transaction.rollback().await?;
            return Ok(());
        }
        let event = Event::failure(Kind::AttemptsRefused, limit.map_or("limit", |limit| limit.name))
            .detail("budget", budget.as_str())
            .detail("seconds", whole_seconds(refusal.allowed_at.since(context.now)))
            .subject(subject)
            .session(session);
        self.commit(transaction, context, event).await
    }

    /// The limits that an attempt counts against, those shared by the fewest first.
    fn applied(&self, context: &Context, budget: Budget, subject: Subject<'_>) -> Vec<Applied> {
        let limits = &self.0.settings.limits;
        let (of_subject, of_address, of_all) = match budget {
            Budget::Password | Budget::Code => {
                (Some(&limits.account), &limits.address, Some(&limits.overall))
            }
            Budget::Mail => (Some(&limits.mail_recipient), &limits.mail_address, Some(&limits.mail_overall)),
            Budget::Record => (None, &limits.records, None),
            Budget::Ceremony => (None, &limits.ceremonies, None),
        };
        // One that guesses at passwords and codes guesses twice.
        let shared = if budget == Budget::Code { Budget::Password } else { budget };
        let client = client_of(context.address);
        let source = Some(Digest::of(client.as_bytes()));
        let alone = |name: &'static str, id: &[u8]| {
            let key = key(budget, name, id);
            vec![Applied { name, counted: counted(key, &limits.device, Some(key)) }]
        };
        let mut applied = match (subject, of_subject) {
            (Subject::Device(device, account), _) => {
                let mut applied = alone("device", device.as_bytes());
                let source = applied.first().map(|applied| applied.counted.key);
                let of_all = key(budget, "devices", account.as_bytes());
                let limit = limits.device.times(DEVICES);
                applied.push(Applied { name: "devices", counted: counted(of_all, &limit, source) });
                return applied;
            }
            (Subject::Session(session), _) => return alone("session", session.to_string().as_bytes()),
            (Subject::Address(address), Some(limit)) => {
                let key = key(budget, "account", address.as_bytes());
                vec![Applied { name: "account", counted: counted(key, limit, source) }]
            }
            (Subject::Recipient(address, act), Some(limit)) => {
                let key = key(budget, act.as_str(), address.as_bytes());
                vec![Applied { name: "account", counted: counted(key, limit, source) }]
            }
            (Subject::User(user), Some(limit)) => {
                let key = key(budget, "user", user.to_string().as_bytes());
                vec![Applied { name: "account", counted: counted(key, limit, source) }]
            }
            (Subject::Nobody | Subject::Address(_) | Subject::Recipient(..) | Subject::User(_), _) => {
                Vec::new()
            }
        };
        let of_client = key(shared, "address", client.as_bytes());
        applied.push(Applied { name: "address", counted: counted(of_client, of_address, None) });
        if let Some(limit) = of_all {
            applied.push(Applied {
                name: "overall",
                counted: counted(key(shared, "overall", &[]), limit, None),
            });
        }
        applied
    }
}

/// A time to wait in seconds, none of which is too few.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn counted(key: Digest, limit: &Limit, source: Option<Digest>) -> Counted {
    Counted { key, pace: limit.pace(), source }
}

/// What is limited, for whom.
fn key(budget: Budget, name: &str, id: &[u8]) -> Digest {
    Digest::of(&[budget.as_str().as_bytes(), b"\0", name.as_bytes(), b"\0", id].concat())
}

/// The client that an address is of: an IPv6 client has a /64 to choose from (RFC 6177 §2), so all of it is
/// one, and an IPv4 address is the same however it is written (RFC 4291 §2.5.5.2). All that come from nobody
/// knows where are one: not to be known is no advantage.
fn client_of(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
            format!("{network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(client_of(Some(address.parse().unwrap())), client);
        }
    }

    #[test]
    fn a_wait_is_never_rounded_down() {
        for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (900_000, 900)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn no_two_limits_share_a_key() {
        let keys = [
            key(Budget::Password, "account", b"a"),
            key(Budget::Password, "account", b"b"),
            key(Budget::Code, "account", b"a"),
            key(Budget::Password, "address", b"a"),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(keys[at + 1..].iter().all(|other| one != other));
        }
    }
}
