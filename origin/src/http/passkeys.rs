//! Passkeys: registered, listed, named and removed by whoever is signed in; and login by one alone.
//!
//! What a browser is asked and what it answers has the shapes of WebAuthn Level 3 §5.1: the options are for
//! `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON`, an answer is what
//! `PublicKeyCredential.toJSON` gives.

use axum::{
    Json as Answer,
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{id::PasskeyId, problem::Problem};
use utoipa::ToSchema;

use super::{
    body::{self, Json},
    cookies::{self, Brought},
    cross_site,
    guard::{Anyone, FreshLogin, FreshSecondFactor, SignedIn},
    id::Id,
    login::{self, LoginAnswer},
    oauth::TokenAnswer,
    problems, second_factors,
    time::Time,
};
use crate::{
    app::App,
    domain::passkeys::{self, Passkey, PasskeyAttempt},
};

/// A passkey, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct PasskeyView {
    /// The passkey's id.
    #[schema(format = "uuid")]
    id: String,
    /// What its owner calls it.
    label: String,
    /// Whether it can be copied to other devices of its owner.
    synchronised: bool,
    created_at: Time,
    last_used_at: Option<Time>,
}

/// A passkey that was registered.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredPasskey {
    #[serde(flatten)]
    passkey: PasskeyView,
    /// With a first second factor: the recovery codes, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    /// For the header `x-csrf-token`, where the session's handle has changed: the one before goes with the
    /// handle before.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// My passkeys.
#[derive(Serialize, ToSchema)]
pub(super) struct Passkeys {
    passkeys: Vec<PasskeyView>,
}

/// A passkey to be.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewPasskey {
    /// What it is to be called.
    #[serde(default)]
    label: Option<String>,
    /// What `credential.toJSON()` gives after `navigator.credentials.create`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// Another name of a passkey.
#[derive(Deserialize, ToSchema)]
pub(super) struct Renamed {
    label: String,
}

/// A login by a passkey.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasskeyLogin {
    /// What `credential.toJSON()` gives after `navigator.credentials.get`.
    #[schema(value_type = Object)]
    credential: Value,
    /// A name for the device, as the list of devices shows it.
    #[serde(default)]
    device: Option<String>,
    /// The `device_token` of an earlier login on this device; browsers have a cookie instead.
    #[serde(default)]
    device_token: Option<String>,
}

impl PasskeyLogin {
    fn attempt(&self) -> PasskeyAttempt<'_> {
        let (device, known_device) = (self.device.as_deref(), self.device_token.as_deref());
        PasskeyAttempt { answer: &self.credential, device, known_device, held: &[] }
    }
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id.to_string(),
            label: passkey.label,
            synchronised: passkey.synchronised,
            created_at: Time(passkey.created_at),
            last_used_at: passkey.last_used_at.map(Time),
        }
    }
}

/// Begin to register a passkey
///
/// The options for `navigator.credentials.create`. They hold for five minutes and for one answer.
#[utoipa::path(
    post, path = "/auth/passkeys/registration-options", tag = "passkeys",
    responses((status = 200, description = "What to ask the browser for.", body = Object))
)]
pub(super) async fn registration_options(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
) -> Result<Answer<Value>, Problem> {
    app.domain.ask_passkey(&context, &principal).await.map(Answer).map_err(problems::of)
}

/// Register a passkey
///
/// From now on a login by password needs a second step. Where it needed none before, the answer has recovery codes, and
/// all other sessions end; a browser's goes on under a new handle, set by the answer's cookies, and a token session by a
/// refresh.
#[utoipa::path(
    post, path = "/auth/passkeys", tag = "passkeys", request_body = NewPasskey,
    responses(
        (status = 201, description = "Registered.", body = RegisteredPasskey),
        (status = 422, description = "The browser's answer is not good, or is not to what was asked."),
    )
)]
pub(super) async fn register(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
    Json(new): Json<NewPasskey>,
) -> Result<Response, Problem> {
    let registered =
        app.domain.register_passkey(&context, &principal, &new.credential, new.label.as_deref()).await;
    let passkeys::NewPasskey { passkey, enrolled } = registered.map_err(problems::of)?;
    let credentials = enrolled.as_ref().and_then(|enrolled| enrolled.credentials.as_ref());
    let answer = RegisteredPasskey {
        passkey: passkey.into(),
        recovery_codes: enrolled.as_ref().map(|enrolled| second_factors::texts(&enrolled.recovery_codes)),
        csrf_token: credentials.map(|credentials| credentials.csrf_token.clone()),
    };
    let mut response = second_factors::once(StatusCode::CREATED, answer);
    if let Some(credentials) = credentials {
        cookies::set(response.headers_mut(), credentials);
    }
    Ok(response)
}

