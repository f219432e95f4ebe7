//! Attacks on the form, the header and the signature.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Down, NOW, Toy, check, claims, ed25519, encode, es256, header, ready, signed, with};
use crate::{
    claims::{AccessClaims, TokenClaims},
    jwt::{
        compact::{self, MAX_HEADER_LENGTH, MAX_LENGTH, Malformed, Unverified},
        keys::{Algorithm, KeySet},
        verify::{Expected, Refused, verify},
    },
    mutation,
    time::Timestamp,
};

#[test]
fn a_good_token_is_verified() {
    let verified = check(&signed(&header().to_string(), &claims().to_string())).unwrap();
    let common = verified.claims().common();
    assert_eq!((common.epoch, common.issued().seconds(), common.expires().seconds()), (7, NOW, NOW + 600));
    assert_eq!(common.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["viewer", "editor"]);
    assert_eq!(verified.key(), es256().id());
    // What is minted from claims is read as the same claims.
    for key in [es256(), ed25519()] {
        let input =
            compact::signing_input(key.algorithm(), key.id(), AccessClaims::TYP, verified.claims()).unwrap();
        let token = compact::token(&input, &Toy::sign(&key, &input));
        assert_eq!(check(&token).unwrap().claims(), verified.claims());
    }
}

#[test]
fn the_algorithm_is_the_keys_and_from_the_list() {
    let long_ago =
        ["none", "None", "NONE", "nOnE", "none ", "", "HS256", "HS512", "RS256", "ES384", "ES256K"];
    for name in long_ago.into_iter().chain([" ES256", "ES256\n", "es256", "ES-256", "eddsa", "Ed25519"]) {
        let token = signed(&with(header(), "alg", Some(name.into())), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed), "{name:?}");
        let unsigned = &token[..=token.rfind('.').unwrap()];
        assert_eq!(check(unsigned), Err(Refused::Malformed), "{name:?}, unsigned");
    }
    for value in [json!(null), json!(256), json!(["ES256"]), json!({"ES256": 1}), json!(true)] {
        let token = signed(&with(header(), "alg", Some(value)), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed));
    }
    // A key of one algorithm is not used with the other, even if the bytes would fit.
    let token = signed(&with(header(), "alg", Some("EdDSA".into())), &claims().to_string());
    assert_eq!(check(&token), Err(Refused::WrongAlgorithm));
}

#[test]
fn no_token_that_was_changed_is_one() {
    let other = with(claims(), "sub", Some("018f0000-0000-7000-8000-000000000009".into()));
    let admin = with(claims(), "roles", Some(json!(["admin"])));
    let tokens = [claims().to_string(), other, admin].map(|claims| signed(&header().to_string(), &claims));
    mutation::none_is_accepted(&tokens, |text| check(text).is_ok());
}

#[test]
fn there_is_one_compact_form() {
    let token = signed(&header().to_string(), &claims().to_string());
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let last = |text: &str, to: &str| [&text[..text.len() - 1], to].concat();
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        ".".repeat(MAX_LENGTH),
        ".".repeat(10_000_000),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}=.{signature}"),
        format!("{token}=="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header} .{claims}.{signature}"),
        format!("{header}.{claims}\r\n.{signature}"),
        format!("{header}.{claims}.+{}", &signature[1..]),
        format!("{header}.{claims}./{}", &signature[1..]),
        format!("{header}.{claims}.%{}", &signature[1..]),
        format!("{header}.{claims}.ü{}", &signature[2..]),
        format!("{header}.{claims}.{}", &signature[4..]),
        format!("{header}.{claims}.AAAA{signature}"),
        // 64 bytes leave four bits over in the last character: only zeros are canonical.
        format!("{header}.{claims}.{}", last(signature, if signature.ends_with('A') { "B" } else { "_" })),
        // JSON serialization (RFC 7515 §7.2), and JWE's five parts.
        format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#),
        format!("{header}.{claims}.{signature}.{claims}.{signature}"),
    ] {
        assert_eq!(Unverified::parse(&text).map(|_| ()), Err(Malformed), "{}", &text[..text.len().min(99)]);
    }
}

#[test]
fn what_is_too_large_is_not_even_decoded() {
    let padding = |length| Some(Value::from("x".repeat(length)));
    let of_claims = |rest| signed(&header().to_string(), &with(claims(), "x", padding(rest)));
    let longest = (4000..6000).map(of_claims).find(|token| token.len() >= MAX_LENGTH).unwrap();
    assert_eq!((longest.len(), check(&longest).map(|_| ())), (MAX_LENGTH, Ok(())));
    assert_eq!(check(&of_claims(6000)), Err(Refused::Malformed));
    // Three bytes are four characters.
    let of_header = |length| {
        let rest = length / 4 * 3 - with(header(), "x", padding(0)).len();
        check(&signed(&with(header(), "x", padding(rest)), &claims().to_string())).map(|_| ())
    };
    assert_eq!(of_header(MAX_HEADER_LENGTH), Ok(()));
    assert_eq!(of_header(MAX_HEADER_LENGTH + 4), Err(Refused::Malformed));
}

#[test]
fn no_member_stands_twice() {
    let twice = |object: Value, member: &str| format!("{{{member},{}", &object.to_string()[1..]);
    for member in
        [r#""alg":"ES256""#, r#""alg":"none""#, r#""\u0061lg":"none""#, r#""kid":"x""#, r#""typ":"x""#]
    {
        let token = signed(&twice(header(), member), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed), "{member}");
    }
    let nested = r#""x":[{"a":1,"a":1}]"#;
    assert_eq!(check(&signed(&twice(header(), nested), &claims().to_string())), Err(Refused::Malformed));
    for member in [
        r#""sub":"018f0000-0000-7000-8000-000000000009""#,
        r#""s\u0075b":"018f0000-0000-7000-8000-000000000009""#,
        r#""exp":99999999999"#,
        r#""roles":["admin"]"#,
        r#""x":1,"x":2"#,
        nested,
    ] {
        let token = signed(&header().to_string(), &twice(claims(), member));
        assert_eq!(check(&token), Err(Refused::InvalidClaims), "{member}");
    }
}

