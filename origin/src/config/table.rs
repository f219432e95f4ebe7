//! The settings that hold, to be looked at. Secrets are not among them, only whether they are set.

use std::{net::Ipv6Addr, time::Duration};

use secrecy::ExposeSecret as _;

use super::{Config, secrets};
use crate::telemetry::LogFormat;

impl Config {
    /// Name and value of every setting; of a secret whether it is set.
    pub fn table(&self) -> Vec<(&'static str, String)> {
        let domain = &self.domain;
        let mail = domain.mail.as_ref();
        let verified_login = mail.is_some_and(|mail| mail.verified_login);
        let seconds =
            |time: Option<Duration>| time.map(|time| time.as_secs().to_string()).unwrap_or_default();
        let roles = domain
            .role_limits
            .iter()
            .map(|limit| format!("{}={}/{}", limit.role, limit.absolute.as_secs(), limit.idle.as_secs()));
        let mut table = vec![
            ("database_url", without_password(self.database_url.expose_secret())),
            ("listen", self.listen.to_string()),
            ("issuer", domain.issuer.clone()),
            ("audience", domain.audience.clone()),
            ("client_id", domain.client_id.clone()),
            ("own_origins", self.own_origins.join(",")),
            ("authority", self.authority.clone().unwrap_or_default()),
            ("policy", self.policy_file.clone().unwrap_or_else(|| "the built-in example".to_owned())),
            ("algorithm", domain.algorithm.to_string()),
            ("key_rotation_seconds", domain.key_rotation.as_secs().to_string()),
            ("key_publish_seconds", domain.key_publish.as_secs().to_string()),
            ("access_token_seconds", domain.access_ttl.as_secs().to_string()),
            ("assertion_seconds", domain.assertion_ttl.as_secs().to_string()),
            ("refresh_grace_seconds", domain.grace.as_secs().to_string()),
            ("refresh_retry_seconds", domain.retry.as_secs().to_string()),
            ("fresh_login_seconds", domain.fresh_login.as_secs().to_string()),
            ("session_absolute_seconds", domain.absolute.as_secs().to_string()),
            ("session_idle_browser_seconds", domain.idle_browser.as_secs().to_string()),
            ("session_idle_token_seconds", domain.idle_token.as_secs().to_string()),
            ("sessions_per_user", domain.sessions_per_user.to_string()),
            ("role_sessions", roles.collect::<Vec<_>>().join(",")),
            ("session_retention_seconds", domain.session_retention.as_secs().to_string()),
            ("audit_retention_seconds", domain.audit_retention.map_or(0, |time| time.as_secs()).to_string()),
            ("passkey_domain", domain.passkeys.as_ref().map(|it| it.rp_id.clone()).unwrap_or_default()),
            ("password_min_length", domain.password_min_length.to_string()),
            ("hash_memory_kib", domain.hashing.memory_kib.to_string()),
            ("hash_iterations", domain.hashing.iterations.to_string()),
            ("hash_parallel", domain.hashing.parallel.to_string()),
            ("hash_queue", domain.hashing.queue.to_string()),
            ("limit_account", domain.limits.account.to_string()),
            ("limit_device", domain.limits.device.to_string()),
            ("limit_address", domain.limits.address.to_string()),
            ("limit_overall", domain.limits.overall.to_string()),
            ("limit_mail_recipient", domain.limits.mail_recipient.to_string()),
            ("limit_mail_address", domain.limits.mail_address.to_string()),
            ("limit_mail_overall", domain.limits.mail_overall.to_string()),
            ("limit_records", domain.limits.records.to_string()),
            ("limit_ceremonies", domain.limits.ceremonies.to_string()),
            ("limit_session", domain.limits.session.to_string()),
            ("known_device_seconds", domain.known_device.as_secs().to_string()),
            ("smtp_url", self.smtp.as_ref().map(|smtp| smtp.url()).unwrap_or_default()),
            ("smtp_user", self.smtp.as_ref().and_then(|smtp| smtp.user.clone()).unwrap_or_default()),
            ("mail_from", self.smtp.as_ref().map(|smtp| smtp.from.to_string()).unwrap_or_default()),
            ("public_url", mail.map(|mail| mail.public_url.clone()).unwrap_or_default()),
            ("email_verification", if verified_login { "login" } else { "off" }.to_owned()),
            ("email_verification_seconds", seconds(mail.map(|mail| mail.verification))),
            ("password_reset_seconds", seconds(mail.map(|mail| mail.reset))),
            ("seal_nonces", if self.seal_nonces { "once" } else { "off" }.to_owned()),
            ("trusted_proxies", self.trusted_proxies.to_string()),
            ("connections", self.connections.to_string()),
            ("idle_seconds", self.idle_time.as_secs().to_string()),
            ("request_seconds", self.request_time.as_secs().to_string()),
            ("shutdown_seconds", self.shutdown_time.as_secs().to_string()),
            ("log", self.logging.filter.clone()),
            ("log_format", if self.logging.format == LogFormat::Json { "json" } else { "text" }.to_owned()),
        ];
        let is_set = |name| if self.secrets_set.contains(name) { "set" } else { "" };
        table.extend(secrets::NAMES.iter().map(|name| (*name, is_set(name).to_owned())));
        table
    }
}

