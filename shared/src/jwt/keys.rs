//! Public keys: two algorithms, one for each key, and ids that follow from the keys.

use std::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use sha2::{Digest, Sha256};

/// The accepted signature algorithms. There is no way to write any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
}

impl Algorithm {
    /// The `alg` of a token's header and of a JWK.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of exactly this name, case included.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Es256, Self::EdDsa].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a key: 1 to 64 characters of base64url, which are nobody's path, query or markup.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Box<str>);

impl KeyId {
    /// The id as it is written.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let valid = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if valid { Ok(Self(text.into())) } else { Err(InvalidKey("kid")) }
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that signatures are checked with. Its algorithm follows from its type and its id from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    point: Point,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    P256([u8; 64]),
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// A key for ES256: the coordinates `x || y` of its point, 32 bytes each. Whether that point is on the
    /// curve is for whoever checks signatures with it.
    #[must_use]
    pub fn es256(x_and_y: [u8; 64]) -> Self {
        Self::of(Point::P256(x_and_y))
    }

    /// A key for EdDSA: the 32 bytes of RFC 8032 §5.1.5.
    #[must_use]
    pub fn ed25519(point: [u8; 32]) -> Self {
        Self::of(Point::Ed25519(point))
    }

    /// The id: the key's thumbprint (RFC 7638).
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The one algorithm of this key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.point {
            Point::P256(_) => Algorithm::Es256,
            Point::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// `x || y`, 64 bytes, for ES256; 32 bytes for EdDSA.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        match &self.point {
            Point::P256(bytes) => bytes,
            Point::Ed25519(bytes) => bytes,
        }
    }

    /// The key as a member of a JWKS.
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        let (kty, crv, x, y) = self.point.parameters();
        Jwk {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x,
            y,
            kid: Some(self.id.clone()),
            alg: Some(self.algorithm().name().to_owned()),
            use_: Some("sig".to_owned()),
            has_private_half: false,
        }
    }

    fn of(point: Point) -> Self {
        Self { id: point.thumbprint(), point }
    }
}

impl Point {
    /// `kty`, `crv`, `x` and `y` (RFC 7518 §6.2.1, RFC 8037 §2).
    fn parameters(&self) -> (&'static str, &'static str, String, Option<String>) {
        let encode = Base64UrlUnpadded::encode_string;
        match self {
            Self::P256(point) => ("EC", "P-256", encode(&point[..32]), Some(encode(&point[32..]))),
            Self::Ed25519(point) => ("OKP", "Ed25519", encode(point), None),
        }
    }

    /// The SHA-256 of the required members in the order of their names (RFC 7638 §3.2, RFC 8037 §2).
    fn thumbprint(&self) -> KeyId {
        let (kty, crv, x, y) = self.parameters();
        let y = y.map(|y| [r#","y":""#, &y, r#"""#].concat()).unwrap_or_default();
        let json = [r#"{"crv":""#, crv, r#"","kty":""#, kty, r#"","x":""#, &x, r#"""#, &y, "}"].concat();
        KeyId(Base64UrlUnpadded::encode_string(&Sha256::digest(json.as_bytes())).into())
    }
}

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

impl TryFrom<&Jwk> for PublicKey {
    type Error = InvalidKey;

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
        } else if jwk.kid.as_ref().is_some_and(|kid| *kid != key.id) {
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

/// The keys that tokens may be signed by, found by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// The accepted key of this id.
    #[must_use]
    pub fn get(&self, id: &KeyId) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id == *id)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
    }

    /// The set as JSON (RFC 7517 §5).
    #[must_use]
    pub fn to_jwks(&self) -> Jwks {
        Jwks { keys: self.0.iter().map(PublicKey::to_jwk).collect() }
    }
}

impl FromIterator<PublicKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// A JWKS (RFC 7517 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// Its keys.
    pub keys: Vec<Jwk>,
}

impl TryFrom<&[Jwk]> for KeySet {
    type Error = InvalidKey;

    /// # Errors
    /// [`InvalidKey`] of the first key that is not one.
    fn try_from(keys: &[Jwk]) -> Result<Self, InvalidKey> {
        keys.iter().map(PublicKey::try_from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 Appendix A.2, with its thumbprint from Appendix A.3.
    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// RFC 9449 §4.3, with its thumbprint from §6.1.
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
            (P256, "P-256", "P-384", "crv"),
            (P256, "\"y\"", "\"z\"", "y"),
            (P256, "\"l8t", "\"8t", "x"),
            (P256, "\"9VE4", "\"AAAA9VE4", "y"),
        ] {
            assert_eq!(read(&json.replacen(from, to, 1)), Err(InvalidKey(wrong)), "{from} -> {to}");
        }
    }

    #[test]
    fn an_algorithm_has_one_spelling() {
        assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::EdDsa));
        for name in ["", "none", "es256", "ES256 ", "EDDSA", "ES256K", "HS256", "RS256", "ES384"] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_key_id_is_nobodys_path_or_query() {
        for id in ["", "../../etc/passwd", "a b", "' OR 1=1", "a.b", "a/b", "k\u{0}", "ü", &"k".repeat(65)] {
            assert!(id.parse::<KeyId>().is_err(), "{id}");
        }
    }

    #[test]
    fn a_set_finds_its_keys_by_id() {
        let keys: KeySet = [read(ED25519).unwrap(), read(P256).unwrap()].into_iter().collect();
        for key in keys.iter() {
            assert_eq!(keys.get(key.id()), Some(key));
        }
        assert_eq!(keys.get(&"unknown".parse().unwrap()), None);
        assert_eq!(KeySet::try_from(keys.to_jwks().keys.as_slice()), Ok(keys));
    }
}
