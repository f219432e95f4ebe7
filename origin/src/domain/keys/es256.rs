//! Signing ES256 by ring, which has assembly for it: a signature in pure Rust took a quarter of all that a refresh costs.
//! jwt-simple still makes, keeps and checks these keys, as it does the others.

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_simple::prelude::{ECDSAP256KeyPairLike as _, ES256KeyPair};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde::Serialize;
use shared::jwt::keys::Algorithm;
use zeroize::Zeroizing;

use crate::domain::Error;

/// A key pair, both as it is kept and as it signs.
pub(super) struct Es256 {
    pub(super) pair: ES256KeyPair,
    signing: EcdsaKeyPair,
    /// What each signature is blinded by (FIPS 186-5 §6.3), the same source as that of the keys.
    random: SystemRandom,
}

/// The header of RFC 7515 §4.1.
#[derive(Serialize)]
struct Header<'h> {
    alg: &'static str,
    kid: &'h str,
    typ: &'h str,
}

impl Es256 {
    pub(super) fn new(pair: ES256KeyPair) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let (private, point) = (Zeroizing::new(pair.to_bytes()), pair.key_pair().public_key());
        let signing = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private,
            &point.to_bytes_uncompressed(),
            &random,
        );
        let signing = signing.map_err(|error| super::signer::unusable("", error))?;
        Ok(Self { pair, signing, random })
    }

    /// A token that says this, in the compact form of RFC 7515 §7.1.
    pub(super) fn sign(&self, kid: &str, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let header = Header { alg: Algorithm::Es256.name(), kid, typ };
        let json = |error: serde_json::Error| Error::Signing(error.to_string());
        let (header, claims) =
            (serde_json::to_vec(&header).map_err(json)?, serde_json::to_vec(claims).map_err(json)?);
        let mut token = Base64UrlUnpadded::encode_string(&header);
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(&claims));
        let signature = self.signing.sign(&self.random, token.as_bytes());
        let signature = signature.map_err(|error| Error::Signing(error.to_string()))?;
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(signature.as_ref()));
        Ok(token)
    }
}
