//! The settings of the domain: how long tokens and sessions hold, how passwords are judged and hashed.

use std::{net::IpAddr, time::Duration};

use axum::http::Uri;
use shared::{jwt::keys::Algorithm, policy::Policy};

use super::{limits, reader::Reader};
use crate::domain::{
    Hashing, MailSettings, PasskeySettings, RoleLimits, Settings,
    passwords::imported::{MAX_ARGON2_WORK, MAX_MEMORY_KIB},
};

const DAY: u64 = 24 * 3600;
const YEAR: u64 = 365 * DAY;

/// The sessions of administrators are shorter unless the operator says otherwise.
const DEFAULT_ROLE_SESSIONS: &str = "admin=86400/3600";

/// Reads them all. The issuer, the own origins and what concerns mail were read before; where they are at fault nothing
/// comes of these.
pub(super) fn read(
    read: &mut Reader<'_>,
    issuer: Option<&str>,
    own_origins: &[String],
    policy: Option<&Policy>,
    mail: Option<MailSettings>,
) -> Settings {
    let issuer = issuer.unwrap_or_default().to_owned();
    let settings = Settings {
        audience: read.text("audience").map_or_else(|| issuer.clone(), str::to_owned),
        client_id: read.text("client_id").unwrap_or("countersign").to_owned(),
        issuer,
        access_ttl: read.seconds("access_token_seconds", 600, 1..=DAY),
        assertion_ttl: read.seconds("assertion_seconds", 300, 1..=3600),
        absolute: read.seconds("session_absolute_seconds", 30 * DAY, 1..=YEAR),
        idle_browser: read.seconds("session_idle_browser_seconds", 7 * DAY, 1..=YEAR),
        idle_token: read.seconds("session_idle_token_seconds", 30 * DAY, 1..=YEAR),
        sessions_per_user: read.number("sessions_per_user", 100, 1..=10_000),
        role_limits: read_role_limits(read, policy),
        fresh_login: read.seconds("fresh_login_seconds", 300, 1..=DAY),
        grace: read.seconds("refresh_grace_seconds", 30, 0..=300),
        retry: read.seconds("refresh_retry_seconds", DAY, 0..=30 * DAY),
        passkeys: read_passkeys(read, own_origins),
        password_min_length: read.number("password_min_length", 15, 8..=128),
        hashing: read_hashing(read),
        limits: limits::read(read),
        known_device: read.seconds("known_device_seconds", 180 * DAY, 1..=YEAR),
        algorithm: read
            .parsed("algorithm", Algorithm::from_name, "an algorithm", "give ES256 or EdDSA")
            .unwrap_or(Algorithm::Es256),
        key_rotation: read.seconds("key_rotation_seconds", 30 * DAY, 2..=YEAR),
        key_publish: read.seconds("key_publish_seconds", 600, 1..=30 * DAY),
        session_retention: read.seconds("session_retention_seconds", 30 * DAY, 0..=10 * YEAR),
        audit_retention: read_audit_retention(read),
        mail,
    };
    if settings.retry < settings.grace {
        let remedy = "give a retry time of at least the grace";
        read.fault("refresh_retry_seconds", "it is shorter than refresh_grace_seconds", remedy);
    }
    if settings.key_rotation < settings.key_publish {
        let remedy = "give a rotation time of at least the time for which a key is published first";
        read.fault("key_rotation_seconds", "it is shorter than key_publish_seconds", remedy);
    }
    settings
}

