//! The tokens of the RFCs: each is good by its own key, and none is one of ours.

use super::check;
use crate::jwt::{
    compact::{Malformed, Unverified},
    verify::Refused,
};

/// The claims of RFC 7515 Appendix A.
const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// What RFC 7520 §4 signs by HMAC: header, payload and mac. Its other algorithms are none of ours either.
const COOKBOOK: [&str; 3] = [
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwg\
     YW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9m\
     ZiB0by4",
    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
];

#[test]
fn no_token_of_the_rfcs_is_one_of_ours() {
    let [header, payload, mac] = COOKBOOK;
    for (name, token) in [
        (
            "RFC 7515 A.1, HS256",
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ),
        (
            "RFC 7515 A.3, ES256 without a key id",
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQ\
                 xfKTUJqPP3-Kg6NU1Q"
            ),
        ),
        ("RFC 7515 A.5, unsecured", format!("eyJhbGciOiJub25lIn0.{JOE}.")),
        (
            "RFC 8037 A.4, EdDSA over what is no JSON",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWb\
             hijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
                .to_owned(),
        ),
        (
            "RFC 7797 §4.2, a payload that is not encoded",
            "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.$.02.A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
                .to_owned(),
        ),
        ("RFC 7520 §4.4, HS256", format!("{header}.{payload}.{mac}")),
        ("RFC 7520 §4.5, its payload elsewhere", format!("{header}..{mac}")),
        (
            "RFC 7520 §4.4, in JSON",
            format!(
                r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{mac}"}}]}}"#
            ),
        ),
        (
            "RFC 7515 A.6, in JSON",
            format!(r#"{{"payload":"{JOE}","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"DtEh"}}"#),
        ),
    ] {
        assert_eq!(Unverified::parse(&token).map(|_| ()), Err(Malformed), "{name}");
        assert_eq!(check(&token), Err(Refused::Malformed), "{name}");
    }
}
