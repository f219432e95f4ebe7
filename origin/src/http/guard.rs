//! Guards: the first argument of every handler, which refuses whoever may not call it. Authorization stands
//! in the handler's signature, and a handler without a guard does not get into the table of routes.

use std::marker::PhantomData;

use axum::{
    extract::{FromRequest, FromRequestParts, MatchedPath, Request},
    http::{Method, request::Parts},
};
use serde::de::DeserializeOwned;
use shared::{
    assurance::Assurance,
    path::CanonicalPath,
    policy::Allow,
    problem::{Kind, Problem},
    role::Permission,
    seal::Sealed,
};

use super::{
    body, client, policy,
    principal::{Answer, authenticate},
    problems,
    route::{Guard, Requirement},
    seal,
};
use crate::{
    app::App,
    domain::{Authority, Context, Principal},
};

/// Anybody may call, unless the policy's route asks more. What is presented is not looked at, so a dead cookie is in
/// nobody's way.
pub(super) struct Anyone(pub Context);

impl Guard for Anyone {
    const REQUIREMENT: Requirement = Requirement::Public;
}

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match policy::route(app, parts)?.map(|route| &route.allow) {
            None | Some(Allow::Public | Allow::Optional) => Ok(Self(client::context(app, parts))),
            Some(Allow::SignedIn | Allow::Permission(_)) => {
                Ok(Self(SignedIn::from_request_parts(parts, app).await?.context))
            }
        }
    }
}

/// Whoever operates origin: anybody who reaches it without the edge, and without the proxies that it trusts. The numbers
/// there tell strangers more than any answer does, such as whether a mail was sent to somebody.
pub(super) struct Operator;

impl Guard for Operator {
    const REQUIREMENT: Requirement = Requirement::Operators;
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Prober::from_request_parts(parts, app).await? {
            Prober { is_operator: true } => Ok(Self),
            Prober { is_operator: false } => Err(Kind::NotFound.into()),
        }
    }
}

/// Whoever asks only whether origin lives and can work: operators, and load balancers beyond the proxies before it.
pub(super) struct Prober {
    /// Whether it is an operator, who may know why it cannot.
    pub is_operator: bool,
}

impl Guard for Prober {
    const REQUIREMENT: Requirement = Requirement::Operators;
}

impl FromRequestParts<App> for Prober {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // The policy has no such route; should one come to have it, there is still nothing here.
        if seal::identity(parts).is_some() {
            return Err(Kind::NotFound.into());
        }
        Ok(Self { is_operator: !client::is_forwarded(app, parts) })
    }
}

/// Whoever is signed in, and has what the policy's route asks.
pub(super) struct SignedIn {
    /// Who it is, as the database has it now.
    pub principal: Principal,
    /// What an act of theirs is recorded with.
    pub context: Context,
}

impl Guard for SignedIn {
    const REQUIREMENT: Requirement = Requirement::SignedIn;
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut context = client::context(app, parts);
        let refusal = match authenticate(app, parts, &context).await {
            Ok(Answer::Good(principal)) => {
                let span = tracing::Span::current();
                span.record("user", tracing::field::display(principal.user));
                span.record("session", tracing::field::display(principal.session));
                context.actor = Some(principal.user);
                return match policy::must_let_through(app, parts, &principal, context.now) {
                    Ok(()) => Ok(Self { principal, context }),
                    Err(problem) => Err(denied(app, &context, problem, Some(&principal)).await),
                };
            }
            // Nothing was tried, so there is nothing to record.
            Ok(Answer::NotPresented) => return Err(Kind::Unauthenticated.into()),
            Ok(Answer::Bad(kind)) => kind.into(),
            Err(problem) => problem,
        };
        Err(denied(app, &context, refusal, None).await)
    }
}

/// Whoever is signed in, and has proven not long ago to be who they are: for what a session that somebody
/// left open, or stole, must not be enough for.
pub(super) struct FreshLogin(pub SignedIn);

impl Guard for FreshLogin {
    const REQUIREMENT: Requirement = Requirement::FreshLogin;
}

impl FromRequestParts<App> for FreshLogin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = SignedIn::from_request_parts(parts, app).await?;
        must_be(fresh(app), app, &caller.context, &caller.principal).await?;
        Ok(Self(caller))
    }
}

/// The same for whoever has proven it by two factors: for what would take the second one away.
pub(super) struct FreshSecondFactor(pub SignedIn);

impl Guard for FreshSecondFactor {
    const REQUIREMENT: Requirement = Requirement::FreshSecondFactor;
}

impl FromRequestParts<App> for FreshSecondFactor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = SignedIn::from_request_parts(parts, app).await?;
        let asked = Assurance { second_factor: true, ..fresh(app) };
        must_be(asked, app, &caller.context, &caller.principal).await?;
        Ok(Self(caller))
    }
}

/// A permission as a type, so that a signature can name it.
pub(super) trait NamedPermission {
    /// Its name in the policy.
    const NAME: &'static str;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $type:ident $name:literal)*) => {$(
        $(#[$doc])*
        pub(super) struct $type;

        impl NamedPermission for $type {
            const NAME: &'static str = $name;
        }
    )*};
}

