//! What differs between environments: the worker's variables and secrets, all faults found together.

use std::{collections::BTreeMap, fmt, time::Duration};

use shared::{
    mac::{SharedSecret, SharedSecrets},
    origin_check::is_origin,
    policy::{ORIGIN, Policy, UpstreamName},
};

/// The variable of its address, which is wanted whether or not the policy has a route to it.
const ORIGIN_VARIABLE: &str = "UPSTREAM_ORIGIN";

/// The settings of one worker.
#[derive(Debug)]
pub struct Settings {
    /// The `iss` of every token.
    pub issuer: String,
    /// The `aud` of every token.
    pub audience: String,
    /// The origins of the site itself, as browsers write them. Never read from `Host`.
    pub own_origins: Vec<String>,
    /// The address of origin, for the edge's own calls.
    pub origin: Upstream,
    /// The address of each upstream of the policy.
    pub upstreams: BTreeMap<UpstreamName, Upstream>,
    /// What origin and edge share.
    pub secrets: SharedSecrets,
    /// How long origin lets an access token live.
    pub access_lifetime: Duration,
    /// How long origin lets an assertion live.
    pub assertion_lifetime: Duration,
    /// Up to this age the edge state is used without a thought.
    pub fresh: Duration,
    /// Past this age a request waits for a new edge state.
    pub max_age: Duration,
    /// The header in which whoever stands in front of the worker writes the client's address.
    pub address_header: Option<String>,
    /// The most bytes of a body whose digest a route wants.
    pub body_limit: usize,
    /// Which requests have a line in the log.
    pub log: Logged,
}

/// The address of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Scheme and authority, without a slash at the end.
    pub base: String,
    /// What its `Host` header will say, and so what is sealed.
    pub authority: String,
}

/// Which requests have a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Every one.
    All,
    /// Those that were refused.
    Denials,
    /// None.
    Off,
}

/// A variable that is missing or wrong. It says what is wanted and never what was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    variable: String,
    wanted: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.wanted)
    }
}

impl Settings {
    /// Reads the variables by `variable`, which gives `None` for those that are not set.
    ///
    /// # Errors
    /// Every [`Fault`] there is. A worker without settings refuses every request.
    pub fn read(policy: &Policy, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader { variable, faults: Vec::new() };
        let issuer = reader.required("ISSUER", "the issuer's URL is wanted, as in the tokens' `iss`", Some);
        let audience = reader.optional("AUDIENCE", "", Some).or_else(|| issuer.clone());
        let own_origins = reader.required("OWN_ORIGINS", OWN_ORIGINS_WANTED, origins);
        let current = reader.required("COUNTERSIGN_SECRET", SECRET_WANTED, secret);
        let previous = reader.optional("COUNTERSIGN_SECRET_PREVIOUS", SECRET_WANTED, secret);
        let origin = reader.required(ORIGIN_VARIABLE, UPSTREAM_WANTED, Upstream::parse);
        let mut upstreams = BTreeMap::new();
        for name in policy.upstreams() {
            let address = match name.as_str() {
                ORIGIN => origin.clone(),
                _ => reader.required(&name.variable(), UPSTREAM_WANTED, Upstream::parse),
            };
            upstreams.extend(address.map(|address| (name.clone(), address)));
        }
        // As much as origin can be set to.
        let access_lifetime = reader.seconds("ACCESS_TOKEN_SECONDS", 600, 86_400, "1 to 86400 is wanted");
        let assertion_lifetime = reader.seconds("ASSERTION_SECONDS", 300, 3600, "1 to 3600 is wanted");
        let fresh = reader.milliseconds("FRESH_MS", 1000);
        let max_age = reader.milliseconds("MAX_AGE_MS", 5000);
        if fresh > max_age {
            reader.fault("FRESH_MS", FRESH_WANTED);
        }
        let address_header = reader.optional("CLIENT_ADDRESS_HEADER", HEADER_WANTED, header_name);
        let body_limit = reader.optional("BODY_LIMIT", NUMBER_WANTED, |text| text.parse().ok());
        let log = reader.optional("LOG", "`all`, `denials` or `off` is wanted", logged);
        match (issuer, audience, own_origins, current, origin) {
            (Some(issuer), Some(audience), Some(own_origins), Some(current), Some(origin))
                if reader.faults.is_empty() =>
            {
                Ok(Self {
                    issuer,
                    audience,
                    own_origins,
                    origin,
                    upstreams,
                    secrets: SharedSecrets::new(current, previous),
                    access_lifetime,
                    assertion_lifetime,
                    fresh,
                    max_age,
                    address_header,
                    body_limit: body_limit.unwrap_or(1024 * 1024),
                    log: log.unwrap_or(Logged::All),
                })
            }
            _ => Err(reader.faults),
        }
    }