/// My passkeys
#[utoipa::path(
    get, path = "/auth/passkeys", tag = "passkeys",
    responses((status = 200, description = "My passkeys, the oldest first.", body = Passkeys))
)]
pub(super) async fn list(
    SignedIn { principal, .. }: SignedIn,
    State(app): State<App>,
) -> Result<Answer<Passkeys>, Problem> {
    let passkeys = app.domain.list_passkeys(&principal).await.map_err(problems::of)?;
    Ok(Answer(Passkeys { passkeys: passkeys.into_iter().map(PasskeyView::from).collect() }))
}

/// Rename a passkey
#[utoipa::path(
    patch, path = "/auth/passkeys/{id}", tag = "passkeys", request_body = Renamed,
    params(("id" = String, Path, format = "uuid", description = "The passkey.")),
    responses((status = 204, description = "Renamed."), (status = 404, description = "I have no such passkey."))
)]
pub(super) async fn rename(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
    Id(id): Id<PasskeyId>,
    request: Request,
) -> Result<StatusCode, Problem> {
    // What is not theirs is not there, whatever was sent.
    app.domain.find_passkey(&principal, id).await.map_err(problems::of)?;
    let Json(renamed) = Json::<Renamed>::from_request(request, &app).await?;
    let done = app.domain.rename_passkey(&context, &principal, id, &renamed.label).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(problems::of)
}

/// Remove a passkey
#[utoipa::path(
    delete, path = "/auth/passkeys/{id}", tag = "passkeys",
    params(("id" = String, Path, format = "uuid", description = "The passkey.")),
    responses(
        (status = 204, description = "Removed."),
        (status = 404, description = "I have no such passkey."),
        (status = 409, description = "I could not log in without it."),
    )
)]
pub(super) async fn remove(
    FreshSecondFactor(SignedIn { principal, context }): FreshSecondFactor,
    State(app): State<App>,
    Id(id): Id<PasskeyId>,
) -> Result<StatusCode, Problem> {
    let done = app.domain.remove_passkey(&context, &principal, id).await;
    done.map(|()| StatusCode::NO_CONTENT).map_err(problems::of)
}

/// Ask for a passkey
///
/// The options for `navigator.credentials.get`, the same for everybody: for a login, for its second step and for
/// `/auth/reauthenticate`. They hold for five minutes and for one answer.
#[utoipa::path(
    post, path = "/auth/passkeys/options", tag = "passkeys",
    responses((status = 200, description = "What to ask the browser for.", body = Object))
)]
pub(super) async fn options(
    Anyone(context): Anyone,
    State(app): State<App>,
) -> Result<Answer<Value>, Problem> {
    app.domain.ask_for_passkey(&context).await.map(Answer).map_err(problems::of)
}

/// Browser login by a passkey
///
/// Without a password: the passkey is two factors. Sets the session's cookies, and ends the session that the browser had
/// before. The request has to prove that it comes from this site (`Sec-Fetch-Site` or `Origin`).
#[utoipa::path(
    post, path = "/auth/sessions/passkey", tag = "passkeys", request_body = PasskeyLogin,
    responses(
        (status = 201, description = "Logged in.", body = LoginAnswer),
        (status = 401, description = "The passkey is not accepted."),
        (status = 403, description = "The request does not prove that it comes from this site."),
    )
)]
pub(super) async fn browser(
    Anyone(context): Anyone,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (from_this_site, request) = cross_site::checked_login(&app, &context, request).await;
    from_this_site?;
    let brought = Brought::by(request.headers(), &app);
    let shown: PasskeyLogin = body::from_json(&body::bytes(request, &app).await?)?;
    let known_device = brought.known_device.as_deref();
    let attempt = PasskeyAttempt { known_device, held: &brought.held, ..shown.attempt() };
    let outcome = app.domain.passkey_login_browser(&context, &attempt).await;
    login::counted("browser", outcome).map(|login| login::created(&login))
}

/// Token login by a passkey
#[utoipa::path(
    post, path = "/auth/tokens/passkey", tag = "passkeys", request_body = PasskeyLogin,
    responses(
        (status = 200, description = "Logged in (RFC 6749 §5.1).", body = TokenAnswer),
        (status = 401, description = "The passkey is not accepted."),
    )
)]
pub(super) async fn token(
    Anyone(context): Anyone,
    State(app): State<App>,
    Json(shown): Json<PasskeyLogin>,
) -> Result<Answer<TokenAnswer>, Problem> {
    let grant = app.domain.passkey_login_token(&context, &shown.attempt()).await;
    login::counted("token", grant).map(|grant| Answer(TokenAnswer::from(grant)))
}
