//! The digest of a body (RFC 9530), in the one form that is covered by seals: `sha-256=:…:`.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// The header that carries it.
pub const HEADER: &str = "content-digest";

/// The value of [`HEADER`] for this body.
#[must_use]
pub fn of(body: &[u8]) -> String {
    ["sha-256=:", &Base64::encode_string(&Sha256::digest(body)), ":"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sha_256_in_base64() {
        // The body of RFC 9421 Appendix B.2; the digest is that of `openssl dgst -sha256`.
        assert_eq!(of(b"{\"hello\": \"world\"}"), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
    }
}
