//! The names of all settings, in one list, and the nearest of them to a misspelt one.

/// Every setting, as the file's keys name it; `COUNTERSIGN_` and upper case make the variable.
pub(super) const KNOWN: &[&str] = &[
    "access_token_seconds",
    "algorithm",
    "assertion_seconds",
    "audience",
    "audit_retention_seconds",
    "authority",
    "client_id",
    "connections",
    "database_url",
    "email_verification",
    "email_verification_seconds",
    "fresh_login_seconds",
    "hash_iterations",
    "hash_memory_kib",
    "hash_parallel",
    "hash_queue",
    "idle_seconds",
    "issuer",
    "key_publish_seconds",
    "key_rotation_seconds",
    "known_device_seconds",
    "limit_account",
    "limit_address",
    "limit_ceremonies",
    "limit_device",
    "limit_mail_address",
    "limit_mail_overall",
    "limit_mail_recipient",
    "limit_overall",
    "limit_records",
    "limit_session",
    "listen",
    "log",
    "log_format",
    "mail_from",
    "master_key",
    "master_key_previous",
    "own_origins",
    "passkey_domain",
    "password_min_length",
    "password_reset_seconds",
    "policy",
    "public_url",
    "refresh_grace_seconds",
    "refresh_retry_seconds",
    "request_seconds",
    "role_sessions",
    "seal_nonces",
    "secret",
    "secret_previous",
    "session_absolute_seconds",
    "session_idle_browser_seconds",
    "session_idle_token_seconds",
    "session_retention_seconds",
    "sessions_per_user",
    "shutdown_seconds",
    "smtp_password",
    "smtp_url",
    "smtp_user",
    "trusted_proxies",
];

/// Variables of the same prefix that are read elsewhere: by the command line, by the edge's build.
pub(super) const ELSEWHERE: &[&str] = &["config"];

/// The known name that is nearest to `name`, if one is near enough to be meant.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    KNOWN
        .iter()
        .map(|known| (distance(known, &name), *known))
        .min()
        .filter(|(distance, known)| *distance <= 2 + known.len() / 8)
        .map(|(_, known)| known)
}

/// Levenshtein's distance: how many letters to add, remove or change.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("listen", "lisen"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_name_far_from_all_has_no_suggestion() {
        assert_eq!(closest("master-key"), Some("master_key"));
        assert_eq!(closest("MASTERKEY"), Some("master_key"));
        assert_eq!(closest("weather"), None);
    }

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(KNOWN.is_sorted_by(|a, b| a < b));
    }
}