permissions! {
    /// To see users.
    UsersRead "users:read"
    /// To make accounts for others.
    UsersCreate "users:create"
    /// To disable users, and to enable them.
    UsersDisable "users:disable"
    /// To delete the accounts of others.
    UsersDelete "users:delete"
    /// To take an address for a user's own.
    UsersVerify "users:verify"
    /// To give roles, and to take them.
    RolesGrant "roles:grant"
    /// To see the sessions of others.
    SessionsRead "sessions:read"
    /// To end the sessions of others.
    SessionsEnd "sessions:end"
    /// To take away what a user lost, and is asked for at login.
    SecondFactorsReset "second_factors:reset"
    /// To see the keys that sign, none of their secrets.
    KeysRead "keys:read"
    /// To see service accounts, and none of their keys.
    ServiceAccountsRead "service_accounts:read"
    /// To make service accounts and their keys, and to take them away.
    ServiceAccountsWrite "service_accounts:write"
    /// To let the next key sign.
    KeysRotate "keys:rotate"
    /// To make everything worthless that a key signed.
    KeysWithdraw "keys:withdraw"
    /// To read the audit log.
    AuditRead "audit:read"
}

/// How fresh a login has to be, as a type.
pub(super) trait Login {
    /// Whether the user has to have proven not long ago to be who they are.
    const IS_FRESH: bool;
}

/// However long ago.
pub(super) struct AnyLogin;

impl Login for AnyLogin {
    const IS_FRESH: bool = false;
}

/// For what a session that an administrator left open must not be enough for.
impl Login for FreshLogin {
    const IS_FRESH: bool = true;
}

/// Whoever has a permission.
pub(super) struct Permitted<P, L = AnyLogin> {
    /// What an act of theirs is recorded with, by the authority of that permission.
    pub context: Context,
    asked: PhantomData<(P, L)>,
}

impl<P: NamedPermission, L: Login> Guard for Permitted<P, L> {
    const REQUIREMENT: Requirement =
        if L::IS_FRESH { Requirement::FreshPermission(P::NAME) } else { Requirement::Permission(P::NAME) };
}

impl<P: NamedPermission + Send, L: Login + Send> FromRequestParts<App> for Permitted<P, L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let SignedIn { principal, mut context } = SignedIn::from_request_parts(parts, app).await?;
        let permission: Permission = P::NAME.parse().map_err(|_| Kind::Internal)?;
        if !app.policy().grants(&principal.roles, &permission) {
            return Err(denied(app, &context, Problem::forbidden(permission), Some(&principal)).await);
        }
        let asked = app.policy().assurance(&permission);
        let asked = if L::IS_FRESH { asked.and(fresh(app)) } else { asked };
        must_be(asked, app, &context, &principal).await?;
        context.authority = Authority::Administrator { session: principal.session, permission };
        if matches!(parts.method, Method::GET | Method::HEAD) {
            record_read(app, parts, &context).await?;
        }
        Ok(Self { context, asked: PhantomData })
    }
}

/// What changes something is recorded with the change; what is only looked at, before it is shown.
async fn record_read(app: &App, parts: &Parts, context: &Context) -> Result<(), Problem> {
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let is_of_one =
        ["/admin/users/{id}", "/admin/service-accounts/{id}"].iter().any(|one| route.starts_with(one));
    // As the handler reads it, which takes an escaped digit for the digit.
    let path = CanonicalPath::parse(parts.uri.path()).map_err(|_| Kind::AmbiguousPath)?;
    let id = path.as_str().split('/').nth(3).filter(|_| is_of_one);
    let of = id.and_then(|id| id.parse().ok());
    app.domain.record_read(context, &["GET ", route].concat(), of).await.map_err(problems::of)
}

/// A call that the edge made on its own behalf: signed under the key of such calls, its body covered. It
/// takes the whole request, so it is its handler's only argument.
pub(super) struct EdgeCall<T> {
    /// What it is answered with.
    pub app: App,
    /// What it asks.
    pub call: T,
    /// What an act is recorded with; the client is whom the edge names.
    pub context: Context,
    /// The call's seal: the answer is bound to it.
    pub sealed: Sealed,
}

impl<T> Guard for EdgeCall<T> {
    const REQUIREMENT: Requirement = Requirement::EdgeCall;
}

impl<T: DeserializeOwned> FromRequest<App> for EdgeCall<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, content) = request.into_parts();
        let request = Request::from_parts(parts.clone(), content);
        let content = body::bytes(request, app).await?;
        let sealed = app.edge_calls.verify_call(&parts, &content, app.clock.unmoved());
        let sealed = sealed.map_err(seal::refuse)?;
        let (app, call, context) = (app.clone(), body::from_json(&content)?, client::context(app, &parts));
        Ok(Self { app, call, context, sealed })
    }
}

/// What is asked of a fresh login.
fn fresh(app: &App) -> Assurance {
    Assurance::recent(app.domain.settings().fresh_login)
}

/// Asks of a login what is asked; who falls short is told what would do (RFC 9470 §3).
async fn must_be(
    asked: Assurance,
    app: &App,
    context: &Context,
    principal: &Principal,
) -> Result<(), Problem> {
    match asked.check(&principal.authentication, context.now) {
        Ok(()) => Ok(()),
        Err(shortfall) => Err(denied(app, context, shortfall.into(), Some(principal)).await),
    }
}

/// Records that somebody was refused. The refusal stands whether or not that succeeds.
pub(super) async fn denied(
    app: &App,
    context: &Context,
    problem: Problem,
    principal: Option<&Principal>,
) -> Problem {
    if problem.status() < 500
        && let Err(error) = app.domain.record_denial(context, problem.kind().slug(), principal).await
    {
        tracing::error!(error = %crate::telemetry::causes(&error), "a denial could not be recorded");
    }
    problem
}
