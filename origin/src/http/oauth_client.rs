//! How a client of the OAuth calls says who it is: by HTTP Basic or in the form, and not by both (RFC 6749 §2.3.1).

use std::fmt;

use axum::http::{HeaderMap, header};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::oauth::OauthError;

/// The longest header that is read: an id and a key are less than half of it, also with every byte encoded.
const LONGEST: usize = 1024;

/// A client's id and secret, as they were presented. They do not print.
#[derive(PartialEq, Eq)]
pub(super) struct ClientSecret {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

impl ClientSecret {
    /// What was presented, in the header or as `client_id` and `client_secret` of the form.
    ///
    /// # Errors
    /// `invalid_request` when it was presented twice, `invalid_client` when it was not, or cannot be read.
    pub(super) fn presented(
        headers: &HeaderMap,
        id: Option<&str>,
        secret: Option<&str>,
    ) -> Result<Self, OauthError> {
        let twice = || OauthError::new("invalid_request", "The client says in two ways who it is.");
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => match (id, secret) {
                (Some(id), Some(secret)) => {
                    Ok(Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
                }
                _ => Err(OauthError::invalid_client("The client's id or its secret is missing.")),
            },
            (Some(_), Some(_)) => Err(twice()),
            (Some(line), None) => {
                let read = line.to_str().ok().and_then(basic);
                let client = read.ok_or(OauthError::invalid_client("Authorization cannot be read."))?;
                // The id may stand in the form as well, as it does for clients without a secret.
                if secret.is_some() || id.is_some_and(|id| id != client.id) {
                    Err(twice())
                } else {
                    Ok(client)
                }
            }
        }
    }
}

/// What a header of the scheme `Basic` says (RFC 7617 §2). Both parts are encoded like those of a form.
fn basic(line: &str) -> Option<ClientSecret> {
    let (scheme, encoded) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST {
        return None;
    }
    let decoded = Zeroizing::new(Base64::decode_vec(encoded.trim_matches(' ')).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(ClientSecret { id: form_decoded(id)?, secret: Zeroizing::new(form_decoded(secret)?) })
}

/// A text that was encoded as the value of a form.
fn form_decoded(text: &str) -> Option<String> {
    let mut fields: Vec<(String, String)> = serde_urlencoded::from_str(&format!("v={text}")).ok()?;
    let (_, value) = fields.pop()?;
    // What has a `&` in it was not encoded.
    fields.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(
        lines: &[&str],
        form: (Option<&str>, Option<&str>),
    ) -> Result<(String, String), &'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, line.parse().unwrap());
        }
        let client = ClientSecret::presented(&headers, form.0, form.1);
        client.map(|client| (client.id, client.secret.to_string())).map_err(|error| error.code())
    }

    fn basic_of(text: &str) -> String {
        format!("Basic {}", Base64::encode_string(text.as_bytes()))
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let good = Ok(("id".to_owned(), "se cr:et".to_owned()));
        let header = basic_of("id:se+cr%3Aet");
        assert_eq!(presented(&[], (Some("id"), Some("se cr:et"))), good);
        assert_eq!(presented(&[&header], (None, None)), good);
        assert_eq!(presented(&[&header.replace("Basic", "bAsIc")], (Some("id"), None)), good);
        for (lines, form) in [
            (&[header.as_str()][..], (Some("id"), Some("secret"))),
            (&[&header], (None, Some("secret"))),
            (&[&header], (Some("other"), None)),
            (&[&header, &header], (None, None)),
        ] {
            assert_eq!(presented(lines, form), Err("invalid_request"), "{lines:?} {form:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_client() {
        for form in [(None, None), (Some("id"), None), (None, Some("secret"))] {
            assert_eq!(presented(&[], form), Err("invalid_client"), "{form:?}");
        }
        let (joined, long) = (format!("{0}, {0}", basic_of("a:b")), basic_of(&"a:b".repeat(1000)));
        for line in [
            "Basic",
            "Basic ",
            "Bearer abc",
            "Basic %%%",
            &basic_of("id"),
            &basic_of("a&b:c"),
            &joined,
            &long,
        ] {
            assert_eq!(presented(&[line], (None, None)), Err("invalid_client"), "{line}");
        }
    }
}
