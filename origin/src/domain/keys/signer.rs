//! Signing and checking signatures: jwt-simple, but for ES256, which ring [signs](super::es256). Only the signature is
//! left to them: what a token must say is decided in `shared`, alike for origin and edge.

use jwt_simple::prelude::{
    ECDSAP256KeyPairLike, ECDSAP256PublicKeyLike, ES256KeyPair, ES256PublicKey, Ed25519KeyPair,
    Ed25519PublicKey, EdDSAKeyPairLike, EdDSAPublicKeyLike, HeaderOptions, JWTClaims, NoCustomClaims,
    UnixTimeStamp, VerificationOptions,
};
use serde::Serialize;
use shared::{
    claims::TokenClaims,
    jwt::{
        compact::Unverified,
        keys::{Algorithm, PublicKey},
        verify::{CheckUnavailable, SignatureCheck},
    },
};
use zeroize::Zeroizing;

use super::es256::Es256;
use crate::domain::Error;

/// A key pair that signs tokens. It does not print.
pub(in crate::domain) struct Signer {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Es256(Box<Es256>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    /// A new key pair.
    pub(in crate::domain) fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        Self::new(match algorithm {
            Algorithm::Es256 => Pair::Es256(Box::new(Es256::new(ES256KeyPair::generate())?)),
            Algorithm::EdDsa => Pair::EdDsa(Box::new(Ed25519KeyPair::generate())),
        })
    }

    /// The key pair of what [`private`](Self::private) gave.
    pub(in crate::domain) fn from_private(algorithm: &str, private: &[u8]) -> Result<Self, Error> {
        let unusable_pair = |error| unusable("", error);
        Self::new(match Algorithm::from_name(algorithm) {
            Some(Algorithm::Es256) => {
                let pair = ES256KeyPair::from_bytes(private).map_err(unusable_pair)?;
                Pair::Es256(Box::new(Es256::new(pair)?))
            }
            Some(Algorithm::EdDsa) => {
                Pair::EdDsa(Box::new(Ed25519KeyPair::from_bytes(private).map_err(unusable_pair)?))
            }
            None => return Err(unusable("", format_args!("unknown algorithm {algorithm}"))),
        })
    }

    fn new(pair: Pair) -> Result<Self, Error> {
        let (pair, public) = match pair {
            Pair::Es256(pair) => {
                let point = pair.pair.key_pair().public_key().to_bytes_uncompressed();
                let public = public_key("", Algorithm::Es256.name(), point.get(1..).unwrap_or_default())?;
                (Pair::Es256(pair), public)
            }
            Pair::EdDsa(pair) => {
                let public = public_key("", Algorithm::EdDsa.name(), &pair.public_key().to_bytes())?;
                (Pair::EdDsa(Box::new(pair.with_key_id(public.id().as_str()))), public)
            }
        };
        Ok(Self { pair, public })
    }

    /// The private part, to be encrypted.
    pub(in crate::domain) fn private(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match &self.pair {
            Pair::Es256(pair) => pair.pair.to_bytes(),
            Pair::EdDsa(pair) => pair.to_bytes(),
        })
    }

    /// The public part.
    pub(in crate::domain) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A token that says this, of this kind of token's type.
    pub(in crate::domain) fn sign<C: TokenClaims + Serialize>(&self, claims: C) -> Result<String, Error> {
        self.sign_as(C::TYP, claims)
    }

    /// Whatever is said, signed as something of this type.
    pub(in crate::domain) fn sign_as(&self, typ: &str, claims: impl Serialize) -> Result<String, Error> {
        match &self.pair {
            Pair::Es256(pair) => pair.sign(self.public.id().as_str(), typ, &claims),
            Pair::EdDsa(pair) => {
                // All that the token says stands in `custom`: jwt-simple would read the clock for the rest.
                let claims = JWTClaims {
                    issued_at: None,
                    expires_at: None,
                    invalid_before: None,
                    issuer: None,
                    subject: None,
                    audiences: None,
                    jwt_id: None,
                    nonce: None,
                    custom: claims,
                };
                let header = HeaderOptions { signature_type: Some(typ.to_owned()), content_type: None };
                pair.sign_with_options(claims, &header).map_err(|error| Error::Signing(error.to_string()))
            }
        }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, …)", self.public.id())
    }
}

/// A public key as it is kept in the database.
pub(super) fn public_key(kid: &str, algorithm: &str, bytes: &[u8]) -> Result<PublicKey, Error> {
    let key = match Algorithm::from_name(algorithm) {
        Some(Algorithm::Es256) => bytes.try_into().map(PublicKey::es256),
        Some(Algorithm::EdDsa) => bytes.try_into().map(PublicKey::ed25519),
        None => return Err(unusable(kid, format_args!("unknown algorithm {algorithm}"))),
    };
    let key = key.map_err(|_| unusable(kid, "its length is another"))?;
    if kid.is_empty() || key.id().as_str() == kid { Ok(key) } else { Err(unusable(kid, "its id is another")) }
}

pub(super) fn unusable(kid: &str, problem: impl std::fmt::Display) -> Error {
    Error::Key { kid: kid.to_owned(), problem: problem.to_string() }
}

/// Checks signatures by jwt-simple.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct SignatureChecker;

impl SignatureCheck for SignatureChecker {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        Ok(self.is_good(key, token))
    }
}

impl SignatureChecker {
    /// What [`check`](SignatureCheck::check) answers, which waits for nothing here.
    pub(in crate::domain) fn is_good(self, key: &PublicKey, token: &Unverified<'_>) -> bool {
        is_signed_by(key, token.token())
    }
}

fn is_signed_by(key: &PublicKey, token: &str) -> bool {
    // Times are judged by our own clock, in `shared`: at the epoch nothing has expired.
    let options = VerificationOptions {
        accept_future: true,
        artificial_time: Some(UnixTimeStamp::from_secs(0)),
        time_tolerance: None,
        ..VerificationOptions::default()
    };
    match key.algorithm() {
        Algorithm::Es256 => {
            let point = [&[4], key.bytes()].concat();
            ES256PublicKey::from_bytes(&point)
                .and_then(|key| key.verify_token::<NoCustomClaims>(token, Some(options)))
                .is_ok()
        }
        Algorithm::EdDsa => Ed25519PublicKey::from_bytes(key.bytes())
            .and_then(|key| key.verify_token::<NoCustomClaims>(token, Some(options)))
            .is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use shared::jwt::keys::Jwk;

    use super::*;

    /// RFC 7515 Appendix A.3: a token without type and key id, which is none of ours, but by our algorithm.
    #[test]
    fn the_signature_of_rfc_7515_is_good_and_no_changed_one() {
        let jwk: Jwk = serde_json::from_str(
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        )
        .unwrap();
        let key = PublicKey::try_from(&jwk).unwrap();
        let input = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl\
                     LmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(is_signed_by(&key, &format!("{input}.{signature}")));
        let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            let changed = Base64UrlUnpadded::encode_string(&changed);
            assert!(!is_signed_by(&key, &format!("{input}.{changed}")), "byte {at}");
        }
    }
}
