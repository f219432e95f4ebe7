//! What operators count: the names of all metrics, what they mean, and the text that Prometheus reads.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use shared::{problem::Kind, seal::SealError};

/// Requests answered, by method, route (the pattern, never the path) and status.
pub const REQUESTS: &str = "countersign_http_requests_total";
/// How long requests took, in seconds, by method and route.
pub const REQUEST_SECONDS: &str = "countersign_http_request_duration_seconds";
/// Connections that are open, or were hung up on and have a request under way.
pub const CONNECTIONS: &str = "countersign_connections";
/// Connections that waited for a request and were closed to make room for another.
pub const CONNECTIONS_DISPLACED: &str = "countersign_connections_displaced_total";
/// Logins, by kind (`browser` or `token`) and outcome.
pub const LOGINS: &str = "countersign_logins_total";
/// Refreshes, by outcome.
pub const REFRESHES: &str = "countersign_refreshes_total";
/// Keys of service accounts exchanged for tokens, by outcome.
pub const SERVICE_KEYS: &str = "countersign_service_keys_exchanged_total";
/// Password hashes being computed now.
pub const HASHES_RUNNING: &str = "countersign_password_hashes_running";
/// Password hashes waiting for a place.
pub const HASHES_WAITING: &str = "countersign_password_hashes_waiting";
/// Password hashes begun.
pub const HASHES: &str = "countersign_password_hashes_total";
/// Seals refused, by reason.
pub const SEALS_REFUSED: &str = "countersign_seals_refused_total";
/// The number that the revocation log reaches to.
pub const REVOCATION_NUMBER: &str = "countersign_revocation_number";
/// How many rules of the revocation log are kept.
pub const REVOCATIONS_KEPT: &str = "countersign_revocations_kept";
/// Mails that wait to be handed over.
pub const MAILS_WAITING: &str = "countersign_mails_waiting";
/// How long the oldest of them has waited, in seconds.
pub const MAILS_WAITING_SECONDS: &str = "countersign_mails_waiting_seconds";
/// Attempts to hand a mail over, by outcome (`sent`, `failed` or `given_up`).
pub const MAILS: &str = "countersign_mails_total";
/// Events of the audit log that have no place in its chain yet, up to 10,000.
pub const AUDIT_UNLINKED: &str = "countersign_audit_unlinked";
/// How long the oldest of them has waited for that, in seconds.
pub const AUDIT_UNLINKED_SECONDS: &str = "countersign_audit_unlinked_seconds";
/// The number of the last link of the audit log.
pub const AUDIT_NUMBER: &str = "countersign_audit_number";

const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of this process, ready to be read.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Makes the process count. In one process only the first call does; later ones read what they
    /// themselves recorded, which is nothing, and that suffices for tests.
    ///
    /// # Errors
    /// When the buckets are wrong, which they are not.
    pub fn install() -> Result<Self, metrics_exporter_prometheus::BuildError> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), BUCKETS)?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_ok() {
            describe();
            begin();
        }
        Ok(Self(handle))
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Moves recorded durations into their buckets from time to time, so that they do not pile up while
    /// nobody reads them. Runs until it is dropped.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// Records how far the revocation log reaches, and how many of its rules are kept; none where nobody knows.
pub fn record_revocations(log: Option<(u64, u64)>) {
    set(REVOCATION_NUMBER, log.map(|(number, _)| number));
    set(REVOCATIONS_KEPT, log.map(|(_, kept)| kept));
}

/// Records how much mail waits, and for how long the oldest has; none where nobody knows.
pub fn record_mail(mail: Option<(u64, Duration)>) {
    set(MAILS_WAITING, mail.map(|(waiting, _)| waiting));
    set_seconds(MAILS_WAITING_SECONDS, mail.map(|(_, oldest)| oldest));
}

/// Records how much of the audit log waits to be linked, for how long the oldest event has, and how far it is; none
/// where nobody knows.
pub fn record_audit(audit: Option<(u64, Duration, u64)>) {
    set(AUDIT_UNLINKED, audit.map(|(waiting, _, _)| waiting));
    set_seconds(AUDIT_UNLINKED_SECONDS, audit.map(|(_, oldest, _)| oldest));
    set(AUDIT_NUMBER, audit.map(|(_, _, number)| number));
}

/// Exact up to 2^53, which nothing here reaches. What is not known is no number: the last one would say that all is
/// as it was.
fn set(gauge: &'static str, number: Option<u64>) {
    metrics::gauge!(gauge).set(number.map_or(f64::NAN, |number| number as f64));
}

fn set_seconds(gauge: &'static str, time: Option<Duration>) {
    metrics::gauge!(gauge).set(time.map_or(f64::NAN, |time| time.as_secs_f64()));
}

