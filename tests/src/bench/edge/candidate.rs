//! Who takes part, and with what.

use super::load::Credentials;
use super::stage::{Stage, Worker};

pub(super) const FORWARD: &str = "only forwards (JavaScript)";
pub(super) const HEADERS: &str = "sets the same headers, verifies nothing (JavaScript)";
pub(super) const HONO_ES256: &str = "hono + jose, ES256";
pub(super) const HONO_EDDSA: &str = "hono + jose, EdDSA";
pub(super) const WEBCRYPTO: &str = "WebCrypto by hand, ES256";
pub(super) const SEEN: &str = "Countersign, token seen before";
pub(super) const NEW_ES256: &str = "Countersign, every token new, ES256";
pub(super) const NEW_EDDSA: &str = "Countersign, every token new, EdDSA";
pub(super) const IN_WASM_ES256: &str = "Countersign with jwt-simple in wasm, every token new, ES256";
pub(super) const IN_WASM_EDDSA: &str = "Countersign with jwt-simple in wasm, every token new, EdDSA";
pub(super) const SESSION: &str = "Countersign, session cookie";
pub(super) const STRICT: &str = "Countersign, strict route";
pub(super) const RENEWED: &str = "Countersign, assertion to renew";
pub(super) const WITHOUT: &str = "Countersign, refused: no credential";
pub(super) const FORGED: &str = "Countersign, refused: bad signature";

/// One way to answer requests.
pub(super) struct Candidate<'s> {
    pub(super) name: &'static str,
    pub(super) worker: &'s Worker,
    pub(super) path: &'static str,
    pub(super) credentials: &'s Credentials,
    /// Whether all its answers are refusals.
    pub(super) is_refused: bool,
    /// How many requests it has got: the next one presents the next token.
    pub(super) sent: u64,
}

/// A route for everybody who is signed in.
const PLAIN: &str = "/api/echo?a=b";
const STRICT_PATH: &str = "/api/payments/7";

pub(super) fn candidates<'s>(stage: &'s Stage<'_>) -> Vec<Candidate<'s>> {
    let Stage { forward, headers, webcrypto, es256, eddsa, none, .. } = stage;
    let on = |name, worker, path, credentials, is_refused| Candidate {
        name,
        worker,
        path,
        credentials,
        is_refused,
        sent: 0,
    };
    vec![
        on(FORWARD, forward, PLAIN, &es256.few, false),
        on(HEADERS, headers, PLAIN, &es256.few, false),
        on(HONO_ES256, &es256.hono, PLAIN, &es256.few, false),
        on(HONO_EDDSA, &eddsa.hono, PLAIN, &eddsa.few, false),
        on(WEBCRYPTO, webcrypto, PLAIN, &es256.few, false),
        on(SEEN, &es256.edge, PLAIN, &es256.few, false),
        on(NEW_ES256, &es256.edge, PLAIN, &es256.many, false),
        on(NEW_EDDSA, &eddsa.edge, PLAIN, &eddsa.many, false),
        on(IN_WASM_ES256, &es256.in_wasm, PLAIN, &es256.many, false),
        on(IN_WASM_EDDSA, &eddsa.in_wasm, PLAIN, &eddsa.many, false),
        on(SESSION, &es256.edge, PLAIN, &es256.session, false),
        on(STRICT, &es256.edge, STRICT_PATH, &es256.few, false),
        on(RENEWED, &es256.edge, PLAIN, &es256.handle, false),
        on(WITHOUT, &es256.edge, PLAIN, none, true),
        on(FORGED, &es256.edge, PLAIN, &es256.forged, true),
    ]
}
