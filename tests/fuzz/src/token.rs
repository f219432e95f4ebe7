//! Tokens. As they stand none is good that was not signed; signed, what they say is what was understood, and nothing is
//! missing that a verifier has to see.

use std::{
    future::Future,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::{
    claims::{AccessClaims, AssertionClaims, TokenClaims},
    jwt::{
        compact::{self, Unverified},
        keys::{KeySet, PublicKey},
        verify::{CheckUnavailable, Expected, SignatureCheck, Verified, verify},
    },
    time::Timestamp,
};

use crate::{BETWEEN, names};

/// The second in which every token is looked at.
pub const NOW: u64 = 1_800_000_000;

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://api.test";
const LIFETIME: u64 = 600;
const TOLERANCE: u64 = 30;

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| [PublicKey::es256([4; 64]), PublicKey::ed25519([5; 32])].into_iter().collect());

/// Stands for the algorithms, which are others' work: whoever knows the public key can sign.
struct Toy;

impl Toy {
    fn sign(key: &PublicKey, signing_input: &str) -> [u8; 64] {
        let half: [u8; 32] =
            Sha256::new().chain_update(key.bytes()).chain_update(signing_input).finalize().into();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        signature[32..].copy_from_slice(&half);
        signature
    }
}

impl SignatureCheck for Toy {
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        Ok(Self::sign(key, token.signing_input()) == *token.signature())
    }
}

/// Takes a token, or header and claims to sign, or after the separator what to change in those of a good one.
pub fn check(drawn: &[u8]) {
    let Some((choice, rest)) = drawn.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let number = usize::from(*choice);
    match text.split_once(BETWEEN) {
        Some(("", changes)) => {
            let (mut header, mut claims) = good(number);
            for change in changes.split(BETWEEN) {
                match change.strip_prefix('@') {
                    Some(change) => set(&mut header, change),
                    None => set(&mut claims, change),
                }
            }
            signed(&KEYS, number, &object(&header), &object(&claims));
        }
        Some((header, claims)) => signed(&KEYS, number, header, claims),
        None => as_it_stands(text),
    }
}

/// A JSON object as it is written, name by name.
type Members = Vec<(String, String)>;

/// Header and claims of a good access token by the key of this number.
#[must_use]
pub fn good(number: usize) -> (Members, Members) {
    let key = public_key(number);
    let members = |members: &[(&str, &str)]| {
        members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let text = |text: &str| format!("\"{text}\"");
    let header = members(&[
        ("typ", "\"at+jwt\""),
        ("alg", &text(key.algorithm().name())),
        ("kid", &text(key.id().as_str())),
    ]);
    let claims = members(&[
        ("iss", &text(ISSUER)),
        ("sub", "\"018f0000-0000-7000-8000-000000000001\""),
        ("aud", &text(AUDIENCE)),
        ("client_id", "\"app\""),
        ("exp", &(NOW + LIFETIME).to_string()),
        ("iat", &NOW.to_string()),
        ("jti", "\"018f0000-0000-7000-8000-000000000002\""),
        ("sid", "\"018f0000-0000-7000-8000-000000000003\""),
        ("epoch", "7"),
        ("roles", "[\"viewer\",\"editor\"]"),
    ]);
    (header, claims)
}

/// `name=value` sets a member, `+name=value` adds one whether or not there is one, `-name` removes it.
fn set(members: &mut Members, change: &str) {
    if let Some(name) = change.strip_prefix('-') {
        members.retain(|(found, _)| found != name);
        return;
    }
    let (name, value) = change.split_once('=').unwrap_or((change, "null"));
    let (name, is_added) = name.strip_prefix('+').map_or((name, false), |name| (name, true));
    match members.iter_mut().find(|(found, _)| !is_added && found == name) {
        Some((_, found)) => value.clone_into(found),
        None => members.push((name.to_owned(), value.to_owned())),
    }
}

/// The object of these members.
#[must_use]
pub fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A token of this header and these claims with a good signature by the key of this number.
#[must_use]
pub fn sign(number: usize, header: &str, claims: &str) -> String {
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let input = [encode(header), encode(claims)].join(".");
    compact::token(&input, &Toy::sign(key(&KEYS, number), &input))
}

/// The public key of this number.
#[must_use]
pub fn public_key(number: usize) -> &'static PublicKey {
    key(&KEYS, number)
}

