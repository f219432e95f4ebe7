//! Signatures checked in WebAssembly, by jwt-simple: what the benchmark compares WebCrypto with. It takes the feature
//! `jwt-simple`; without it nothing here has an opinion.

use shared::jwt::{compact::Unverified, keys::PublicKey};

/// Whether the signature is good; without the feature that is for WebCrypto to say.
#[cfg(not(feature = "jwt-simple"))]
pub(super) const fn check(_: &PublicKey, _: &Unverified<'_>) -> Option<bool> {
    None
}

/// Whether the signature is good.
#[cfg(feature = "jwt-simple")]
pub(super) fn check(key: &PublicKey, token: &Unverified<'_>) -> Option<bool> {
    Some(by_jwt_simple::is_good(key, token.token()))
}

#[cfg(feature = "jwt-simple")]
mod by_jwt_simple {
    use std::{cell::RefCell, collections::BTreeMap};

    use jwt_simple::prelude::{
        ECDSAP256PublicKeyLike as _, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike as _,
        NoCustomClaims, UnixTimeStamp, VerificationOptions,
    };
    use shared::jwt::keys::{Algorithm, KeyId, PublicKey};

    thread_local! {
        /// Keys that were read: their points are decompressed and looked for on the curve once, as WebCrypto's are.
        static KEYS: RefCell<BTreeMap<KeyId, Key>> = const { RefCell::new(BTreeMap::new()) };
    }

    enum Key {
        Es256(ES256PublicKey),
        EdDsa(Ed25519PublicKey),
    }

    impl Key {
        fn read(key: &PublicKey) -> Result<Self, jwt_simple::Error> {
            Ok(match key.algorithm() {
                Algorithm::Es256 => Self::Es256(ES256PublicKey::from_bytes(&[&[4], key.bytes()].concat())?),
                Algorithm::EdDsa => Self::EdDsa(Ed25519PublicKey::from_bytes(key.bytes())?),
            })
        }

        /// It checks whole tokens and nothing less. Their times are judged in `shared`: at the epoch nothing has expired.
        fn has_signed(&self, token: &str) -> bool {
            let options = Some(VerificationOptions {
                accept_future: true,
                artificial_time: Some(UnixTimeStamp::from_secs(0)),
                time_tolerance: None,
                ..VerificationOptions::default()
            });
            match self {
                Self::Es256(key) => key.verify_token::<NoCustomClaims>(token, options).is_ok(),
                Self::EdDsa(key) => key.verify_token::<NoCustomClaims>(token, options).is_ok(),
            }
        }
    }

    pub(super) fn is_good(key: &PublicKey, token: &str) -> bool {
        KEYS.with_borrow_mut(|keys| {
            if let Some(known) = keys.get(key.id()) {
                return known.has_signed(token);
            }
            let Ok(read) = Key::read(key) else { return false };
            keys.entry(key.id().clone()).or_insert(read).has_signed(token)
        })
    }
}
