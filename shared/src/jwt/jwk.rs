//! Public keys as JSON: what is read has to fit together, member by member.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::keys::{KeyId, PublicKey};

/// A public key as JSON (RFC 7517 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<KeyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    use_: Option<String>,
    /// The private half: never written nor kept, and whoever sends one is refused.
    #[serde(default, rename = "d", skip_serializing, deserialize_with = "is_there")]
    has_private_half: bool,
}

impl Jwk {
    pub(super) fn of(key: &PublicKey) -> Self {
        let (kty, crv, x, y) = key.point.parameters();
        Self {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x,
            y,
            kid: Some(key.id().clone()),
            alg: Some(key.algorithm().name().to_owned()),
            use_: Some("sig".to_owned()),
            has_private_half: false,
        }
    }
}

impl TryFrom<&Jwk> for PublicKey {
    type Error = InvalidKey;

    /// Reads a public key.
    ///
    /// # Errors
    /// [`InvalidKey`] names the member that is wrong: everything that is there has to fit together, and a
    /// `kid` has to be the key's thumbprint.
    fn try_from(jwk: &Jwk) -> Result<Self, InvalidKey> {
        let key = match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
            ("EC", "P-256", Some(y)) => {
                let mut point = [0; 64];
                point[..32].copy_from_slice(&coordinate(&jwk.x, "x")?);
                point[32..].copy_from_slice(&coordinate(y, "y")?);
                Self::es256(point)
            }
            ("OKP", "Ed25519", None) => Self::ed25519(coordinate(&jwk.x, "x")?),
            ("EC", "P-256", None) | ("OKP", "Ed25519", Some(_)) => return Err(InvalidKey("y")),
            ("EC" | "OKP", ..) => return Err(InvalidKey("crv")),
            _ => return Err(InvalidKey("kty")),
        };
        if jwk.has_private_half {
            Err(InvalidKey("d"))
        } else if jwk.alg.as_deref().is_some_and(|alg| alg != key.algorithm().name()) {
            Err(InvalidKey("alg"))
        } else if jwk.use_.as_deref().is_some_and(|purpose| purpose != "sig") {
            Err(InvalidKey("use"))
        } else if jwk.kid.as_ref().is_some_and(|kid| kid != key.id()) {
            Err(InvalidKey("kid"))
        } else {
            Ok(key)
        }
    }
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Exactly 32 bytes: leading zeros are not left out (RFC 7518 §6.2.1.2).
fn coordinate(text: &str, member: &'static str) -> Result<[u8; 32], InvalidKey> {
    let mut bytes = [0; 32];
    match Base64UrlUnpadded::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => Ok(bytes),
        _ => Err(InvalidKey(member)),
    }
}

/// The JWK is not a public key of an accepted algorithm; the member that is wrong is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key for ES256 or EdDSA: `{0}` is wrong or missing")]
pub struct InvalidKey(pub &'static str);

/// A JWKS (RFC 7517 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// Its keys.
    pub keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::keys::Algorithm;

    /// RFC 8037 Appendix A.2, with its thumbprint from Appendix A.3.
    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// RFC 9449 §4.1, with its thumbprint from §6.1.
    const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;

    fn read(json: &str) -> Result<PublicKey, InvalidKey> {
        let jwk: Jwk = serde_json::from_str(json).unwrap();
        PublicKey::try_from(&jwk)
    }

    #[test]
    fn keys_and_thumbprints_are_those_of_the_rfcs() {
        let key = read(ED25519).unwrap();
        assert_eq!(key.algorithm(), Algorithm::EdDsa);
        assert_eq!(key.bytes()[..4], [0xd7, 0x5a, 0x98, 0x01]);
        assert_eq!(key.id().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

        let key = read(P256).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Es256);
        assert_eq!((key.bytes().len(), key.bytes()[0], key.bytes()[32]), (64, 0x97, 0xf5));
        assert_eq!(key.id().as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn of_the_keys_of_rfc_7520_one_is_of_a_kind_that_is_read() {
        // §3.1 and §3.5. What is of another type lacks what a key of ours has.
        let p521 = r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",
            "x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#;
        let symmetric = r#"{"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256",
            "k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}"#;
        assert!(
            serde_json::from_str::<Jwk>(&p521.replace("bilbo.baggins@hobbiton.example", "bilbo")).is_ok()
        );
        assert!(serde_json::from_str::<Jwk>(p521).is_err(), "its id is none of ours");
        assert_eq!(read(&p521.replace("bilbo.baggins@hobbiton.example", "bilbo")), Err(InvalidKey("crv")));
        assert!(serde_json::from_str::<Jwk>(symmetric).is_err());

        // §5.5: private, for another use and with an id of its own. Without these it is a key.
        let members = [
            r#""d":"r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8","#,
            r#""use":"enc","#,
            r#""kid":"meriadoc","#,
        ];
        let key = r#"{"kty":"EC","crv":"P-256","x":"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
            "y":"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw"}"#;
        for (from, wrong) in ["d", "use", "kid"].into_iter().enumerate() {
            let json = key.replacen('{', &["{", &members[from..].concat()].concat(), 1);
            assert_eq!(read(&json), Err(InvalidKey(wrong)), "{json}");
        }
        assert_eq!(read(key).unwrap().id().as_str(), "HsSFalww3yP-dO-lWGYgFcyV5H22oScIFc4V2Y6GOto");
    }

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for json in [ED25519, P256] {
            let key = read(json).unwrap();
            let written = serde_json::to_string(&key.to_jwk()).unwrap();
            assert_eq!(read(&written), Ok(key.clone()));
            assert!(written.contains(&format!(
                r#""kid":"{}","alg":"{}","use":"sig""#,
                key.id(),
                key.algorithm()
            )));
        }
    }

    #[test]
    fn every_member_has_to_fit() {
        let with = |json: &str, members: &str| read(&json.replacen('{', &format!("{{{members},"), 1));
        for (json, members, wrong) in [
            (ED25519, r#""alg":"ES256""#, "alg"),
            (ED25519, r#""alg":"none""#, "alg"),
            (P256, r#""alg":"EdDSA""#, "alg"),
            (P256, r#""alg":"HS256""#, "alg"),
            (P256, r#""use":"enc""#, "use"),
            (P256, r#""kid":"another""#, "kid"),
            (P256, r#""d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE""#, "d"),
            (P256, r#""d":null"#, "d"),
            (ED25519, r#""y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA""#, "y"),
        ] {
            assert_eq!(with(json, members), Err(InvalidKey(wrong)), "{members}");
        }
        for (json, from, to, wrong) in [
            (ED25519, "OKP", "EC", "crv"),
            (ED25519, "OKP", "oct", "kty"),
            (ED25519, "OKP", "RSA", "kty"),
            (ED25519, "Ed25519", "X25519", "crv"),
            (ED25519, "URo\"", "URp\"", "x"),
            (ED25519, "URo\"", "URo=\"", "x"),
            (ED25519, "URo\"", "Ug\"", "x"),
            (P256, "P-256", "P-384", "crv"),
            (P256, "\"y\"", "\"z\"", "y"),
            (P256, "\"l8t", "\"8t", "x"),
            (P256, "\"9VE4", "\"AAAA9VE4", "y"),
        ] {
            assert_eq!(read(&json.replacen(from, to, 1)), Err(InvalidKey(wrong)), "{from} -> {to}");
        }
    }
}