/// For ever, unless the operator decides that evidence goes. A few days are at least needed to look at it.
fn read_audit_retention(read: &mut Reader<'_>) -> Option<Duration> {
    const KEY: &str = "audit_retention_seconds";
    let within = |text: &str| {
        text.parse().ok().filter(|seconds| *seconds == 0 || (DAY..=100 * YEAR).contains(seconds))
    };
    let remedy = "give 0 to keep it for ever, or at least 86400, a day";
    let seconds = read.parsed(KEY, within, "a time for which the audit log can be kept", remedy)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// The domain that is set, or else the host of the first own origin that has a name: what has none, such as
/// 127.0.0.1, no browser registers passkeys for.
fn read_passkeys(read: &mut Reader<'_>, own_origins: &[String]) -> Option<PasskeySettings> {
    const KEY: &str = "passkey_domain";
    let host = |origin: &str| origin.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    let is_named = |host: &String| host.parse::<IpAddr>().is_err() && !host.starts_with('[');
    let set = read.text(KEY).map(str::to_owned);
    let is_set = set.is_some();
    let rp_id = set.or_else(|| own_origins.iter().filter_map(|origin| host(origin)).find(is_named))?;
    let lies_there = |origin: &&String| {
        host(origin).is_some_and(|host| host == rp_id || host.ends_with(&format!(".{rp_id}")))
    };
    let origins: Vec<String> = own_origins.iter().filter(lies_there).cloned().collect();
    if is_set && origins.is_empty() {
        read.fault(KEY, "none of the own origins lies in this domain", "give the domain of an own origin");
    }
    Some(PasskeySettings { rp_id, origins })
}

/// The floor is OWASP's for Argon2id: no setting makes a stolen database cheaper to guess through.
fn read_hashing(read: &mut Reader<'_>) -> Hashing {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kib: u32 = read.number("hash_memory_kib", 19_456, 19_456..=MAX_MEMORY_KIB);
    let iterations: u32 = read.number("hash_iterations", 2, 2..=100);
    // What is verified is bounded, whoever made it; a hash that was made past the bound would open nothing ever again.
    if u64::from(memory_kib) * u64::from(iterations) > MAX_ARGON2_WORK {
        let message = "with this much memory that is more than will be verified";
        read.fault("hash_iterations", message, "give at most 1 GiB of memory times iterations");
    }
    Hashing {
        memory_kib,
        iterations,
        parallel: read.number("hash_parallel", cores, 1..=1024),
        queue: read.number("hash_queue", 64, 0..=100_000),
    }
}

fn read_role_limits(read: &mut Reader<'_>, policy: Option<&Policy>) -> Vec<RoleLimits> {
    const KEY: &str = "role_sessions";
    let remedy = "give role=absolute/idle in seconds, separated by commas, as admin=86400/3600";
    let Some(limits) = read.parsed(KEY, role_limits, "a list of limits", remedy) else {
        return role_limits(DEFAULT_ROLE_SESSIONS).unwrap_or_default();
    };
    let unknown = |limit: &&RoleLimits| policy.is_some_and(|policy| !policy.has_role(&limit.role));
    if let Some(limit) = limits.iter().find(unknown) {
        let message = format!("the policy has no role `{}`", limit.role);
        read.fault(KEY, message, "name a role of the policy file");
    }
    limits
}

fn role_limits(text: &str) -> Option<Vec<RoleLimits>> {
    let seconds = |text: &str| {
        text.trim().parse().ok().filter(|seconds| (1..=YEAR).contains(seconds)).map(Duration::from_secs)
    };
    let limit = |entry: &str| {
        let (role, limits) = entry.split_once('=')?;
        let (absolute, idle) = limits.split_once('/')?;
        let role = role.trim().parse().ok()?;
        Some(RoleLimits { role, absolute: seconds(absolute)?, idle: seconds(idle)? })
    };
    text.split(',').map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_roles_are_a_list() {
        let limits = role_limits("admin=86400/3600, support=7200/600").unwrap();
        assert_eq!(limits[1].role.as_str(), "support");
        assert_eq!(limits[1].idle, Duration::from_secs(600));
        for bad in ["", "admin", "admin=1", "admin=1/", "admin=0/1", "Admin=1/1", "admin=1/1,"] {
            assert_eq!(role_limits(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_default_can_be_read() {
        assert!(role_limits(DEFAULT_ROLE_SESSIONS).is_some());
    }
}
