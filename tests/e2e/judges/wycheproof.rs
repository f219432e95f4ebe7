//! Wycheproof's cases of ECDSA and Ed25519, for both implementations that tokens rest on: the one below jwt-simple, and
//! the runtime's WebCrypto by way of the edge's own `glue.js`, in workerd.

use p256::ecdsa::signature::Verifier as _;
use serde_json::json;
use wycheproof::{TestResult, ecdsa, eddsa};

use super::{Case, Judge};

/// A signature, and whether it is one.
struct Vector {
    name: String,
    /// `x || y` for ES256, 32 bytes for EdDSA.
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
    is_valid: bool,
}

impl Vector {
    fn new(name: String, key: &[u8], message: &[u8], signature: &[u8], result: TestResult) -> Option<Self> {
        let is_valid = match result {
            TestResult::Valid => true,
            TestResult::Invalid => false,
            // Either answer is right.
            TestResult::Acceptable => return None,
        };
        Some(Self {
            name,
            key: key.to_vec(),
            message: message.to_vec(),
            signature: signature.to_vec(),
            is_valid,
        })
    }
}

/// All cases of our two algorithms whose signatures have the one length that a token's can have: others are refused
/// before anybody looks at them.
fn vectors() -> Vec<Vector> {
    let es256 = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).expect("the cases of ECDSA");
    let es256 = es256.test_groups.iter().flat_map(|group| {
        let key = group.key.key.strip_prefix(&[4]).expect("a point that is not compressed");
        let vector = move |test: &ecdsa::Test| {
            Vector::new(
                format!("ES256 {}: {}", test.tc_id, test.comment),
                key,
                &test.msg,
                &test.sig,
                test.result,
            )
        };
        group.tests.iter().filter_map(vector)
    });
    let eddsa = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the cases of Ed25519");
    let eddsa = eddsa.test_groups.iter().flat_map(|group| {
        let vector = |test: &eddsa::Test| {
            let name = format!("EdDSA {}: {}", test.tc_id, test.comment);
            Vector::new(name, &group.key.pk, &test.msg, &test.sig, test.result)
        };
        group.tests.iter().filter_map(vector)
    });
    let vectors: Vec<Vector> = es256.chain(eddsa).filter(|vector| vector.signature.len() == 64).collect();
    let valid = vectors.iter().filter(|vector| vector.is_valid).count();
    println!("{} cases, {valid} of them good", vectors.len());
    assert!(vectors.len() > 250 && valid > 100 && vectors.len() - valid > 100);
    vectors
}

/// By the crates that jwt-simple checks with.
fn natively(vector: &Vector) -> bool {
    if let Ok(key) = <[u8; 32]>::try_from(vector.key.as_slice()) {
        let signature = ed25519_compact::Signature::from_slice(&vector.signature).expect("64 bytes");
        return ed25519_compact::PublicKey::new(key).verify(&vector.message, &signature).is_ok();
    }
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], vector.key.as_slice()].concat());
    let signature = p256::ecdsa::Signature::from_slice(&vector.signature);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(&vector.message, &signature).is_ok()))
}

#[test]
fn the_cryptography_of_origin_agrees_with_wycheproof() {
    for vector in vectors() {
        assert_eq!(natively(&vector), vector.is_valid, "{}", vector.name);
    }
}

#[tokio::test]
async fn the_cryptography_of_the_edge_agrees_with_wycheproof() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let vectors = vectors();
    let cases: Vec<Case> = vectors
        .iter()
        .map(|vector| Case {
            name: vector.name.clone(),
            value: json!({
                "key": hex(&vector.key), "message": hex(&vector.message), "signature": hex(&vector.signature),
            }),
        })
        .collect();
    let verdicts = Judge::node("wycheproof.mjs").verdicts(json!({}), &cases).await;
    for (vector, verdict) in vectors.iter().zip(verdicts) {
        assert_eq!(verdict == "good", vector.is_valid, "{}: {verdict}", vector.name);
    }
}
