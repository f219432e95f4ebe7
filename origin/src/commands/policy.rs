//! `origin policy`: check the file, explain a decision.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use serde_json::json;
use shared::{
    authentication::{Authentication, Method},
    path::CanonicalPath,
    policy::Asked,
    role::RoleName,
    time::Timestamp,
};

use super::{Failure, Report};
use crate::config::{Config, Source};

/// What there is to do with the policy.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Read the policy file and report every fault with its line and remedy.
    Check {
        /// The file; without it the one that is set, or the example.
        file: Option<PathBuf>,
    },
    /// Say what the policy decides about a call, and why.
    Explain {
        /// The method, as GET.
        method: String,
        /// The path, as /reports/7.
        path: String,
        /// A role of the caller; repeat it for several. Without any: what an anonymous caller gets.
        #[arg(long = "role")]
        roles: Vec<RoleName>,
        /// The caller is signed in and has no role.
        #[arg(long, conflicts_with = "roles")]
        signed_in: bool,
        /// The caller logged in by two factors; else it was by a password alone.
        #[arg(long)]
        second_factor: bool,
        /// The caller's e-mail address is verified.
        #[arg(long)]
        verified_email: bool,
        /// How long ago the caller logged in, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        auth_age: u32,
        /// The file; without it the one that is set, or the example.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

impl Policy {
    pub(super) fn run(self, source: &Source) -> Result<Report, Failure> {
        match self {
            Self::Check { file } => check(source, file),
            Self::Explain {
                method,
                path,
                roles,
                signed_in,
                second_factor,
                verified_email,
                auth_age,
                policy,
            } => {
                let policy = Config::policy(source, policy.as_deref())?;
                let path = CanonicalPath::parse(&path).map_err(|error| {
                    Failure::new(format!("the path is refused: {error}"), "give a plain path as /reports/7")
                })?;
                if let Some(role) = roles.iter().find(|role| !policy.has_role(role)) {
                    let known: Vec<&str> = policy.roles().map(RoleName::as_str).collect();
                    return Err(Failure::new(
                        format!("the policy has no role `{role}`"),
                        format!("give one of {}", known.join(", ")),
                    ));
                }
                // Only how long ago it was matters, not when.
                let at = Timestamp::from_seconds(0);
                let strongest = second_factor.then_some(Method::MultipleFactors);
                let authentication = Authentication {
                    at: Some(at),
                    methods: [Method::Password].into_iter().chain(strongest).collect(),
                    email_verified: verified_email,
                };
                let now = at + Duration::from_secs(auth_age.into());
                let caller = (signed_in || !roles.is_empty()).then_some(Asked {
                    roles: &roles,
                    authentication: &authentication,
                    now,
                });
                let explanation = policy.explain(&method.to_ascii_uppercase(), &path, caller.as_ref());
                Ok(Report::new(explanation.to_string().trim_end(), json!(explanation)))
            }
        }
    }
}

fn check(source: &Source, file: Option<PathBuf>) -> Result<Report, Failure> {
    let policy = Config::policy(source, file.as_deref())?;
    let (roles, routes, upstreams) =
        (policy.roles().count(), policy.routes().count(), policy.upstreams().count());
    Ok(Report::new(
        format!("the policy is good: {roles} roles, {upstreams} upstreams, {routes} routes"),
        json!({ "ok": true, "roles": roles, "upstreams": upstreams, "routes": routes }),
    ))
}
