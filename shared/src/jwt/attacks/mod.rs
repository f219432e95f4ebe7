//! What has been tried on other verifiers, tried here: every token below must be refused, and each for its
//! own reason, or the test would pass for a wrong one.

mod claims;
mod form;
mod vectors;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    compact::{self, Unverified},
    keys::{KeySet, PublicKey},
    verify::{CheckUnavailable, Expected, Refused, SignatureCheck, Verified, verify},
};
use crate::{
    claims::{AccessClaims, TokenClaims},
    time::Timestamp,
};

const NOW: i64 = 1_800_000_000;

/// Stands for a signature algorithm: whoever knows the public key can "sign", which is all a test needs.
struct Toy;

impl Toy {
    fn sign(key: &PublicKey, signing_input: &str) -> [u8; 64] {
        let half = Sha256::new().chain_update(key.bytes()).chain_update(signing_input).finalize();
        [half.as_slice(), half.as_slice()].concat().try_into().unwrap()
    }
}

impl SignatureCheck for Toy {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        Ok(Self::sign(key, token.signing_input()) == *token.signature())
    }
}

struct Down;

impl SignatureCheck for Down {
    async fn check(&self, _: &PublicKey, _: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        Err(CheckUnavailable)
    }
}

fn es256() -> PublicKey {
    PublicKey::es256([4; 64])
}

fn ed25519() -> PublicKey {
    PublicKey::ed25519([5; 32])
}

fn encode(text: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(text.as_ref())
}

/// A token with a good signature over any two texts.
fn signed(header: &str, claims: &str) -> String {
    let input = [encode(header), encode(claims)].join(".");
    compact::token(&input, &Toy::sign(&es256(), &input))
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "ES256", "kid": es256().id().as_str()})
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.test", "sub": "018f0000-0000-7000-8000-000000000001", "aud": "https://api.test",
        "client_id": "app", "exp": NOW + 600, "iat": NOW, "jti": "018f0000-0000-7000-8000-000000000002",
        "sid": "018f0000-0000-7000-8000-000000000003", "epoch": 7, "roles": ["viewer", "editor"],
    })
}

/// The value with one member set, or removed where it is set to nothing.
fn with(mut object: Value, name: &str, value: Option<Value>) -> String {
    let members = object.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    object.to_string()
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn check_as<C: TokenClaims>(token: &str, now: Timestamp) -> Result<Verified<C>, Refused> {
    let keys: KeySet = [es256(), ed25519()].into_iter().collect();
    let expected = Expected {
        issuer: "https://issuer.test",
        audience: "https://api.test",
        max_lifetime: Duration::from_secs(600),
    };
    ready(verify(token, &keys, &Toy, &expected, now))
}

fn check(token: &str) -> Result<Verified<AccessClaims>, Refused> {
    check_as(token, Timestamp::from_seconds(NOW))
}

fn check_claim(name: &str, value: Option<Value>) -> Result<Verified<AccessClaims>, Refused> {
    check(&signed(&header().to_string(), &with(claims(), name, value)))
}