/// The address of a database without user, password and parameters, of which any may be secret. Where it can be read in
/// two ways, such as with a `/`, `?` or `@` in a password that was not written as `%2F`, `%3F` or `%40`, nothing of it is
/// shown but its scheme.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let place = rest.split('?').next().unwrap_or_default();
    let shown = match scheme {
        _ if rest.get(place.len()..).is_some_and(|parameters| parameters.contains('@')) => None,
        "sqlite" => Some(place.to_owned()).filter(|file| !file.contains('@')),
        _ => place.strip_prefix("//").and_then(server),
    };
    format!("{scheme}:{}", shown.as_deref().unwrap_or("…"))
}

/// What can be shown of a server and a database on it, if they are what they seem to be.
fn server(place: &str) -> Option<String> {
    let (authority, database) = place.split_at(place.find('/').unwrap_or(place.len()));
    let (user, address) = match authority.rsplit_once('@') {
        Some((_, address)) => ("…@", address),
        None => ("", authority),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !address.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (address, None),
    };
    let is_address = || host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    if !(is_plain(host) || is_address().is_some()) || !is_plain(database) {
        return None;
    }
    let port = match port {
        // With no user before it, it may be the password of one whose host was forgotten.
        Some(_) if user.is_empty() => ":…".to_owned(),
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    Some(format!("//{user}{host}{port}{database}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_left_out_wherever_it_stands() {
        for (url, shown) in [
            ("postgres://me:a@b@host/db?sslmode=require", "postgres://…@host/db"),
            ("postgres://me:pw@host:5432/db", "postgres://…@host:5432/db"),
            ("postgres://me:pw@[::1]:5432/db", "postgres://…@[::1]:5432/db"),
            ("postgres://me:pw@[::1]/db", "postgres://…@[::1]/db"),
            ("postgres://host/db?user=me&password=x", "postgres://host/db"),
            ("postgres://host:5432/db", "postgres://host:…/db"),
            ("sqlite:///var/x.db?mode=rwc", "sqlite:///var/x.db"),
            ("sqlite:data.db", "sqlite:data.db"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }

    #[test]
    fn an_address_that_can_be_read_in_two_ways_is_not_shown() {
        for secret in [
            "hunter2",
            "2222",
            "hunter2?x",
            "2?2222",
            "x/hunter2",
            "2/2222",
            "hunter2#x",
            "x@hunter2/y",
            "x@hunter2?y",
            "hunter2%40x",
            "x y:hunter2",
            "[hunter2]",
        ] {
            for scheme in ["postgres://", "postgresql://", "postgres:", "postgres:/", "sqlite://"] {
                for rest in ["@db/cs", "@db/cs?x=a@b", "@db?hunter2", "@[::1]"] {
                    let url = format!("{scheme}me:{secret}{rest}");
                    let shown = without_password(&url);
                    assert!(!shown.contains("hunter2") && !shown.contains("222"), "{url} as {shown}");
                }
            }
        }
        // Whose host was forgotten.
        for (url, shown) in [
            ("postgres://me:hunter2", "postgres:…"),
            ("postgres://me:hunter2/cs", "postgres:…"),
            ("postgres://me:hunter2?sslmode=require", "postgres:…"),
            ("postgres://me:[hunter2]", "postgres:…"),
            ("postgres://me:2222/cs", "postgres://me:…/cs"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }
}
