//! Request bodies: JSON and forms, of bounded size, and refused in our own words.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse as _,
};
use serde::de::DeserializeOwned;
use shared::problem::{Kind, Problem};

/// The largest body that any call takes, in bytes. The longest of ours are passwords.
pub(super) const LARGEST: usize = 64 * 1024;

/// What a body is written in, as its `Content-Type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

impl Format {
    /// The format of a request's body. Parameters (`; charset=utf-8`) do not matter, the type must be one
    /// of the two, and exactly one such header must be there.
    ///
    /// # Errors
    /// [`Kind::UnsupportedMediaType`].
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let essence = match (types.next().map(|value| value.to_str()), types.next()) {
            (Some(Ok(value)), None) => value.split(';').next().unwrap_or_default().trim(),
            _ => "",
        };
        if essence.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            Err(Kind::UnsupportedMediaType.into())
        }
    }
}

/// A body of JSON. Unknown members are left out of account; a member that is there twice is refused.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if Format::of(request.headers())? != Format::Json {
            return Err(Problem::new(Kind::UnsupportedMediaType).with_detail("Send application/json."));
        }
        from_json(&bytes(request, state).await?).map(Self)
    }
}

/// What was sent by a script or by a plain form, and by which of the two.
pub(super) struct Submitted<T> {
    /// What it says.
    pub value: T,
    /// What it was written in.
    pub format: Format,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Submitted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let format = Format::of(request.headers())?;
        let content = bytes(request, state).await?;
        let value = match format {
            Format::Json => from_json(&content)?,
            Format::Form => from_form(&content)?,
        };
        Ok(Self { value, format })
    }
}

/// All of a body.
///
/// # Errors
/// [`Kind::TooLarge`] past [`LARGEST`], [`Kind::MalformedRequest`] when it breaks off.
pub(super) async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        // The limit is axum's own, and what it says of it is the status.
        match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge.into(),
            _ => Problem::new(Kind::MalformedRequest).with_detail("The body broke off."),
        }
    })
}

/// What a body of JSON says.
///
/// # Errors
/// [`Kind::MalformedRequest`], never with the parser's text, which repeats what was sent.
pub(super) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| {
        Problem::new(Kind::MalformedRequest).with_detail("The body is not the JSON that this call takes.")
    })
}

/// What a form says. A field that is there twice is refused (RFC 6749 §3.2).
///
/// # Errors
/// [`Kind::MalformedRequest`].
pub(super) fn from_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(body).map_err(|_| {
        Problem::new(Kind::MalformedRequest).with_detail("The body is not the form that this call takes.")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn format(types: &[&'static str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in types {
            headers.append(header::CONTENT_TYPE, HeaderValue::from_static(value));
        }
        Format::of(&headers).ok()
    }

    #[test]
    fn the_type_decides_and_only_one_counts() {
        assert_eq!(format(&["application/json; charset=utf-8"]), Some(Format::Json));
        assert_eq!(format(&["Application/X-WWW-Form-URLencoded"]), Some(Format::Form));
        for none in [&[][..], &["text/plain"], &["application/jsonx"], &["application/json", "text/plain"]] {
            assert_eq!(format(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        #[derive(Debug, serde::Deserialize)]
        struct One {
            #[expect(dead_code, reason = "only whether it can be read matters")]
            a: String,
        }
        assert!(from_json::<One>(br#"{"a":"1","a":"2"}"#).is_err());
        assert!(from_form::<One>(b"a=1&a=2").is_err());
        assert!(from_form::<One>(b"a=1&b=2").is_ok());
    }

    #[test]
    fn json_without_a_bottom_is_refused_wherever_it_stands() {
        #[derive(Debug, serde::Deserialize)]
        struct Anything {
            #[expect(dead_code, reason = "only whether it can be read matters")]
            wanted: serde_json::Value,
        }
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        for depth in [200, 100_000] {
            let deep = deep(depth);
            for json in [deep.clone(), format!("{{\"wanted\":{deep}}}"), "{\"wanted\":".repeat(depth)] {
                assert!(from_json::<Anything>(json.as_bytes()).is_err());
            }
            // What nobody wants is passed over without a step down for each bracket.
            let beside = format!("{{\"beside\":{deep},\"wanted\":1}}");
            let _ = from_json::<Anything>(beside.as_bytes());
        }
        assert!(from_json::<Anything>(format!("{{\"wanted\":{}}}", deep(100)).as_bytes()).is_ok());
    }
}
