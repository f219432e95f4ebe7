//! A copy of what is kept about an account, for its owner to take along, a part at a time.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value};
use shared::{
    id::{SessionId, UserId},
    mac::MacKeys,
    time::Timestamp,
};

use super::KeptMail;
use crate::{
    domain::{
        AuditRow, Context, Domain, Error, SecondFactors, Session, User,
        audit::{Event, Kind},
        passkeys::Passkey,
    },
    store::{
        audit, leaving, mails::Kind as MailKind, passkeys, passwords, sessions, users::Kind as UserKind,
        words::words,
    },
};

/// How many sessions, and how many events, a part of a copy has at most.
const PART: u32 = 1000;
/// For how long the parts of a copy can be asked for, from when it was begun.
const PARTS_FOR: Duration = Duration::from_secs(3600);

/// A part of all that is kept about an account. No secret is among it, nor what would help to guess one.
#[derive(Clone, Debug)]
pub struct AccountCopy {
    /// The account.
    pub user: User,
    /// Whether it has a password.
    pub has_password: bool,
    /// Its second factors.
    pub second_factors: SecondFactors,
    /// Its passkeys.
    pub passkeys: Vec<Passkey>,
    /// Mail to its address that is kept.
    pub mails: Vec<KeptMail>,
    /// Its sessions, those that are over too, the oldest first.
    pub sessions: Vec<Session>,
    /// What the audit log says of it, the oldest first.
    pub events: Vec<CopiedEvent>,
    /// By which the next part is asked for; none after the last.
    pub next: Option<String>,
}

words! {
    /// Who did something, as it is told to whom it was done to.
    By {
        /// They themselves.
        Owner = "you",
        /// Somebody by a permission.
        Administrator = "an administrator",
        /// Somebody by a command.
        Operator = "an operator",
    }
}

/// An event of the audit log as whom it is about may know it: of somebody who administers, that it was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedEvent {
    /// The id.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, or why it was done.
    pub reason: Option<String>,
    /// Who did it; none where nobody was signed in.
    pub by: Option<By>,
    /// The user's session that it was done in, or to.
    pub session: Option<SessionId>,
    /// From where, unless somebody did it who administers.
    pub address: Option<String>,
    /// By what, likewise.
    pub user_agent: Option<String>,
    /// More.
    pub detail: Map<String, Value>,
}

/// Where a copy goes on: after which of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    begun_at: Timestamp,
    session: Option<SessionId>,
    event: u64,
}

impl Domain {
    /// A copy of what is kept about an account, or the part of it that `after` asks for, which is what the part
    /// before said. That a copy was asked for is recorded.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such person, [`Error::ForeignCursor`] when no part before said this, or
    /// the copy was begun more than an hour ago.
    pub async fn copy_account(
        &self,
        context: &Context,
        user: UserId,
        after: Option<&str>,
    ) -> Result<AccountCopy, Error> {
        let reads = self.0.store.reads();
        let found = passwords::credentials_by_id(reads, user).await?;
        let found = found.filter(|found| found.user.kind == UserKind::Person).ok_or(Error::NotFound)?;
        let keys = self.keys(context.now).await?;
        let from = match after {
            Some(after) => Position::read(after, user, &keys.copies)
                .filter(|from| context.now.since(from.begun_at) <= PARTS_FOR)
                .ok_or(Error::ForeignCursor)?,
            None => {
                self.record_alone(context, Event::success(Kind::AccountExported).subject(user)).await?;
                Position { begun_at: context.now, session: None, event: 0 }
            }
        };
        let sessions = sessions::all_of(reads, user, from.session, PART).await?;
        let events = audit::of_subject(reads, user, from.event, PART).await?;
        let is_last = sessions.len() < PART as usize && events.len() < PART as usize;
        let next = Position {
            session: sessions.last().map(|session| session.id).or(from.session),
            event: events.last().map_or(from.event, |(number, _)| *number),
            ..from
        };
        Ok(AccountCopy {
            has_password: found.password_hash.is_some(),
            second_factors: self.second_factors(user).await?,
            passkeys: passkeys::of(reads, user).await?,
            mails: leaving::mail_of(reads, user, &found.user.email).await?,
            sessions,
            events: events.into_iter().filter_map(|(_, event)| CopiedEvent::new(event, user)).collect(),
            user: found.user,
            next: (!is_last).then(|| next.to_text(user, &keys.copies)),
        })
    }
}

impl CopiedEvent {
    /// What the user may see of an event; none of one that tells whether an address is somebody else's.
    fn new(event: AuditRow, user: UserId) -> Option<Self> {
        let mut detail = event.details();
        let is_of_mail_to_a_new_address =
            detail.get("kind").and_then(Value::as_str) == Some(MailKind::ConfirmNewAddress.as_str());
        if is_of_mail_to_a_new_address {
            return None;
        }
        // Why a change was not offered is no more the asker's to know here than it was then.
        let is_change = event.kind == Kind::EmailChangeRequested.as_str();
        let by = match event.actor {
            Some(actor) if actor == user => Some(By::Owner),
            Some(_) => Some(By::Administrator),
            None => detail.contains_key("operator").then_some(By::Operator),
        };
        // Who administers has a session too, which stands beside the user's where it was done to that.
        let is_own_session = by != Some(By::Administrator) || detail.contains_key("actor_session");
        let is_by_another = matches!(by, Some(By::Administrator | By::Operator));
        if is_by_another {
            for theirs in ["note", "operator", "actor_session"] {
                detail.remove(theirs);
            }
        }
        Some(Self {
            id: event.id,
            at: event.at,
            kind: event.kind,
            success: event.success,
            reason: event.reason.filter(|_| !is_change),
            by,
            session: event.session.filter(|_| is_own_session),
            address: event.address.filter(|_| !is_by_another),
            user_agent: event.user_agent.filter(|_| !is_by_another),
            detail,
        })
    }
}

