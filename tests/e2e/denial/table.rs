//! The rows of the matrix: every route of origin and of the example policy, and what it asks of who calls.

use shared::credential::Credential::{self, Bearer, Session};

use self::Needs::{
    EdgeCall, FreshLogin, FreshPermission, MyTwoFactors, Nothing, Permission, SignedIn, SignedInBy,
    TwoFactors, VerifiedEmail,
};
use self::Reached::{AtOrigin, AtTheEdge, Both};

/// One route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) method: Option<&'static str>,
    /// As OpenAPI or the policy writes it.
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) reached: Reached,
}

/// What a route asks of who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    SignedIn,
    /// A session whose user has proven not long ago to be who they are.
    FreshLogin,
    SignedInBy(Credential),
    Permission(&'static str),
    /// The same, by a user who has proven not long ago to be who they are.
    FreshPermission(&'static str),
    /// This permission, and a recent login by two factors.
    TwoFactors(&'static str),
    /// A session whose user's address is verified.
    VerifiedEmail,
    /// Anybody, by a recent login by two factors.
    MyTwoFactors,
    /// A call that the edge itself has signed.
    EdgeCall,
}

/// Where a route is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// At origin, and through the edge too.
    Both,
    /// At origin alone: for operators, and for the edge's own calls.
    AtOrigin,
    /// Through the edge alone: the demo's.
    AtTheEdge,
}

const fn row(method: &'static str, path: &'static str, needs: Needs, reached: Reached) -> Row {
    Row { method: Some(method), path, needs, reached }
}

/// All methods that no other row of the path names.
const fn any(path: &'static str, needs: Needs) -> Row {
    Row { method: None, path, needs, reached: AtTheEdge }
}

pub(super) const ROWS: [Row; 89] = [
    row("GET", "/login", Nothing, Both),
    row("POST", "/auth/register", Nothing, Both),
    row("POST", "/auth/sessions", Nothing, Both),
    row("POST", "/auth/tokens", Nothing, Both),
    row("POST", "/auth/email/verify", Nothing, Both),
    row("POST", "/auth/email/verify/request", Nothing, Both),
    row("POST", "/auth/password/forgot", Nothing, Both),
    row("POST", "/auth/password/reset", Nothing, Both),
    row("GET", "/verify", Nothing, Both),
    row("GET", "/reset", Nothing, Both),
    row("GET", "/forgot", Nothing, Both),
    row("POST", "/auth/sessions/second-factor", Nothing, Both),
    row("POST", "/auth/tokens/second-factor", Nothing, Both),
    row("POST", "/oauth/token", Nothing, Both),
    row("POST", "/oauth/revoke", Nothing, Both),
    row("GET", "/.well-known/jwks.json", Nothing, Both),
    row("GET", "/.well-known/oauth-authorization-server", Nothing, Both),
    row("GET", "/openapi.json", Nothing, Both),
    row("GET", "/auth/me", SignedIn, Both),
    row("GET", "/auth/sessions", SignedIn, Both),
    row("POST", "/auth/email", FreshLogin, Both),
    row("POST", "/auth/password", SignedIn, Both),
    row("POST", "/auth/reauthenticate", SignedIn, Both),
    row("GET", "/auth/second-factors", SignedIn, Both),
    row("POST", "/auth/second-factors/totp", FreshLogin, Both),
    row("POST", "/auth/second-factors/totp/confirm", FreshLogin, Both),
    row("POST", "/auth/second-factors/recovery-codes", MyTwoFactors, Both),
    row("DELETE", "/auth/second-factors/totp", MyTwoFactors, Both),
    row("POST", "/auth/passkeys/options", Nothing, Both),
    row("POST", "/auth/sessions/passkey", Nothing, Both),
    row("POST", "/auth/tokens/passkey", Nothing, Both),
    row("POST", "/auth/passkeys/registration-options", FreshLogin, Both),
    row("POST", "/auth/passkeys", FreshLogin, Both),
    row("GET", "/auth/passkeys", SignedIn, Both),
    row("PATCH", "/auth/passkeys/{id}", SignedIn, Both),
    row("DELETE", "/auth/passkeys/{id}", MyTwoFactors, Both),
    row("DELETE", "/auth/sessions/{id}", SignedIn, Both),
    row("DELETE", "/auth/sessions/current", SignedIn, Both),
    row("DELETE", "/auth/sessions", SignedIn, Both),
    row("GET", "/auth/account/export", FreshLogin, Both),
    row("DELETE", "/auth/account", FreshLogin, Both),
    row("GET", "/admin/users", Permission("users:read"), Both),
    row("POST", "/admin/users", FreshPermission("users:create"), Both),
    row("GET", "/admin/users/{id}", Permission("users:read"), Both),
    row("POST", "/admin/users/{id}/disable", FreshPermission("users:disable"), Both),
    row("POST", "/admin/users/{id}/enable", FreshPermission("users:disable"), Both),
    row("POST", "/admin/users/{id}/verify", Permission("users:verify"), Both),
    row("POST", "/admin/users/{id}/roles", FreshPermission("roles:grant"), Both),
    row("DELETE", "/admin/users/{id}/roles/{role}", FreshPermission("roles:grant"), Both),
    row("DELETE", "/admin/users/{id}/second-factors", FreshPermission("second_factors:reset"), Both),
    row("GET", "/admin/users/{id}/sessions", Permission("sessions:read"), Both),
    row("GET", "/admin/sessions", Permission("sessions:read"), Both),
    row("DELETE", "/admin/users/{id}/sessions", Permission("sessions:end"), Both),
    row("DELETE", "/admin/sessions/{id}", Permission("sessions:end"), Both),
    row("DELETE", "/admin/users/{id}", FreshPermission("users:delete"), Both),
    row("GET", "/admin/service-accounts", Permission("service_accounts:read"), Both),
    row("POST", "/admin/service-accounts", FreshPermission("service_accounts:write"), Both),
    row("GET", "/admin/service-accounts/{id}", Permission("service_accounts:read"), Both),
    row("DELETE", "/admin/service-accounts/{id}", FreshPermission("service_accounts:write"), Both),
    row("POST", "/admin/service-accounts/{id}/disable", FreshPermission("service_accounts:write"), Both),
    row("POST", "/admin/service-accounts/{id}/enable", FreshPermission("service_accounts:write"), Both),
    row("POST", "/admin/service-accounts/{id}/roles", FreshPermission("service_accounts:write"), Both),
    row(
        "DELETE",
        "/admin/service-accounts/{id}/roles/{role}",
        FreshPermission("service_accounts:write"),
        Both,
    ),
    row("GET", "/admin/service-accounts/{id}/keys", Permission("service_accounts:read"), Both),
    row("POST", "/admin/service-accounts/{id}/keys", FreshPermission("service_accounts:write"), Both),
    row("PATCH", "/admin/service-accounts/{id}/keys/{key}", FreshPermission("service_accounts:write"), Both),
    row("DELETE", "/admin/service-accounts/{id}/keys/{key}", FreshPermission("service_accounts:write"), Both),
    row("GET", "/admin/keys", Permission("keys:read"), Both),
    row("POST", "/admin/keys/rotate", Permission("keys:rotate"), Both),
    row("DELETE", "/admin/keys/{kid}", FreshPermission("keys:withdraw"), Both),
    row("GET", "/admin/audit", Permission("audit:read"), Both),
    row("GET", "/admin/audit/checkpoint", Permission("audit:read"), Both),
    row("POST", "/edge/state", EdgeCall, AtOrigin),
    row("POST", "/edge/assertions", EdgeCall, AtOrigin),
    row("POST", "/edge/check", EdgeCall, AtOrigin),
    row("GET", "/health/live", Nothing, AtOrigin),
    row("GET", "/health/ready", Nothing, AtOrigin),
    row("GET", "/metrics", Nothing, AtOrigin),
    row("POST", "/test/clock", Nothing, AtOrigin),
    any("/public/**", Nothing),
    any("/api/echo", SignedIn),
    row("GET", "/api/reports/**", Permission("reports:read"), AtTheEdge),
    any("/api/reports/**", Permission("reports:write")),
    any("/api/payments/**", Permission("reports:write")),
    any("/api/payouts/**", TwoFactors("reports:write")),
    any("/api/exports/**", Permission("reports:read")),
    any("/api/invitations/**", VerifiedEmail),
    any("/api/machine/**", SignedInBy(Bearer)),
    any("/dashboard/**", SignedInBy(Session)),
];

/// Whose things a path with an id names.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) user: String,
    pub(super) session: String,
    /// A passkey, of somebody else again: whoever has one logs in by two steps.
    pub(super) passkey: String,
    /// A service account, which is nobody's, and a key of it.
    pub(super) service: String,
    pub(super) key: String,
}