#[test]
fn nothing_is_asked_for_and_no_key_brought_along() {
    let key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    for (name, value) in [
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["x", "x"])),
        ("crit", json!(null)),
        ("crit", json!("exp")),
        ("b64", json!(true)),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("jwk", key),
        ("jku", json!("https://attacker.test/jwks.json")),
        ("x5u", json!("https://attacker.test/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jku", json!(null)),
    ] {
        let token = signed(&with(header(), name, Some(value.clone())), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed), "{name}: {value}");
    }
    // What nobody has to understand is no reason to refuse (RFC 7515 §4).
    assert!(check(&signed(&with(header(), "x", Some(json!({"a": [1]}))), &claims().to_string())).is_ok());
}

#[test]
fn a_key_id_only_finds_a_key() {
    for id in ["../../dev/null", "' OR '1'='1", "https://attacker.test/key", "", "a\u{0}b", &"k".repeat(65)] {
        let token = signed(&with(header(), "kid", Some(id.into())), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed), "{id}");
    }
    for value in [None, Some(json!(1)), Some(json!(null)), Some(json!(["a"]))] {
        let token = signed(&with(header(), "kid", value), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed));
    }
    let token = signed(&with(header(), "kid", Some("unknown".into())), &claims().to_string());
    assert_eq!(check(&token), Err(Refused::UnknownKey("unknown".parse().unwrap())));
}

#[test]
fn a_token_of_one_type_is_none_of_another() {
    let good = signed(&with(header(), "typ", Some("application/at+jwt".into())), &claims().to_string());
    assert!(check(&good).is_ok());
    for typ in
        ["JWT", "jwt", "assertion+jwt", "application/application/at+jwt", "at+jwt ", "AT", "", "text/at+jwt"]
    {
        let token = signed(&with(header(), "typ", Some(typ.into())), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::WrongType), "{typ}");
    }
    for value in [None, Some(json!(null)), Some(json!(["at+jwt"]))] {
        let token = signed(&with(header(), "typ", value), &claims().to_string());
        assert_eq!(check(&token), Err(Refused::Malformed));
    }
}

#[test]
fn a_signature_is_the_keys_or_none() {
    let token = signed(&header().to_string(), &claims().to_string());
    let input = &token[..token.rfind('.').unwrap()];
    assert_eq!(check(&compact::token(input, &Toy::sign(&ed25519(), input))), Err(Refused::BadSignature));
    // All zeros, and either half of zeros (CVE-2022-21449).
    let (mut r, mut s) = ([1; 64], [1; 64]);
    r[..32].fill(0);
    s[32..].fill(0);
    for signature in [[0; 64], r, s] {
        assert_eq!(check(&compact::token(input, &signature)), Err(Refused::Malformed));
    }
    // The same key bytes in DER, as other libraries have it, is not 64 bytes.
    assert_eq!(check(&[input, ".", &encode([0x30; 70])].concat()), Err(Refused::Malformed));
}

#[test]
fn no_answer_about_a_signature_is_no_good_one() {
    let token = signed(&header().to_string(), &claims().to_string());
    let keys: KeySet = [es256()].into_iter().collect();
    let expected = Expected { issuer: "", audience: "", max_lifetime: Duration::MAX };
    let verified =
        ready(verify::<AccessClaims>(&token, &keys, &Down, &expected, Timestamp::from_seconds(NOW)));
    assert_eq!(verified, Err(Refused::Unavailable));
}

#[test]
fn the_unverified_form_prints_no_claims() {
    let token = signed(&header().to_string(), &claims().to_string());
    let unverified = Unverified::parse(&token).unwrap();
    assert_eq!(unverified.algorithm(), Algorithm::Es256);
    let printed = format!("{unverified:?}");
    assert_eq!(printed, format!("Unverified(ES256, {}, \"at+jwt\", …)", unverified.key_id()));
}

proptest! {
    #[test]
    fn what_parses_is_written_alike(claims: Vec<u8>, signature in prop::array::uniform32(1_u8..), typ in "[ -~]{0,20}") {
        let header = with(header(), "typ", Some(typ.as_str().into()));
        let input = [encode(header), encode(claims)].join(".");
        let token = compact::token(&input, &[signature, signature].concat().try_into().unwrap());
        let unverified = Unverified::parse(&token).unwrap();
        prop_assert_eq!(unverified.typ(), typ);
        prop_assert_eq!(unverified.token(), &token);
        prop_assert_eq!(compact::token(unverified.signing_input(), unverified.signature()), token);
    }

    #[test]
    fn another_character_is_another_token(at: prop::sample::Index, to in "[A-Za-z0-9_.=+/ -]") {
        let token = signed(&header().to_string(), &claims().to_string());
        let at = at.index(token.len());
        prop_assume!(token[at..=at] != to);
        let mut changed = token;
        changed.replace_range(at..=at, &to);
        prop_assert!(check(&changed).is_err());
    }

    #[test]
    fn no_text_panics(text: String, header: String, claims: Vec<u8>) {
        prop_assert!(check(&text).is_err());
        let headed = check(&signed(&header, &text));
        prop_assert!(headed.is_err());
        prop_assert!(check(&[encode(header), encode(&claims), encode(&claims)].join(".")).is_err());
        prop_assert!(AccessClaims::from_json(&claims).is_err());
    }
}
