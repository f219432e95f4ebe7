//! What `cargo dev up` says once all is ready: a line of JSON for machines, a few lines to paste for people.

use serde::Serialize;

use super::address::Addresses;
use super::data::{ADMIN, Data};

/// The one line of `--json`; its members are a contract with whoever starts the system.
#[derive(Serialize)]
pub struct Welcome {
    edge: String,
    origin: String,
    upstream: String,
    admin: Admin,
    mail: String,
    /// All edges, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edges: Vec<String>,
    #[serde(skip)]
    config: String,
}

#[derive(Serialize)]
struct Admin {
    email: &'static str,
    password: String,
}

impl Welcome {
    /// What a running system is reached by.
    #[must_use]
    pub fn new(addresses: &Addresses, data: &Data) -> Self {
        let edges: Vec<String> = addresses.edges().map(|edge| format!("http://{edge}")).collect();
        Self {
            edge: format!("http://{}", addresses.edge),
            origin: format!("http://{}", addresses.origin),
            upstream: format!("http://{}", addresses.upstream),
            admin: Admin { email: ADMIN, password: data.secrets.admin_password.clone() },
            mail: format!("http://{}", addresses.mail),
            edges: if edges.len() > 1 { edges } else { Vec::new() },
            config: data.path().join("origin.toml").display().to_string(),
        }
    }

    /// The same for a person. The lines work when pasted one after another into any POSIX shell.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { edge, origin, upstream, admin: Admin { email, password }, mail, config, .. } = self;
        format!(
            r#"
Countersign is running.

  edge      {edge}      what users and apps talk to; sign in at {edge}/login
  origin    {origin}      the issuer behind it; its API: {origin}/openapi.json
  upstream  {upstream}      a demo service; it answers only what the edge has sealed
  mailbox   {mail}/messages
  admin     {email}  {password}
  commands  COUNTERSIGN_CONFIG={config} cargo run --quiet --package origin -- user list

Paste these one after another:

# An app logs in and gets an access token and a refresh token.
TOKENS=$(curl -s {edge}/auth/tokens -H 'content-type: application/json' -d '{{"email":"{email}","password":"{password}"}}'); echo "$TOKENS"

# Through the edge to the service behind it, which shows the sealed identity that it was handed.
curl -s {edge}/api/echo -H "authorization: Bearer $(echo "$TOKENS" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"; echo

# The access token lasts minutes; the refresh token gets the next one, and is replaced by it.
curl -s {edge}/oauth/token -d grant_type=refresh_token -d "refresh_token=$(echo "$TOKENS" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')"; echo

# Somebody registers and signs in the way a browser does: two cookies, kept in a jar.
curl -s {edge}/auth/register -H 'content-type: application/json' -d '{{"email":"visitor@example.test","password":"a visitor of this house"}}' --next -s -c countersign.jar {edge}/auth/sessions -H 'content-type: application/json' -H 'sec-fetch-site: same-origin' -d '{{"email":"visitor@example.test","password":"a visitor of this house"}}'; echo

# The visitor has the role viewer, and payments are for editors: 403.
curl -s -i -b countersign.jar {edge}/api/payments/7; echo

Ctrl-C stops everything.
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;

    #[test]
    fn the_line_of_json_has_the_members_of_the_contract() {
        let data = Data::ephemeral().unwrap();
        let welcome = Welcome::new(&Addresses::from(0, NonZeroU8::MIN).unwrap(), &data);
        let line = serde_json::to_string(&welcome).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["admin", "edge", "mail", "origin", "upstream"]);
        assert_eq!(value["admin"]["email"], "admin@example.test");
        assert!(!line.contains('\n'));
        assert!(welcome.text().contains(value["admin"]["password"].as_str().unwrap()));
    }
}
