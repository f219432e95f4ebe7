//! Public keys: two algorithms, one for each key, and ids that follow from the keys.

use std::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::jwk::{InvalidKey, Jwk, Jwks};

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
    pub(super) point: Point,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
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
        Jwk::of(self)
    }

    fn of(point: Point) -> Self {
        Self { id: point.thumbprint(), point }
    }
}

impl Point {
    /// `kty`, `crv`, `x` and `y` (RFC 7518 §6.2.1, RFC 8037 §2).
    pub(super) fn parameters(&self) -> (&'static str, &'static str, String, Option<String>) {
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
}

impl FromIterator<PublicKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl TryFrom<&[Jwk]> for KeySet {
    type Error = InvalidKey;

    /// Reads all keys.
    ///
    /// # Errors
    /// [`InvalidKey`] of the first key that is not one.
    fn try_from(keys: &[Jwk]) -> Result<Self, InvalidKey> {
        keys.iter().map(PublicKey::try_from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let keys: KeySet = [PublicKey::es256([4; 64]), PublicKey::ed25519([5; 32])].into_iter().collect();
        for key in keys.iter() {
            assert_eq!(keys.get(key.id()), Some(key));
        }
        assert_eq!(keys.get(&"unknown".parse().unwrap()), None);
        let written: Vec<Jwk> = keys.iter().map(PublicKey::to_jwk).collect();
        assert_eq!(KeySet::try_from(written.as_slice()), Ok(keys));
    }
}
