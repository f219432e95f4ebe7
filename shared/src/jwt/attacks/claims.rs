//! Attacks on the claims: good signatures over what must not be believed.

use serde_json::{Value, json};

use super::{NOW, check, check_as, check_claim, claims, ed25519, es256, header, signed, with};
use crate::{
    authentication::{Authentication, Method},
    claims::{AccessClaims, AssertionClaims},
    jwt::{keys::KeySet, verify::Refused},
    secret::Digest,
    time::Timestamp,
};

#[test]
fn an_assertion_is_no_access_token_nor_the_reverse() {
    let now = Timestamp::from_seconds(NOW);
    let digest = Digest::of(b"handle");
    let named = with(claims(), "hnd", Some(digest.to_base64url().into()));
    let assertion_header = with(header(), "typ", Some("assertion+jwt".into()));

    let assertion = signed(&assertion_header, &named);
    let verified = check_as::<AssertionClaims>(&assertion, now).unwrap();
    assert_eq!(verified.claims().handle, digest);
    assert_eq!(check(&assertion), Err(Refused::WrongType));
    let access = signed(&header().to_string(), &claims().to_string());
    assert_eq!(check_as::<AssertionClaims>(&access, now), Err(Refused::WrongType));

    // With the type of the one and the claims of the other it is neither.
    assert_eq!(check(&signed(&header().to_string(), &named)), Err(Refused::InvalidClaims));
    for hnd in [None, Some(json!(null)), Some(json!("")), Some(json!(1)), Some(json!("AA"))] {
        let token = signed(&assertion_header, &with(claims(), "hnd", hnd));
        assert_eq!(check_as::<AssertionClaims>(&token, now), Err(Refused::InvalidClaims));
    }

    let written = serde_json::to_value(verified.claims()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(&named).unwrap());
}

#[test]
fn a_token_of_an_earlier_version_tells_nothing_of_the_login() {
    let token = signed(&header().to_string(), &claims().to_string());
    let earlier = check(&token).unwrap().claims().clone();
    assert_eq!(earlier.0.authentication(), Authentication::default());
    let mut claims = claims();
    for (name, value) in
        [("auth_time", json!(NOW)), ("amr", json!(["pwd", "mfa"])), ("email_verified", json!(true))]
    {
        claims[name] = value;
    }
    let verified = check(&signed(&header().to_string(), &claims.to_string())).unwrap();
    let expected = Authentication {
        at: Some(Timestamp::from_seconds(NOW)),
        methods: [Method::Password, Method::MultipleFactors].into(),
        email_verified: true,
    };
    assert_eq!(verified.claims().0.authentication(), expected);
    assert_eq!(serde_json::to_value(verified.claims()).unwrap(), claims);
}

#[test]
fn every_claim_is_required_and_typed() {
    let names = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "epoch", "roles"];
    for name in names {
        for value in
            [None, Some(json!(null)), Some(json!({})), Some(json!(true)), Some(json!([[]])), Some(json!(1.5))]
        {
            assert_eq!(check_claim(name, value.clone()), Err(Refused::InvalidClaims), "{name}: {value:?}");
        }
    }
    for name in ["sub", "jti", "sid"] {
        for value in ["", "1", "018F0000-0000-7000-8000-00000000000A", "018f0000000070008000000000000001"] {
            assert_eq!(check_claim(name, Some(value.into())), Err(Refused::InvalidClaims), "{name}: {value}");
        }
    }
    assert_eq!(check_claim("client_id", Some("".into())), Err(Refused::InvalidClaims));
    assert_eq!(check_claim("aud", Some(json!(["https://api.test"]))), Err(Refused::InvalidClaims));
    for roles in [json!("viewer"), json!(["Viewer"]), json!(["a,b"]), json!([1]), json!(["viewer", null])] {
        assert_eq!(check_claim("roles", Some(roles)), Err(Refused::InvalidClaims));
    }
    for (name, values) in [
        ("auth_time", [json!(null), json!("1800000000"), json!(-1), json!(1.5), json!(true)]),
        ("amr", [json!(null), json!("mfa"), json!({"mfa": 1}), json!([1]), json!([["mfa"]])]),
        ("email_verified", [json!(null), json!("true"), json!(1), json!([]), json!({})]),
    ] {
        for value in values {
            assert_eq!(
                check_claim(name, Some(value.clone())),
                Err(Refused::InvalidClaims),
                "{name}: {value}"
            );
        }
    }
    for epoch in [json!("7"), json!(-1), json!(7.0)] {
        assert_eq!(check_claim("epoch", Some(epoch)), Err(Refused::InvalidClaims));
    }
}

