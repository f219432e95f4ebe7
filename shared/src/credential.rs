//! The two kinds of credential that a client can present.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a caller was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// By the session cookie, which a browser sends by itself: cross-site requests are a matter.
    Session,
    /// By a token in the Authorization header, which only the client's own code sends.
    Bearer,
}

impl Credential {
    /// The name in headers, policies and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Bearer => "bearer",
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Credential {
    type Err = InvalidCredential;

    fn from_str(text: &str) -> Result<Self, InvalidCredential> {
        match text {
            "session" => Ok(Self::Session),
            "bearer" => Ok(Self::Bearer),
            _ => Err(InvalidCredential),
        }
    }
}

/// The text names no kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of credential: `session` or `bearer`")]
pub struct InvalidCredential;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_read() {
        for (kind, text) in [(Credential::Session, "session"), (Credential::Bearer, "bearer")] {
            assert_eq!((kind.to_string().as_str(), text.parse()), (text, Ok(kind)));
        }
        assert_eq!("Bearer".parse::<Credential>(), Err(InvalidCredential));
    }
}