fn key(keys: &KeySet, number: usize) -> &PublicKey {
    keys.iter().nth(number % 2).expect("two keys")
}

fn as_it_stands(text: &str) {
    let is_accepted = verified::<AccessClaims>(text).is_some() || verified::<AssertionClaims>(text).is_some();
    let Ok(token) = Unverified::parse(text) else {
        assert!(!is_accepted, "accepted and malformed: {text}");
        return;
    };
    assert_eq!(compact::token(token.signing_input(), token.signature()), text, "a token has one spelling");
    if is_accepted {
        let key = KEYS.get(token.key_id()).expect("the key of what was accepted");
        assert_eq!(*token.signature(), Toy::sign(key, token.signing_input()), "nobody has signed {text}");
    }
}

fn signed(keys: &KeySet, number: usize, header: &str, claims: &str) {
    let token = sign(number, header, claims);
    let access = verified::<AccessClaims>(&token);
    let assertion = verified::<AssertionClaims>(&token);
    assert!(access.is_none() || assertion.is_none(), "a token of one kind is one of another");
    if let Some(access) = access {
        holds(&access, key(keys, number), header, claims);
        assert!(read(claims).get("hnd").is_none(), "an access token is bound to a handle");
    }
    if let Some(assertion) = assertion {
        holds(&assertion, key(keys, number), header, claims);
        let handle = assertion.claims().handle.to_base64url();
        assert_eq!(read(claims)["hnd"], handle, "an assertion is bound to its handle");
    }
}

/// What has to be true of every token that was accepted, read anew from what was signed.
fn holds<C: TokenClaims + Serialize + PartialEq + std::fmt::Debug>(
    verified: &Verified<C>,
    key: &PublicKey,
    header: &str,
    claims: &str,
) {
    assert!(!names::stand_twice(header.as_bytes()) && !names::stand_twice(claims.as_bytes()));
    let header = read(header);
    assert_eq!(header["alg"], key.algorithm().name());
    assert_eq!(header["kid"], key.id().as_str());
    let typ = header["typ"].as_str().expect("a type");
    assert_eq!(typ.strip_prefix("application/").unwrap_or(typ), C::TYP);
    for name in ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"] {
        assert!(header.get(name).is_none(), "{name} was passed over");
    }
    let claims = read(claims);
    assert_eq!((&claims["iss"], &claims["aud"]), (&Value::from(ISSUER), &Value::from(AUDIENCE)));
    let time = |name: &str| claims[name].as_u64().expect("a whole number of seconds");
    let (issued, expires) = (time("iat"), time("exp"));
    assert!(NOW < expires + TOLERANCE && issued <= NOW + TOLERANCE, "its time is over or still to come");
    assert!(issued < expires && expires - issued <= LIFETIME, "it lives longer than tokens do");
    assert!(claims.get("nbf").is_none() || time("nbf") <= NOW + TOLERANCE, "it is not yet valid");
    // What was understood is what stands there; methods that have no name here are left out.
    let understood = serde_json::to_value(verified.claims()).expect("claims are written");
    for (name, value) in understood.as_object().expect("an object").iter().filter(|(name, _)| *name != "amr")
    {
        assert_eq!(claims.get(name), Some(value), "{name}");
    }
    let input = compact::signing_input(key.algorithm(), key.id(), C::TYP, verified.claims())
        .expect("claims are written");
    let again = self::verified::<C>(&compact::token(&input, &Toy::sign(key, &input)));
    assert_eq!(again.expect("what is minted is accepted").claims(), verified.claims());
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("what was accepted is JSON")
}

fn verified<C: TokenClaims>(token: &str) -> Option<Verified<C>> {
    let expected =
        Expected { issuer: ISSUER, audience: AUDIENCE, max_lifetime: Duration::from_secs(LIFETIME) };
    let now = Timestamp::from_seconds(i64::try_from(NOW).expect("a time"));
    ready(verify(token, &KEYS, &Toy, &expected, now)).ok()
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
