//! Headers that only the edge may set, and whatever could be taken for one of them.

use super::PREFIX;

/// Whether a header of this name could be taken for one that only the edge may set, and so is removed
/// from every inbound request: identity, seal, and the forwarding family, by which a client could choose
/// its address, or another method or path than the ones that were decided on. A server of WSGI takes a part of the path
/// from `SCRIPT_NAME`; `Proxy` becomes the `HTTP_PROXY` by which some send their own requests (CVE-2016-5385).
///
/// CGI-like servers read `-` and `_` alike (CVE-2025-64484), and some of them whatever is no letter and no digit: so
/// here it is all alike.
#[must_use]
pub fn is_impersonation(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "cf-pseudo-ipv4",
        "client-ip",
        "cloudfront-viewer-address",
        "do-connecting-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "forwarded",
        "forwarded-for",
        "http-client-ip",
        "path-info",
        "proxy",
        "proxy-client-ip",
        "remote-addr",
        "script-name",
        "signature",
        "signature-input",
        "true-client-ip",
        "wl-proxy-client-ip",
        "x-appengine-user-ip",
        "x-azure-clientip",
        "x-azure-socketip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-host",
        "x-http-host-override",
        "x-http-method",
        "x-http-method-override",
        "x-identity",
        "x-method-override",
        "x-originating-ip",
        "x-proxyuser-ip",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
        "x-rewrite-url",
        "x-script-name",
        "x-vercel-forwarded-for",
    ];
    const PREFIXES: &[&str] =
        &["countersign-", "http-x-forwarded-", "x-envoy-", "x-forwarded-", PREFIX, "x-original-"];
    NAMES.iter().any(|known| known.len() == name.len() && starts_alike(name, known))
        || PREFIXES.iter().any(|prefix| starts_alike(name, prefix))
}

/// Whether the name starts with the prefix, its case folded, and whatever is no letter and no digit read as `-`.
pub(crate) fn starts_alike(name: &str, prefix: &str) -> bool {
    let fold = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.len() >= prefix.len() && name.bytes().map(fold).zip(prefix.bytes()).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn look_alikes_are_known_by_any_spelling() {
        for name in [
            "x-identity-subject",
            "X-Identity-Subject",
            "x_identity_subject",
            "x.identity.roles",
            "x~identity~roles",
            "x!forwarded+for",
            "X_Identity-anything",
            "x-identity-",
            "x-identity",
            "signature",
            "SIGNATURE",
            "signature_input",
            "forwarded",
            "x-forwarded-for",
            "x_forwarded.host",
            "X-FORWARDED-URI",
            "x-forwarded-prefix",
            "x-real-ip",
            "x_real_ip",
            "true.client.ip",
            "cf-connecting-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "proxy-client-ip",
            "WL-Proxy-Client-IP",
            "HTTP_CLIENT_IP",
            "http_x_forwarded_for",
            "x-originating-ip",
            "x-remote-addr",
            "countersign-mac",
            "X-AppEngine-User-IP",
            "SCRIPT_NAME",
            "script-name",
            "X-Script-Name",
            "PATH_INFO",
            "Proxy",
        ] {
            assert!(is_impersonation(name), "{name}");
        }
        for name in [
            "",
            "x",
            "x-user",
            "x_user",
            "x.user",
            "x-identit",
            "xidentity-subject",
            "signature-agent",
            "signatures",
            "authorization",
            "cookie",
            "traceparent",
            "x-request-id",
            "user-agent",
            "host",
            "script",
            "proxy-authorization",
            "path",
        ] {
            assert!(!is_impersonation(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_spelling_of_a_name_does_not_matter(name in "[ -~]{0,12}|(x-identity|x-forwarded|signature)[ -~]{0,8}") {
            let folded = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            prop_assert_eq!(is_impersonation(&name), is_impersonation(&folded));
            prop_assert_eq!(is_impersonation(&name.to_uppercase()), is_impersonation(&folded));
        }
    }
}
