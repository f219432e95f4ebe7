//! E-mail addresses: what is taken for one, and the form by which it is looked up.

/// The longest that mail can be sent to (RFC 5321 §4.5.3.1.3).
const MAX_LENGTH: usize = 254;
/// The longest part before the `@` (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_LENGTH: usize = 64;
/// The longest label of a domain (RFC 1035 §2.3.4).
const MAX_LABEL_LENGTH: usize = 63;

/// An address that mail can be sent to.
///
/// Only ASCII, and neither quoted nor with comments: so two addresses that look alike are one, and
/// nothing in it means anything to a log, a header or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    given: String,
    lookup: String,
}

impl EmailAddress {
    /// Takes an address exactly as it stands: nothing is trimmed.
    ///
    /// # Errors
    /// [`InvalidEmail`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidEmail::TooLong);
        }
        if !text.is_ascii() {
            return Err(InvalidEmail::NotAscii);
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::NoAt)?;
        if !is_local_part(local) {
            return Err(InvalidEmail::LocalPart);
        }
        if !is_domain(domain) {
            return Err(InvalidEmail::Domain);
        }
        // The local part's case means nothing anywhere today, and two accounts that differ by it alone
        // would be mistaken for each other.
        Ok(Self { given: text.to_owned(), lookup: text.to_ascii_lowercase() })
    }

    /// The address as it was given: what mail is sent to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The one form of all its spellings.
    #[must_use]
    pub fn lookup(&self) -> &str {
        &self.lookup
    }
}

/// `dot-atom` (RFC 5322 §3.2.3).
fn is_local_part(text: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    text.len() <= MAX_LOCAL_LENGTH && text.split('.').all(is_atom)
}

/// At least two labels of letters, digits and inner hyphens, the last not a number (RFC 1123 §2.1).
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_LENGTH).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.rsplit_once('.').is_some_and(|(_, last)| !last.bytes().all(|byte| byte.is_ascii_digit()))
        && text.split('.').all(is_label)
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Too long.
    #[error("an e-mail address has at most 254 characters")]
    TooLong,
    /// A character outside ASCII, such as a look-alike of `@`.
    #[error("an e-mail address is written in ASCII; others are not supported yet")]
    NotAscii,
    /// No `@`.
    #[error("an e-mail address has the form name@example.com")]
    NoAt,
    /// The part before the `@`.
    #[error("the part of the e-mail address before the @ has a character that is not allowed there")]
    LocalPart,
    /// The part after it.
    #[error("the part of the e-mail address after the @ is not the name of a domain")]
    Domain,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_found_by_any_case_of_it() {
        let address = EmailAddress::parse("Ada.Lovelace+x@Example.COM").unwrap();
        assert_eq!(address.as_str(), "Ada.Lovelace+x@Example.COM");
        assert_eq!(address.lookup(), "ada.lovelace+x@example.com");
    }

    #[test]
    fn look_alikes_and_what_means_something_elsewhere_are_refused() {
        for (text, fault) in [
            ("", InvalidEmail::NoAt),
            ("ada", InvalidEmail::NoAt),
            ("ada\u{ff20}example.com", InvalidEmail::NotAscii),
            ("ad\u{212a}@example.com", InvalidEmail::NotAscii),
            ("ada@ex\u{e4}mple.com", InvalidEmail::NotAscii),
            ("@example.com", InvalidEmail::LocalPart),
            (" ada@example.com", InvalidEmail::LocalPart),
            ("a..b@example.com", InvalidEmail::LocalPart),
            ("\"ada\"@example.com", InvalidEmail::LocalPart),
            ("ada\0@example.com", InvalidEmail::LocalPart),
            ("ada\r\n@example.com", InvalidEmail::LocalPart),
            ("ada@", InvalidEmail::Domain),
            ("ada@example", InvalidEmail::Domain),
            ("ada@example.com ", InvalidEmail::Domain),
            ("ada@example.com\n", InvalidEmail::Domain),
            ("ada@b@example.com", InvalidEmail::Domain),
            ("ada@-example.com", InvalidEmail::Domain),
            ("ada@example..com", InvalidEmail::Domain),
            ("ada@example.com.", InvalidEmail::Domain),
            ("ada@127.0.0.1", InvalidEmail::Domain),
            ("ada@[127.0.0.1]", InvalidEmail::Domain),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(fault), "{text:?}");
        }
        assert_eq!(
            EmailAddress::parse(&format!("{}@example.com", "a".repeat(65))),
            Err(InvalidEmail::LocalPart)
        );
        assert_eq!(EmailAddress::parse(&"a".repeat(255)), Err(InvalidEmail::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_lookup_form_is_its_own(text: String) {
            if let Ok(address) = EmailAddress::parse(&text) {
                let again = EmailAddress::parse(address.lookup()).unwrap();
                prop_assert_eq!(again.lookup(), address.lookup());
            }
        }

        #[test]
        fn what_people_have_is_accepted(text in "[A-Za-z0-9_+-]{1,20}(\\.[a-z]{1,9})?@([a-z0-9]{1,10}\\.){1,3}[a-z]{2,6}") {
            prop_assert!(EmailAddress::parse(&text).is_ok());
        }
    }
}
