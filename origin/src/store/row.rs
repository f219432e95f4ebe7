//! Reading a row: each column into the type it stands for, and what cannot be read is an error that says
//! where, never a guess.

use std::{fmt::Display, str::FromStr};

use shared::{authentication::Authentication, role::RoleName, secret::Digest, time::Timestamp};
use sqlx::{Row as _, any::AnyRow};

use super::Error;

/// Reads the columns of one row by name.
pub(super) trait Columns {
    /// A number.
    fn number(&self, column: &'static str) -> Result<i64, Error>;
    /// A number, or NULL.
    fn number_or_null(&self, column: &'static str) -> Result<Option<i64>, Error>;
    /// A text, or NULL.
    fn text_or_null(&self, column: &'static str) -> Result<Option<String>, Error>;
    /// Bytes, or NULL.
    fn bytes_or_null(&self, column: &'static str) -> Result<Option<Vec<u8>>, Error>;

    /// A number that counts something.
    fn count(&self, column: &'static str) -> Result<u64, Error> {
        as_count(column, self.number(column)?)
    }

    /// A text.
    fn text(&self, column: &'static str) -> Result<String, Error> {
        self.text_or_null(column)?.ok_or_else(|| null(column))
    }

    /// Bytes.
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, Error> {
        self.bytes_or_null(column)?.ok_or_else(|| null(column))
    }

    /// A moment.
    fn time(&self, column: &'static str) -> Result<Timestamp, Error> {
        self.number(column).map(Timestamp::from_millis)
    }

    /// A moment, or NULL for never.
    fn time_or_null(&self, column: &'static str) -> Result<Option<Timestamp>, Error> {
        Ok(self.number_or_null(column)?.map(Timestamp::from_millis))
    }

    /// An id, a name or a state, in the type's own spelling.
    fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, Error> {
        parse(column, &self.text(column)?)
    }

    /// The same, or NULL.
    fn parsed_or_null<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, Error> {
        self.text_or_null(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// A digest, or NULL.
    fn digest_or_null(&self, column: &'static str) -> Result<Option<Digest>, Error> {
        let Some(bytes) = self.bytes_or_null(column)? else { return Ok(None) };
        let bytes = bytes.try_into().map_err(|_| corrupt(column, "32 bytes are wanted"))?;
        Ok(Some(Digest::from_bytes(bytes)))
    }

    /// How well it is known who a session's user is: `authenticated_at` and `amr` of the session,
    /// `verified_at` of the user.
    fn authentication(&self) -> Result<Authentication, Error> {
        Ok(Authentication {
            at: self.time_or_null("authenticated_at")?,
            methods: self.parsed_or_null("amr")?.unwrap_or_default(),
            email_verified: self.time_or_null("verified_at")?.is_some(),
        })
    }

    /// A user's roles, as [`ROLES`](super::users::ROLES) puts them together.
    fn roles(&self, column: &'static str) -> Result<Vec<RoleName>, Error> {
        let Some(text) = self.text_or_null(column)? else { return Ok(Vec::new()) };
        text.split(',').map(|role| parse(column, role)).collect()
    }
}

impl Columns for AnyRow {
    fn number(&self, column: &'static str) -> Result<i64, Error> {
        Ok(self.try_get(column)?)
    }

    fn number_or_null(&self, column: &'static str) -> Result<Option<i64>, Error> {
        Ok(self.try_get(column)?)
    }

    fn text_or_null(&self, column: &'static str) -> Result<Option<String>, Error> {
        Ok(self.try_get(column)?)
    }

    fn bytes_or_null(&self, column: &'static str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.try_get(column)?)
    }
}

/// A number that counts something: never negative.
pub(super) fn as_count(column: &'static str, number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|error| corrupt(column, error))
}

/// A number for a column; what no column can hold saturates and so matches no row.
pub(super) fn as_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn corrupt(column: &'static str, problem: impl Display) -> Error {
    Error::Corrupt { column, problem: problem.to_string() }
}

fn null(column: &'static str) -> Error {
    corrupt(column, "it is NULL")
}

fn parse<T: FromStr<Err: Display>>(column: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| corrupt(column, error))
}