/// Creates all counters that are known, at zero: of one that begins with its first event Prometheus' `increase()`
/// misses that event.
fn begin() {
    /// What comes of logins, besides what hardly ever does.
    const LOGIN_OUTCOMES: [&str; 10] = [
        "success",
        Kind::InvalidCredentials.slug(),
        Kind::SecondFactorRequired.slug(),
        Kind::InvalidCode.slug(),
        Kind::InvalidPasskey.slug(),
        Kind::EmailUnverified.slug(),
        Kind::TooManyRequests.slug(),
        Kind::Internal.slug(),
        Kind::Overloaded.slug(),
        Kind::Unavailable.slug(),
    ];
    metrics::counter!(CONNECTIONS_DISPLACED).increment(0);
    metrics::counter!(HASHES).increment(0);
    for kind in ["browser", "token"] {
        for outcome in LOGIN_OUTCOMES {
            metrics::counter!(LOGINS, "kind" => kind, "outcome" => outcome).increment(0);
        }
    }
    for outcome in ["success", "invalid-grant", Kind::TooManyRequests.slug(), "error"] {
        metrics::counter!(REFRESHES, "outcome" => outcome).increment(0);
    }
    for outcome in ["success", "invalid-client", "error"] {
        metrics::counter!(SERVICE_KEYS, "outcome" => outcome).increment(0);
    }
    for outcome in ["sent", "failed", "given_up"] {
        metrics::counter!(MAILS, "outcome" => outcome).increment(0);
    }
    for error in SealError::ALL {
        metrics::counter!(SEALS_REFUSED, "reason" => format!("{error:?}")).increment(0);
    }
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    metrics::describe_histogram!(REQUEST_SECONDS, metrics::Unit::Seconds, "How long requests took.");
    metrics::describe_gauge!(CONNECTIONS, "Connections that are open.");
    metrics::describe_counter!(CONNECTIONS_DISPLACED, "Idle connections closed to make room.");
    metrics::describe_counter!(LOGINS, "Logins, by kind and outcome.");
    metrics::describe_counter!(REFRESHES, "Refreshes, by outcome.");
    metrics::describe_counter!(SERVICE_KEYS, "Keys of service accounts exchanged for tokens, by outcome.");
    metrics::describe_gauge!(HASHES_RUNNING, "Password hashes being computed now.");
    metrics::describe_gauge!(HASHES_WAITING, "Password hashes waiting for a place.");
    metrics::describe_counter!(HASHES, "Password hashes begun.");
    metrics::describe_counter!(SEALS_REFUSED, "Seals refused, by reason.");
    metrics::describe_gauge!(REVOCATION_NUMBER, "The number that the revocation log reaches to.");
    metrics::describe_gauge!(REVOCATIONS_KEPT, "Rules of the revocation log that are kept.");
    metrics::describe_gauge!(MAILS_WAITING, "Mails that wait to be handed over.");
    metrics::describe_gauge!(MAILS_WAITING_SECONDS, "How long the oldest of them has waited.");
    metrics::describe_gauge!(
        AUDIT_UNLINKED,
        "Events of the audit log that wait for their link, up to 10,000."
    );
    metrics::describe_gauge!(AUDIT_UNLINKED_SECONDS, "How long the oldest of them has waited.");
    metrics::describe_gauge!(AUDIT_NUMBER, "The number of the last link of the audit log.");
    metrics::describe_counter!(MAILS, "Attempts to hand a mail over, by outcome.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_can_be_read() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!(LOGINS, "kind" => "browser", "outcome" => "success").increment(2);
        });
        metrics::with_local_recorder(&recorder, || record_revocations(Some((1_000_000, 17))));
        let text = metrics.render();
        assert!(text.contains("countersign_logins_total{kind=\"browser\",outcome=\"success\"} 2"), "{text}");
        assert!(text.contains("countersign_revocation_number 1000000\n"), "{text}");
        assert!(text.contains("countersign_revocations_kept 17\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_no_number() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let oldest = Duration::from_secs(3);
            record_revocations(Some((1, 2)));
            record_mail(Some((1, oldest)));
            record_audit(Some((1, oldest, 2)));
            record_revocations(None);
            record_mail(None);
            record_audit(None);
        });
        let text = recorder.handle().render();
        let numbers: Vec<_> =
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(numbers.len(), 7, "{text}");
        assert!(numbers.iter().all(|line| line.ends_with(" NaN")), "{text}");
    }

    #[test]
    fn a_counter_is_there_before_its_first_event() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, begin);
        let text = recorder.handle().render();
        for counter in [
            "countersign_connections_displaced_total",
            "countersign_password_hashes_total",
            "countersign_logins_total{kind=\"browser\",outcome=\"invalid-credentials\"}",
            "countersign_logins_total{kind=\"token\",outcome=\"too-many-requests\"}",
            "countersign_refreshes_total{outcome=\"invalid-grant\"}",
            "countersign_service_keys_exchanged_total{outcome=\"invalid-client\"}",
            "countersign_mails_total{outcome=\"given_up\"}",
            "countersign_seals_refused_total{reason=\"Replayed\"}",
        ] {
            assert!(text.contains(&format!("\n{counter} 0\n")), "{counter} in {text}");
        }
    }
}
