//! The signature base (RFC 9421 §2.5): one line for each component, so a value must never hold a line end.

use super::{Message, SealError, single};

/// The derived components that every seal covers, in this order (RFC 9421 §2.2).
pub(super) const DERIVED: [&str; 4] = ["@method", "@authority", "@path", "@query"];

/// The base of a message for the derived components, these headers, and these parameters.
pub(super) fn of(message: &Message<'_>, headers: &[&str], parameters: &str) -> Result<String, SealError> {
    let mut base = String::with_capacity(1024);
    line(&mut base, "@method", message.method)?;
    line(&mut base, "@authority", &message.authority.to_ascii_lowercase())?;
    // An empty path is "/" (RFC 9421 §2.2.6), and without a query there is an empty one (§2.2.7).
    line(&mut base, "@path", if message.path.is_empty() { "/" } else { message.path })?;
    line(&mut base, "@query", &["?", message.query.unwrap_or_default()].concat())?;
    for name in headers {
        line(&mut base, name, single(message, name)?.ok_or(SealError::MissingHeader)?)?;
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base)
}

fn line(base: &mut String, name: &str, value: &str) -> Result<(), SealError> {
    // Spaces around a value are lost on the way (RFC 9110 §5.5), so they cannot be signed either.
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value;
    if !is_printable {
        return Err(SealError::Unprintable);
    }
    for part in ["\"", name, "\": ", value, "\n"] {
        base.push_str(part);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;

    #[test]
    fn a_base_is_that_of_the_rfc() {
        // RFC 9421 Appendix B.2.5. It covers other components than a seal, and its key is longer.
        let mut base = String::new();
        line(&mut base, "date", "Tue, 20 Apr 2021 02:07:55 GMT").unwrap();
        line(&mut base, "@authority", "example.com").unwrap();
        line(&mut base, "content-type", "application/json").unwrap();
        base.push_str(r#""@signature-params": ("date" "@authority" "content-type")"#);
        base.push_str(r#";created=1618884473;keyid="test-shared-secret""#);
        let key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
        let mac = Hmac::<Sha256>::new_from_slice(&Base64::decode_vec(key).unwrap()).unwrap();
        let mac = mac.chain_update(&base).finalize().into_bytes();
        assert_eq!(Base64::encode_string(&mac), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
    }

    #[test]
    fn the_components_stand_in_their_order() {
        let headers = [("x-identity-b", "2"), ("x-other", "0"), ("x-identity-a", "")];
        let message = Message {
            method: "GET",
            authority: "Demo.Example:8080",
            path: "",
            query: None,
            headers: &headers,
        };
        let base = of(&message, &["x-identity-a", "x-identity-b"], "(…)").unwrap();
        let expected = "\"@method\": GET\n\"@authority\": demo.example:8080\n\"@path\": /\n\"@query\": ?\n\
                        \"x-identity-a\": \n\"x-identity-b\": 2\n\"@signature-params\": (…)";
        assert_eq!(base, expected);
    }

    #[test]
    fn no_value_reaches_beyond_its_line() {
        for value in [
            "a\nb",
            "a\r\nb",
            "a\n \"@path\": /",
            "\n",
            "a\u{0}",
            "a\tb",
            "ü",
            " a",
            "a ",
            "\u{7f}",
            "\u{2028}",
        ] {
            let headers = [("x-identity-a", value)];
            let message = |method, authority, path, query| Message {
                method,
                authority,
                path,
                query,
                headers: &headers,
            };
            for message in [
                message(value, "a", "/", None),
                message("GET", value, "/", None),
                message("GET", "a", value, None),
                message("GET", "a", "/", Some(value)),
            ] {
                // A query stands after its question mark, where a space is not at the edge of the value.
                if message.query != Some(" a") {
                    assert_eq!(of(&message, &[], "").err(), Some(SealError::Unprintable), "{message:?}");
                }
            }
            let message = message("GET", "a", "/", None);
            assert_eq!(of(&message, &["x-identity-a"], "").err(), Some(SealError::Unprintable), "{value:?}");
        }
    }
}