    /// Whether a request with this `Host` is for this site.
    #[must_use]
    pub fn is_own(&self, authority: &str) -> bool {
        self.schemes(authority).next().is_some()
    }

    /// The schemes by which the site is served under this `Host`. Names of hosts have no case.
    pub fn schemes(&self, authority: &str) -> impl Iterator<Item = &str> {
        let own = self.own_origins.iter().filter_map(|origin| origin.split_once("://"));
        own.filter(move |(_, own)| own.eq_ignore_ascii_case(authority)).map(|(scheme, _)| scheme)
    }
}

const OWN_ORIGINS_WANTED: &str =
    "the site's origins are wanted, separated by commas, such as https://www.example.com";
const SECRET_WANTED: &str = "32 bytes in unpadded base64url are wanted, the same as at origin";
const UPSTREAM_WANTED: &str = "the upstream's origin is wanted, such as https://reports.internal:8443, without \
                               a path or a slash at the end";
const HEADER_WANTED: &str = "the name of a header is wanted, in lower case, such as cf-connecting-ip";
const FRESH_WANTED: &str = "at most as much as MAX_AGE_MS is wanted";
const MILLISECONDS_WANTED: &str = "1 to 60000 is wanted";
const NUMBER_WANTED: &str = "a whole number is wanted";

/// Reads variables and gathers what is wrong with them. An empty one counts as not set.
struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn optional<T>(
        &mut self,
        name: &str,
        wanted: &'static str,
        parse: impl Fn(String) -> Option<T>,
    ) -> Option<T> {
        let value = parse(self.text(name)?);
        if value.is_none() {
            self.fault(name, wanted);
        }
        value
    }

    fn required<T>(
        &mut self,
        name: &str,
        wanted: &'static str,
        parse: impl Fn(String) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(name).and_then(parse);
        if value.is_none() {
            self.fault(name, wanted);
        }
        value
    }

    fn seconds(&mut self, name: &str, default: u64, most: u64, wanted: &'static str) -> Duration {
        Duration::from_secs(self.number(name, default, most, wanted))
    }

    /// A minute is the most: what is older by more was meant otherwise.
    fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name, default, 60_000, MILLISECONDS_WANTED))
    }

    fn number(&mut self, name: &str, default: u64, most: u64, wanted: &'static str) -> u64 {
        let within = |text: String| text.parse().ok().filter(|number| (1..=most).contains(number));
        self.optional(name, wanted, within).unwrap_or(default)
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|text| !text.is_empty())
    }

    fn fault(&mut self, name: &str, wanted: &'static str) {
        self.faults.push(Fault { variable: name.to_owned(), wanted });
    }
}

impl Upstream {
    fn parse(text: String) -> Option<Self> {
        // In this form a default port is left out, as it is in `Host` and in what is signed
        // (RFC 9421 §2.2.3).
        let authority = text.split_once("://").filter(|_| is_origin(&text))?.1.to_owned();
        Some(Self { base: text, authority })
    }
}

fn origins(text: String) -> Option<Vec<String>> {
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    origins.iter().all(|origin| is_origin(origin)).then_some(origins)
}

fn secret(text: String) -> Option<SharedSecret> {
    SharedSecret::from_base64url(&text).ok()
}

