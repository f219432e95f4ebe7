//! The settings that hold, to be looked at. Secrets are not among them, only whether they are set.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::Config;
use crate::telemetry::LogFormat;

impl Config {
    /// Name and value of every setting that is no secret.
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
        vec![
            ("database_url", without_password(self.database_url.expose_secret())),
            ("listen", self.listen.to_string()),
            ("issuer", domain.issuer.clone()),
            ("audience", domain.audience.clone()),
            ("client_id", domain.client_id.clone()),
            ("own_origins", self.own_origins.join(",")),
            ("authority", self.authority.clone().unwrap_or_default()),
            ("algorithm", domain.algorithm.to_string()),
            ("access_token_seconds", domain.access_ttl.as_secs().to_string()),
            ("assertion_seconds", domain.assertion_ttl.as_secs().to_string()),
            ("refresh_grace_seconds", domain.grace.as_secs().to_string()),
            ("refresh_retry_seconds", domain.retry.as_secs().to_string()),
            ("session_absolute_seconds", domain.absolute.as_secs().to_string()),
            ("session_idle_browser_seconds", domain.idle_browser.as_secs().to_string()),
            ("session_idle_token_seconds", domain.idle_token.as_secs().to_string()),
            ("sessions_per_user", domain.sessions_per_user.to_string()),
            ("role_sessions", roles.collect::<Vec<_>>().join(",")),
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
        ]
    }
}

/// The address of a database without user, password and parameters, of which any may be secret.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match url.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, host)))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_left_out_wherever_it_stands() {
        assert_eq!(without_password("postgres://me:a@b@host/db?sslmode=require"), "postgres://…@host/db");
        assert_eq!(without_password("postgres://host/db?user=me&password=x"), "postgres://host/db");
        assert_eq!(without_password("sqlite:///var/x.db?mode=rwc"), "sqlite:///var/x.db");
    }
}
