//! Administration, permission by permission. Each act says why it is done; on whose authority, the guard says,
//! and the domain asks for it anew when the act commits.

pub(super) mod keys;
pub(super) mod roles;
pub(super) mod second_factors;
pub(super) mod sessions;
pub(super) mod users;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};
use shared::problem::{Kind, Problem};
use utoipa::{IntoParams, ToSchema};

use crate::domain::Note;

/// The most entries on a page.
pub(in crate::http) const LARGEST_PAGE: u32 = 200;
/// How many there are when nobody says.
pub(in crate::http) const USUAL_PAGE: u32 = 50;

/// Why something is done, of a call with a body.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct Reason {
    /// Why, for the audit log: one line of at most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// Why something is done, of a call without a body.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ReasonQuery {
    /// Why, for the audit log: one line of at most 500 characters.
    #[param(value_type = String, min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl Reason {
    pub(in crate::http) fn note(&self) -> Result<Option<Note>, Problem> {
        note(self.reason.as_deref())
    }
}

impl ReasonQuery {
    pub(in crate::http) fn note(&self) -> Result<Option<Note>, Problem> {
        note(self.reason.as_deref())
    }
}

/// The reason for an act, which has to be there.
pub(in crate::http) fn note(reason: Option<&str>) -> Result<Option<Note>, Problem> {
    let refused = |detail: String| Problem::new(Kind::ReasonUnusable).with_detail(detail);
    let reason = reason.ok_or_else(|| refused("Say in `reason` why this is done.".to_owned()))?;
    Note::parse(reason).map(Some).map_err(|error| refused(format!("`reason` is not taken: {error}.")))
}

/// The parameters of a query, refused in our own words.
pub(in crate::http) struct Parameters<T>(pub(in crate::http) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(_) => Err(malformed("The query is not one that this call takes.")),
        }
    }
}

pub(in crate::http) fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::MalformedRequest).with_detail(detail)
}

/// How many entries a page has.
pub(in crate::http) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(USUAL_PAGE);
    if (1..=LARGEST_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(malformed("limit is a number from 1 to 200."))
    }
}