impl Row {
    /// The methods to try.
    pub(super) fn methods(&self) -> Vec<&'static str> {
        let named: Vec<&str> =
            ROWS.iter().filter(|row| row.path == self.path).filter_map(|row| row.method).collect();
        match self.method {
            Some(method) => vec![method],
            None => {
                ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|m| !named.contains(m)).collect()
            }
        }
    }

    /// A path that the row's matches; an id in it is the owner's.
    pub(super) fn path_of(&self, owner: &Owner) -> String {
        let id = match self.path {
            path if path.starts_with("/admin/users") => &owner.user,
            path if path.starts_with("/admin/service-accounts") => &owner.service,
            path if path.starts_with("/auth/passkeys") => &owner.passkey,
            _ => &owner.session,
        };
        self.path
            .replace("{id}", id)
            .replace("{role}", "viewer")
            .replace("{key}", &owner.key)
            .replace("{kid}", "no-such-key")
            .replace("**", "a/b")
    }

    /// Whether it asks for anybody to be signed in.
    pub(super) fn needs_a_session(&self) -> bool {
        !matches!(self.needs, Nothing | EdgeCall)
    }

    /// Whether whoever calls it is gone afterwards.
    pub(super) fn ends_the_account(&self) -> bool {
        (self.method, self.path) == (Some("DELETE"), "/auth/account")
    }

    /// Whether all that it asks is to be signed in, as long ago as it was or not.
    pub(super) fn is_for_anybody_signed_in(&self) -> bool {
        matches!(self.needs, SignedIn | FreshLogin)
    }

    /// Whether it takes this kind of credential.
    pub(super) fn takes(&self, credential: Credential) -> bool {
        match self.needs {
            SignedInBy(wanted) => wanted == credential,
            _ => true,
        }
    }
}
