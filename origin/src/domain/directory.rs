//! Who there is, and who is signed in, page by page: each page begins after the last entry of the one before,
//! so that it is found as fast as the first however many there are.

use std::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use shared::{
    id::{SessionId, UserId},
    role::RoleName,
    time::Timestamp,
};

use super::{Domain, Error, Session, User, email::EmailAddress};
use crate::store::directory::{self, Filter};

/// The longest address there is (RFC 5321 §4.5.3.1.3), in bytes.
const LONGEST_ADDRESS: usize = 254;

/// Which users are wanted; the default is all of them.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// The one of this address, however it is spelt.
    pub email: Option<String>,
    /// Those whose address begins like this. They come in the order of their addresses, others in the order
    /// in which they were made.
    pub email_prefix: Option<String>,
    /// Those who have this role.
    pub role: Option<RoleName>,
    /// Those in this state.
    pub state: Option<UserState>,
    /// Those after the last one of the page before.
    pub after: Option<Cursor>,
}

/// Whether somebody can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// They can.
    Enabled,
    /// They cannot.
    Disabled,
}

/// Where a page of users ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// In the order in which they were made.
    User(UserId),
    /// In the order of addresses.
    Address(String),
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the end of a page")]
pub struct InvalidCursor;

/// A page of users.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Where it ended, if there are more.
    pub next: Option<Cursor>,
}

/// A page of live sessions, the newest first.
#[derive(Clone, Debug)]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// The last of them, if there are more.
    pub next: Option<SessionId>,
}

impl Domain {
    /// A page of the users that are wanted.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`] when an address that is wanted is none, [`Error::ForeignCursor`] when the page
    /// before was of a query in another order.
    pub async fn find_users(&self, wanted: &UserQuery, limit: u32) -> Result<UserPage, Error> {
        let email = wanted.email.as_deref().map(EmailAddress::parse).transpose()?;
        let prefix = wanted.email_prefix.as_ref().map(|prefix| prefix.to_lowercase());
        // No address is so long, or has such characters; and a database does not take all of them.
        if prefix
            .as_ref()
            .is_some_and(|prefix| prefix.len() > LONGEST_ADDRESS || prefix.chars().any(char::is_control))
        {
            return Ok(UserPage { users: Vec::new(), next: None });
        }
        let after = match (&wanted.after, &prefix) {
            (None, _) => None,
            (Some(Cursor::User(id)), None) => Some(id.to_string()),
            (Some(Cursor::Address(address)), Some(_)) => Some(address.clone()),
            _ => return Err(Error::ForeignCursor),
        };
        let filter = Filter {
            email: email.as_ref().map(EmailAddress::lookup),
            prefix: prefix.as_deref(),
            role: wanted.role.as_ref(),
            is_disabled: wanted.state.map(|state| state == UserState::Disabled),
            after: after.as_deref(),
        };
        let (reads, dialect) = (self.0.store.reads(), self.0.store.dialect());
        let mut users = directory::users(reads, dialect, &filter, limit.saturating_add(1)).await?;
        let next = cut(&mut users, limit).map(|last| match prefix {
            Some(_) => Cursor::Address(last.email.to_lowercase()),
            None => Cursor::User(last.id),
        });
        Ok(UserPage { users, next })
    }

    /// A page of the live sessions of everybody, or of one user.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn find_sessions(
        &self,
        user: Option<UserId>,
        after: Option<SessionId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<SessionPage, Error> {
        let reads = self.0.store.reads();
        let mut sessions = directory::live_sessions(reads, user, after, now, limit.saturating_add(1)).await?;
        let next = cut(&mut sessions, limit).map(|last| last.id);
        Ok(SessionPage { sessions, next })
    }

    /// How many users have each role, those of the policy and those that it no longer has.
    ///
    /// # Errors
    /// [`Error::Store`] when the database fails.
    pub async fn count_roles(&self) -> Result<Vec<(RoleName, u64)>, Error> {
        Ok(directory::count_roles(self.0.store.reads()).await?)
    }
}

/// Cuts what was read beyond a page, which shows that there is more. The last entry of the page then.
fn cut<T>(entries: &mut Vec<T>, limit: u32) -> Option<&T> {
    let limit = limit as usize;
    if entries.len() <= limit {
        return None;
    }
    entries.truncate(limit);
    entries.last()
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Address(address) => f.write_str(&Base64UrlUnpadded::encode_string(address.as_bytes())),
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if let Ok(id) = text.parse() {
            return Ok(Self::User(id));
        }
        let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| InvalidCursor)?;
        let address = String::from_utf8(bytes).map_err(|_| InvalidCursor)?;
        let is_one = address.len() <= LONGEST_ADDRESS && !address.chars().any(char::is_control);
        if is_one { Ok(Self::Address(address)) } else { Err(InvalidCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_was_written_and_others_are_refused() {
        for cursor in [
            Cursor::User("018f0000-0000-7000-8000-000000000000".parse().unwrap()),
            Cursor::Address("ada@example.test".to_owned()),
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let zero = Base64UrlUnpadded::encode_string(b"a\0b");
        for text in ["!", "a", "_w", zero.as_str(), &"YWFh".repeat(100)] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
