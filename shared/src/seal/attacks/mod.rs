//! What an attacker between edge and service can try, with and without a key that is good elsewhere.

mod spelling;

use proptest::prelude::*;

use super::*;
use crate::{mac::SharedSecret, mutation};

const NOW: i64 = 1_800_000_000;
const HEADERS: [(&str, &str); 3] = [
    ("x-identity-subject", "018f0000-0000-7000-8000-000000000001"),
    ("x-identity-roles", "viewer,editor"),
    ("content-digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
];

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn key(service: &str) -> MacKey {
    SharedSecret::new([7; 32]).seal_key(service)
}

fn nonce() -> Nonce {
    Nonce::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap()
}

fn message<'a>(headers: &'a [(&'a str, &'a str)]) -> Message<'a> {
    Message { method: "GET", authority: "demo.example", path: "/reports/7", query: Some("a=1&b"), headers }
}

/// What arrives: the message, its seal, and headers that are nobody's business.
fn received<'a>(headers: &[(&'a str, &'a str)], seal: &'a Seal) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("accept", "*/*"), ("accept", "ü"), (INPUT_HEADER, seal.input.as_str())];
    all.extend(headers);
    all.push((SIGNATURE_HEADER, seal.signature.as_str()));
    all
}

fn good_seal() -> Seal {
    sign(&message(&HEADERS), &key("demo"), Tag::Request, now(), MAX_LIFETIME, nonce()).unwrap()
}

fn check(message: &Message<'_>) -> Result<Sealed, SealError> {
    verify(message, &key("demo").into(), Tag::Request, now())
}