impl Position {
    /// The position as the user's client carries it, with a mac: what nobody was told is no position.
    fn to_text(self, user: UserId, keys: &MacKeys) -> String {
        let position = self.plain();
        let tag = keys.current().tag(format!("{user}.{position}").as_bytes());
        format!("{position}.{}", Base64UrlUnpadded::encode_string(&tag[..16]))
    }

    fn plain(self) -> String {
        let session = self.session.map(|id| id.to_string()).unwrap_or_default();
        format!("{}.{}.{session}", self.begun_at.millis(), self.event)
    }

    fn read(text: &str, user: UserId, keys: &MacKeys) -> Option<Self> {
        let (position, tag) = text.rsplit_once('.')?;
        let mut half = [0; 16];
        let tag = Base64UrlUnpadded::decode(tag, &mut half).ok()?;
        if !keys.verify_half(format!("{user}.{position}").as_bytes(), tag.try_into().ok()?) {
            return None;
        }
        let mut parts = position.split('.');
        let (begun_at, event, session) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            begun_at: Timestamp::from_millis(begun_at.parse().ok()?),
            session: if session.is_empty() { None } else { Some(session.parse().ok()?) },
            event: event.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::mac::SharedSecret;

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn id(byte: u8) -> UserId {
        UserId::new(AT, [byte; 10])
    }

    fn session(byte: u8) -> SessionId {
        SessionId::new(AT, [byte; 10])
    }

    #[test]
    fn a_position_is_its_users_and_was_handed_out() {
        let keys = |byte| MacKeys::from(SharedSecret::new([byte; 32]).copy_key());
        for position in [
            Position { begun_at: AT, session: None, event: 7 },
            Position { begun_at: AT, session: Some(session(1)), event: 0 },
        ] {
            let text = position.to_text(id(1), &keys(1));
            assert_eq!(Position::read(&text, id(1), &keys(1)), Some(position));
            assert_eq!(Position::read(&text, id(2), &keys(1)), None);
            assert_eq!(Position::read(&text, id(1), &keys(2)), None);
            assert_eq!(Position::read(&text.replacen('1', "2", 1), id(1), &keys(1)), None);
            assert_eq!(Position::read(&text[..text.len() - 1], id(1), &keys(1)), None);
        }
        for text in ["", "0.", "0..", "0...", "7", ".", "1800000000000.0..AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Position::read(text, id(1), &keys(1)), None, "{text}");
        }
    }

    fn event(actor: Option<UserId>, detail: &str) -> AuditRow {
        AuditRow {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            at: AT,
            kind: "session.ended".to_owned(),
            success: true,
            reason: None,
            actor,
            subject: Some(id(1)),
            session: Some(session(1)),
            address: Some("192.0.2.9".to_owned()),
            user_agent: Some("theirs/1".to_owned()),
            request_id: "01890a5d-ac96-774b-bcce-b302099a8059".to_owned(),
            detail: Some(detail.to_owned()),
            personal: Some(r#"{"note":"a suspicion"}"#.to_owned()),
        }
    }

    #[test]
    fn of_an_administrator_one_learns_that_it_was_one() {
        let theirs = format!(r#"{{"actor_session":"{}","role":"editor"}}"#, session(9));
        let told = CopiedEvent::new(event(Some(id(9)), &theirs), id(1)).unwrap();
        assert_eq!((told.by, told.session), (Some(By::Administrator), Some(session(1))));
        assert_eq!((told.address, told.user_agent), (None, None));
        assert_eq!(Value::Object(told.detail).to_string(), r#"{"role":"editor"}"#);
        // Without another session beside it, it is the administrator's.
        let told = CopiedEvent::new(event(Some(id(9)), "{}"), id(1)).unwrap();
        assert_eq!((told.by, told.session), (Some(By::Administrator), None));
        let told = CopiedEvent::new(event(None, r#"{"operator":"root"}"#), id(1)).unwrap();
        assert_eq!((told.by, told.session), (Some(By::Operator), Some(session(1))));
        assert!(told.detail.is_empty() && told.address.is_none() && told.user_agent.is_none());
    }

    #[test]
    fn of_oneself_and_of_strangers_one_learns_from_where() {
        for (actor, by) in [(Some(id(1)), Some(By::Owner)), (None, None)] {
            let told = CopiedEvent::new(event(actor, r#"{"counter":2}"#), id(1)).unwrap();
            assert_eq!((told.by, told.address.as_deref()), (by, Some("192.0.2.9")));
            assert!(told.session.is_some() && told.detail.contains_key("note"), "{told:?}");
        }
    }

    #[test]
    fn nobody_learns_whether_an_address_is_somebody_elses() {
        let asked = AuditRow {
            kind: Kind::EmailChangeRequested.as_str().to_owned(),
            reason: Some("address_taken".to_owned()),
            ..event(Some(id(1)), "{}")
        };
        assert_eq!(CopiedEvent::new(asked, id(1)).unwrap().reason, None);
        let given_up = event(None, r#"{"kind":"confirm_new_address"}"#);
        assert!(CopiedEvent::new(given_up, id(1)).is_none());
    }
}