#[test]
fn claims_are_an_object() {
    let in_order = format!(
        "[{}]",
        claims().as_object().unwrap().values().map(Value::to_string).collect::<Vec<_>>().join(",")
    );
    for text in [
        "",
        "null",
        "[]",
        "\"\"",
        "{",
        "{}{}",
        &in_order,
        &format!(" {}", claims()),
        &format!("{},", claims()),
    ] {
        assert_eq!(check(&signed(&header().to_string(), text)), Err(Refused::InvalidClaims), "{text}");
    }
    let positional = format!(r#"["ES256","{}","at+jwt"]"#, es256().id());
    assert_eq!(check(&signed(&positional, &claims().to_string())), Err(Refused::Malformed));
}

#[test]
fn a_time_is_a_whole_number_of_seconds() {
    for name in ["exp", "iat", "nbf"] {
        let header = header().to_string();
        for number in [
            "1e30",
            "1e9",
            "1.8e9",
            "1e400",
            "-1",
            "-0",
            "0.5",
            "1800000600.0",
            "NaN",
            "Infinity",
            "-Infinity",
            "18446744073709551616",
            "\"1800000600\"",
            "\"\"",
            "null",
            "true",
            "[1800000600]",
            "01800000600",
            "+1800000600",
            "0x6b49d200",
        ] {
            let claims = with(claims(), name, Some("HERE".into())).replace("\"HERE\"", number);
            assert_eq!(check(&signed(&header, &claims)), Err(Refused::InvalidClaims), "{name}: {number}");
        }
    }
}

#[test]
fn milliseconds_are_no_seconds() {
    assert_eq!(check_claim("exp", Some(json!((NOW + 600) * 1000))), Err(Refused::LifetimeTooLong));
    assert_eq!(check_claim("iat", Some(json!(NOW * 1000))), Err(Refused::NotYetValid));
    let both = with(claims(), "iat", Some(json!(NOW * 1000))).replace("1800000600", "1800000600000");
    assert_eq!(check(&signed(&header().to_string(), &both)), Err(Refused::NotYetValid));
    for huge in [u64::MAX, u64::MAX / 1000, i64::MAX as u64, i64::MAX as u64 / 1000 + 1] {
        assert_eq!(check_claim("exp", Some(json!(huge))), Err(Refused::LifetimeTooLong));
        assert_eq!(check_claim("iat", Some(json!(huge))), Err(Refused::NotYetValid));
        assert_eq!(check_claim("nbf", Some(json!(huge))), Err(Refused::NotYetValid));
    }
}

#[test]
fn times_are_tolerated_to_the_millisecond() {
    let token = signed(&header().to_string(), &claims().to_string());
    let at = |millis: i64| check_as::<AccessClaims>(&token, Timestamp::from_millis(millis)).map(|_| ());
    let (iat, exp) = (NOW * 1000, (NOW + 600) * 1000);
    assert_eq!(at(exp + 29_999), Ok(()));
    assert_eq!(at(exp + 30_000), Err(Refused::Expired));
    assert_eq!(at(iat - 30_000), Ok(()));
    assert_eq!(at(iat - 30_001), Err(Refused::NotYetValid));
    assert_eq!(at(i64::MAX), Err(Refused::Expired));
    assert_eq!(at(i64::MIN), Err(Refused::NotYetValid));
}

#[test]
fn a_lifetime_is_the_issuers() {
    assert_eq!(check_claim("exp", Some(json!(NOW + 601))), Err(Refused::LifetimeTooLong));
    for exp in [NOW, NOW - 1] {
        assert_eq!(check_claim("exp", Some(json!(exp))), Err(Refused::InvalidClaims));
    }
    assert_eq!(check_claim("exp", Some(json!(0))), Err(Refused::Expired));
}

#[test]
fn issuer_and_audience_are_ours_to_the_byte() {
    for other in [
        "",
        "https://issuer.test/",
        "https://ISSUER.test",
        "https://issuer.test.attacker.test",
        "https://api.test",
    ] {
        assert_eq!(check_claim("iss", Some(other.into())), Err(Refused::WrongIssuer), "{other}");
    }
    for other in ["", "https://api.test/", "HTTPS://api.test", "*", "https://issuer.test"] {
        assert_eq!(check_claim("aud", Some(other.into())), Err(Refused::WrongAudience), "{other}");
    }
}

#[test]
fn nbf_counts_where_it_is() {
    assert!(check_claim("nbf", Some(json!(NOW + 30))).is_ok());
    assert_eq!(check_claim("nbf", Some(json!(NOW + 31))), Err(Refused::NotYetValid));
}

#[test]
fn what_was_verified_holds_as_long_as_it_would_be_accepted_once_more() {
    let token = signed(&header().to_string(), &with(claims(), "nbf", Some(json!(NOW + 10))));
    let verified = check(&token).unwrap();
    let keys: KeySet = [es256(), ed25519()].into_iter().collect();
    let mut outcomes = Vec::new();
    for second in [-31, -30, -21, -20, 0, 629, 630, 10_000] {
        let now = Timestamp::from_seconds(NOW + second);
        let anew = check_as::<AccessClaims>(&token, now).map(drop);
        assert_eq!(verified.still_holds(&keys, now), anew, "{second}");
        outcomes.push(anew);
    }
    assert!(outcomes.contains(&Err(Refused::NotYetValid)) && outcomes.contains(&Err(Refused::Expired)));
    let others: KeySet = [ed25519()].into_iter().collect();
    let now = Timestamp::from_seconds(NOW);
    assert_eq!(verified.still_holds(&others, now), Err(Refused::UnknownKey(es256().id().clone())));
}