/// Verifies a message with these parameters and a good signature over them: what somebody who has the key
/// and writes in a way of their own would send.
fn check_spelled(parameters: &str) -> Result<Sealed, SealError> {
    let mut base = String::new();
    for (name, value) in
        [("@method", "GET"), ("@authority", "demo.example"), ("@path", "/reports/7"), ("@query", "?a=1&b")]
            .into_iter()
            .chain(HEADERS)
    {
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    let signature = Base64::encode_string(&key("demo").tag(base.as_bytes()));
    let seal = Seal { input: format!("{LABEL}={parameters}"), signature: format!("{LABEL}=:{signature}:") };
    check(&message(&received(&HEADERS, &seal)))
}

fn good_parameters() -> String {
    good_seal().input.strip_prefix("countersign=").unwrap().to_owned()
}

#[test]
fn a_seal_is_what_other_libraries_read() {
    // Key, key id and signature were made by Python's hmac (HKDF by RFC 5869's text) from the secret and a
    // base written out by hand.
    assert_eq!(key("demo").id(), "dMRB903bTvI");
    let seal = good_seal();
    assert_eq!(
        seal.input,
        format!(
            "countersign=(\"@method\" \"@authority\" \"@path\" \"@query\" \"x-identity-subject\" \
             \"x-identity-roles\" \"content-digest\");created=1800000000;expires=1800000030;\
             nonce=\"AAAAAAAAAAAAAAAAAAAAAA\";alg=\"hmac-sha256\";keyid=\"{}\";tag=\"countersign\"",
            key("demo").id()
        )
    );
    assert_eq!(seal.signature, "countersign=:xTF9NoSMb/5qHfnp+c8g21ovgl90UQs5KjiFFSecris=:");
    let sealed = check(&message(&received(&HEADERS, &seal))).unwrap();
    assert_eq!((sealed.nonce(), sealed.expires()), (nonce(), now() + MAX_LIFETIME));
    assert!(sealed.covers_body());
    assert!(sealed.is_body(b"{\"hello\": \"world\"}"));
    assert!(!sealed.is_body(b"{\"hello\": \"World\"}"));
    assert_eq!(check_spelled(&good_parameters()), Ok(sealed));
}

#[test]
fn a_seal_without_identity_or_digest_is_one() {
    let seal = sign(&message(&[]), &key("demo"), Tag::Request, now(), MAX_LIFETIME, nonce()).unwrap();
    let sealed = check(&message(&received(&[], &seal))).unwrap();
    assert!(!sealed.covers_body());
    assert!(!sealed.is_body(b""));
    // A digest that came from the client is not covered, and not believed.
    let sealed = check(&message(&received(&HEADERS[2..], &seal))).unwrap();
    assert!(!sealed.covers_body());
}

#[test]
fn a_single_flipped_bit_is_refused() {
    let seal = good_seal();
    let texts = ["GET", "demo.example", "/reports/7", "a=1&b", &seal.input, &seal.signature]
        .into_iter()
        .chain(HEADERS.iter().flat_map(|(name, value)| [*name, *value]));
    for (which, text) in texts.enumerate() {
        for bit in 0..text.len() * 8 {
            let mut bytes = text.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            let mut headers = HEADERS;
            let mut seal = seal.clone();
            let mut message = message(&[]);
            match which {
                0 => message.method = &flipped,
                1 => message.authority = &flipped,
                2 => message.path = &flipped,
                3 => message.query = Some(&flipped),
                4 => seal.input.clone_from(&flipped),
                5 => seal.signature.clone_from(&flipped),
                _ if which % 2 == 0 => headers[(which - 6) / 2].0 = &flipped,
                _ => headers[(which - 6) / 2].1 = &flipped,
            }
            let headers = received(&headers, &seal);
            message.headers = &headers;
            // Hosts are compared without their case (RFC 9421 §2.2.3).
            let is_same = which == 1 && flipped.eq_ignore_ascii_case(text);
            assert_eq!(check(&message).is_ok(), is_same, "{text} -> {flipped}");
        }
    }
}

#[test]
fn no_seal_that_was_changed_is_one() {
    let text = |seal: Seal| [seal.input, seal.signature].join("\n");
    let later = sign(&message(&HEADERS), &key("demo"), Tag::Request, now(), MAX_LIFETIME / 2, nonce());
    mutation::none_is_accepted(&[text(good_seal()), text(later.unwrap())], |text| {
        let Some((input, signature)) = text.split_once('\n') else { return false };
        let seal = Seal { input: input.to_owned(), signature: signature.to_owned() };
        check(&message(&received(&HEADERS, &seal))).is_ok()
    });
}

#[test]
fn a_seal_holds_for_its_request_alone() {
    let seal = good_seal();
    let headers = received(&HEADERS, &seal);
    let message = message(&headers);
    for moved in [
        Message { method: "DELETE", ..message },
        Message { method: "get", ..message },
        Message { authority: "demo.example:443", ..message },
        Message { authority: "origin.example", ..message },
        Message { authority: "", ..message },
        Message { path: "/reports/8", ..message },
        Message { path: "/reports/7/", ..message },
        Message { path: "/reports/7?a=1&b", query: None, ..message },
        Message { path: "", ..message },
        Message { query: None, ..message },
        Message { query: Some(""), ..message },
        Message { query: Some("a=1&b&"), ..message },
        Message { query: Some("b&a=1"), ..message },
    ] {
        assert_eq!(check(&moved), Err(SealError::BadSignature), "{moved:?}");
    }
}

#[test]
fn every_identity_header_is_covered_or_the_request_refused() {
    let seal = good_seal();
    for extra in [
        "x-identity-address",
        "x-identity-",
        "X-Identity-Subject",
        "x_identity_subject",
        "x-identity_roles",
        "x.identity.roles",
        "X_IDENTITY.ROLES",
        "x-identity-\u{fc}",
    ] {
        let mut headers = received(&HEADERS, &seal);
        headers.push((extra, "admin"));
        assert_eq!(check(&message(&headers)), Err(SealError::UnsignedHeader), "{extra}");
        assert_eq!(check(&message(&[(extra, "admin")])), Err(SealError::UnsignedHeader), "{extra}");
    }
}

#[test]
fn a_header_stands_once() {
    let seal = good_seal();
    for repeated in received(&HEADERS, &seal).into_iter().filter(|(name, _)| *name != "accept") {
        for again in [repeated, (repeated.0, ""), (repeated.0, "admin")] {
            let mut headers = received(&HEADERS, &seal);
            headers.push(again);
            assert_eq!(check(&message(&headers)), Err(SealError::DuplicateHeader), "{again:?}");
            headers.rotate_right(1);
            assert_eq!(check(&message(&headers)), Err(SealError::DuplicateHeader), "{again:?}");
        }
    }
}

#[test]
fn what_is_covered_is_there() {
    let seal = good_seal();
    for missing in 0..HEADERS.len() {
        let mut headers = HEADERS.to_vec();
        headers.remove(missing);
        assert_eq!(check(&message(&received(&headers, &seal))), Err(SealError::MissingHeader));
    }
    assert_eq!(check(&message(&[])), Err(SealError::Missing));
    assert_eq!(check(&message(&[("accept", "*/*"), HEADERS[2]])), Err(SealError::Missing));
    assert_eq!(check(&message(&[(INPUT_HEADER, &seal.input)])), Err(SealError::Malformed));
    assert_eq!(check(&message(&[(SIGNATURE_HEADER, &seal.signature)])), Err(SealError::Malformed));
}

#[test]
fn keys_are_told_apart() {
    let seal = good_seal();
    let headers = received(&HEADERS, &seal);
    let message = message(&headers);
    let verify = |keys: MacKeys| verify(&message, &keys, Tag::Request, now()).map(|_| ());
    assert_eq!(verify(MacKeys::new(key("other"), Some(key("demo")))), Ok(()));
    assert_eq!(check(&message).unwrap().key_id(), key("demo").id());
    assert_eq!(verify(key("other").into()), Err(SealError::UnknownKey));
    // The id of the one with the bytes of the other.
    let (demo, other) = (key("demo").to_text(), key("other").to_text());
    let forged = format!("{}.{}", demo.split_once('.').unwrap().0, other.split_once('.').unwrap().1);
    assert_eq!(verify(MacKey::from_text(&forged).unwrap().into()), Err(SealError::BadSignature));
}

#[test]
fn a_seal_of_one_purpose_is_none_of_another() {
    for (made, wanted) in [(Tag::Request, Tag::EdgeCall), (Tag::EdgeCall, Tag::Request)] {
        let seal = sign(&message(&HEADERS), &key("demo"), made, now(), MAX_LIFETIME, nonce()).unwrap();
        let headers = received(&HEADERS, &seal);
        let verify = |tag| verify(&message(&headers), &key("demo").into(), tag, now()).map(|_| ());
        assert_eq!(verify(made), Ok(()));
        assert_eq!(verify(wanted), Err(SealError::WrongTag));
    }
}

#[test]
fn a_seal_holds_for_its_time_alone() {
    let seal = good_seal();
    let headers = received(&HEADERS, &seal);
    let at = |millis: i64| {
        let now = Timestamp::from_millis(NOW * 1000 + millis);
        verify(&message(&headers), &key("demo").into(), Tag::Request, now).map(|_| ())
    };
    assert_eq!(at(-10_001), Err(SealError::NotYetValid));
    assert_eq!(at(-10_000), Ok(()));
    assert_eq!(at(29_999), Ok(()));
    assert_eq!(at(30_000), Err(SealError::Expired));

    let parameters = good_parameters();
    let lasting = |created: &str, expires: &str| {
        let parameters = parameters.replace("1800000000", created).replace("1800000030", expires);
        check_spelled(&parameters).map(|_| ())
    };
    assert_eq!(lasting("1800000000", "1800000031"), Err(SealError::LifetimeTooLong));
    assert_eq!(lasting("1800000000", "999999999999999"), Err(SealError::LifetimeTooLong));
    assert_eq!(lasting("1800000005", "1800000004"), Err(SealError::LifetimeTooLong));
    assert_eq!(lasting("1800000000", "1800000000"), Err(SealError::Expired));
    assert_eq!(lasting("0", "30"), Err(SealError::Expired));
    for time in ["-1", "01800000000", "+1", "1.5", "1e9", "", "\"1\"", "?1", "1000000000000000", " 1", "1 "] {
        assert_eq!(lasting(time, "1800000030"), Err(SealError::Malformed), "{time}");
        assert_eq!(lasting("1800000000", time), Err(SealError::Malformed), "{time}");
    }
    let too_long = sign(&message(&HEADERS), &key("demo"), Tag::Request, now(), MAX_LIFETIME * 2, nonce());
    assert_eq!(too_long, Err(SealError::LifetimeTooLong));
}

#[test]
fn what_cannot_be_verified_is_not_signed() {
    let sign = |headers: &[(&str, &str)]| {
        sign(&message(headers), &key("demo"), Tag::Request, now(), MAX_LIFETIME, nonce()).map(|_| ())
    };
    assert_eq!(sign(&[("x-identity-roles", "a\nb")]), Err(SealError::Unprintable));
    assert_eq!(sign(&[("x-identity-roles", "a\"\n\"@path\": /admin")]), Err(SealError::Unprintable));
    assert_eq!(sign(&[("x-identity-a", "1"), ("x-identity-a", "1")]), Err(SealError::Malformed));
    for name in
        ["accept", "X-Identity-Roles", "x_identity_roles", "x-identity-\"", "@status", "", "signature"]
    {
        assert_eq!(sign(&[(name, "a")]), Err(SealError::Malformed), "{name}");
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_verified(
        method in "[!-~]{1,10}", authority in "[!-~]{1,30}", path in "/[!-~]{0,60}", query: Option<u64>,
        roles in "[!-~]{0,30}", subject in "([!-~][ -~]{0,20}[!-~])?", counter: u64, seconds in 1_u64..=30,
    ) {
        let headers = [("x-identity-roles", roles.as_str()), ("x-identity-subject", subject.as_str())];
        let query = query.map(|query| query.to_string());
        let message = Message {
            method: &method, authority: &authority, path: &path, query: query.as_deref(), headers: &headers,
        };
        let nonces = nonce::NonceSource::starting_at([3; 8], counter);
        let lifetime = Duration::from_secs(seconds);
        let seal = sign(&message, &key("demo"), Tag::Request, now(), lifetime, nonces.next()).unwrap();
        let headers = received(&headers, &seal);
        let sealed = check(&Message { headers: &headers, ..message }).unwrap();
        prop_assert_eq!(sealed.expires(), now() + lifetime);
        prop_assert!(headers.iter().all(|(name, _)| concerns_seal(name) || *name == "accept"));
    }

    #[test]
    fn nothing_panics_and_nothing_is_accepted(input: String, signature: String, name: String, value: String) {
        let headers = [(INPUT_HEADER, input.as_str()), (SIGNATURE_HEADER, &signature), (&name, &value)];
        let refused = check(&message(&headers));
        prop_assert!(refused.is_err());
        let parsed = Parameters::parse(&input);
        prop_assert!(parsed.is_err());
    }
}