fn header_name(text: String) -> Option<String> {
    let valid = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    valid.then_some(text)
}

fn logged(text: String) -> Option<Logged> {
    match text.as_str() {
        "all" => Some(Logged::All),
        "denials" => Some(Logged::Denials),
        "off" => Some(Logged::Off),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::built_in;

    const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn read(changes: &[(&str, &str)]) -> Result<Settings, String> {
        let usual = [
            ("ISSUER", "https://www.site.test"),
            ("OWN_ORIGINS", "https://www.site.test, https://site.test"),
            ("UPSTREAM_ORIGIN", "http://origin.test:8788"),
            ("UPSTREAM_DEMO", "https://demo.test"),
            ("COUNTERSIGN_SECRET", SECRET),
        ];
        let value = |name: &str| {
            let all = || changes.iter().chain(&usual);
            all().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&built_in().unwrap(), &value)
            .map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = read(&[("LOG", "")]).unwrap();
        assert_eq!(settings.audience, settings.issuer);
        assert_eq!((settings.fresh.as_millis(), settings.max_age.as_millis()), (1000, 5000));
        assert_eq!((settings.log, settings.body_limit), (Logged::All, 1_048_576));
        let authorities: Vec<&str> = settings.upstreams.values().map(|at| at.authority.as_str()).collect();
        assert_eq!(authorities, ["demo.test", "origin.test:8788"]);
    }

    #[test]
    fn all_faults_are_told_at_once_and_no_value_is_repeated() {
        let wrong = "wrong-value";
        let faults = read(&[
            ("ISSUER", ""),
            ("OWN_ORIGINS", wrong),
            ("UPSTREAM_ORIGIN", wrong),
            ("UPSTREAM_DEMO", "https://demo.test/path"),
            ("COUNTERSIGN_SECRET", wrong),
            ("COUNTERSIGN_SECRET_PREVIOUS", wrong),
            ("MAX_AGE_MS", wrong),
            ("LOG", wrong),
            ("CLIENT_ADDRESS_HEADER", "CF-Connecting-IP"),
        ])
        .unwrap_err();
        assert_eq!(faults.lines().count(), 9, "{faults}");
        assert!(!faults.contains(wrong), "{faults}");
    }

    #[test]
    fn a_state_is_renewed_before_a_request_has_to_wait_for_it() {
        assert!(read(&[("MAX_AGE_MS", "1000")]).is_ok());
        let faults = read(&[("MAX_AGE_MS", "999")]).unwrap_err();
        assert_eq!(faults, "FRESH_MS: at most as much as MAX_AGE_MS is wanted\n");
    }

    #[test]
    fn no_duration_can_be_set_so_long_that_nothing_ends() {
        for (variable, most) in [
            ("ACCESS_TOKEN_SECONDS", 86_400),
            ("ASSERTION_SECONDS", 3600),
            ("FRESH_MS", 5000),
            ("MAX_AGE_MS", 60_000),
        ] {
            assert!(read(&[(variable, &most.to_string())]).is_ok(), "{variable}");
            for value in [(most + 1).to_string(), "0".to_owned(), u64::MAX.to_string(), "-1".to_owned()] {
                assert!(read(&[(variable, &value)]).is_err(), "{variable}={value}");
            }
        }
    }

    #[test]
    fn a_host_is_ours_as_a_whole_and_whatever_its_case() {
        let settings = read(&[]).unwrap();
        for (authority, own) in [
            ("www.site.test", true),
            ("WWW.SITE.test", true),
            ("site.test", true),
            ("", false),
            ("site.test:443", false),
            ("site.test.", false),
            ("evil.site.test", false),
            ("user@site.test", false),
        ] {
            assert_eq!(settings.is_own(authority), own, "{authority}");
        }
    }

    #[test]
    fn settings_do_not_print_their_secret() {
        let secret = SECRET;
        assert!(!format!("{:?}", read(&[]).unwrap()).contains(secret));
    }
}
