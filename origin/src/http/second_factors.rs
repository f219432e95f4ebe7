//! One's second factors: seen, set up, given up.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::problem::Problem;
use utoipa::ToSchema;

use super::{
    body, cookies,
    guard::{FreshLogin, FreshSecondFactor, SignedIn},
    problems,
    time::Time,
};
use crate::{
    app::App,
    domain::{RecoveryCode, SecondFactors},
};

/// My second factors.
#[derive(Serialize, ToSchema)]
pub(super) struct SecondFactorsView {
    /// The app that makes codes; `null` while there is none that counts.
    totp: Option<TotpView>,
    /// How many passkeys there are; `/auth/passkeys` has them one by one.
    passkeys: usize,
    /// How many recovery codes are left.
    recovery_codes: u64,
}

impl SecondFactorsView {
    /// The second factors of a user.
    pub(super) fn new(factors: SecondFactors) -> Self {
        let SecondFactors { totp, passkeys, recovery_codes } = factors;
        Self { totp: totp.map(|at| TotpView { confirmed_at: Time(at) }), passkeys, recovery_codes }
    }
}

/// An app that makes codes.
#[derive(Serialize, ToSchema)]
pub(super) struct TotpView {
    /// Since when it counts.
    confirmed_at: Time,
}

/// An app to be set up.
#[derive(Serialize, ToSchema)]
pub(super) struct Enrolment {
    /// The secret in base32, for whoever types it in. It is shown once.
    secret: String,
    /// The same as an `otpauth` URI, to be shown as a QR code.
    uri: String,
}

/// A code of the app that is being set up.
#[derive(Deserialize, ToSchema)]
pub(super) struct Confirmation {
    /// Six digits.
    code: String,
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryCodes {
    /// Each counts once, in the place of a code of the app or of a passkey.
    recovery_codes: Vec<String>,
    /// For the header `x-csrf-token`, where the session's handle has changed: the one before goes with the
    /// handle before.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// My second factors
#[utoipa::path(
    get, path = "/auth/second-factors", tag = "second factors",
    responses((status = 200, description = "What there is beside my password.", body = SecondFactorsView))
)]
pub(super) async fn list(
    SignedIn { principal, .. }: SignedIn,
    State(app): State<App>,
) -> Result<Json<SecondFactorsView>, Problem> {
    let factors = app.domain.second_factors(principal.user).await.map_err(problems::of)?;
    Ok(Json(SecondFactorsView::new(factors)))
}

/// Begin to set up an app
///
/// For any app that makes codes by RFC 6238. It counts for nothing before a code of it has confirmed it.
#[utoipa::path(
    post, path = "/auth/second-factors/totp", tag = "second factors",
    responses(
        (status = 201, description = "The secret, shown once.", body = Enrolment),
        (status = 409, description = "There is one already."),
    )
)]
pub(super) async fn begin(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let begun = app.domain.enrol_totp(&context, &principal).await.map_err(problems::of)?;
    let enrolment = Enrolment { secret: begun.secret.to_base32(), uri: begun.uri.to_string() };
    Ok(once(StatusCode::CREATED, enrolment))
}

/// Confirm the app
///
/// From now on a login needs a second step. All other sessions end; a browser's goes on under a new handle, set by the
/// answer's cookies, and a token session by a refresh.
#[utoipa::path(
    post, path = "/auth/second-factors/totp/confirm", tag = "second factors", request_body = Confirmation,
    responses(
        (status = 200, description = "The recovery codes, shown once.", body = RecoveryCodes),
        (status = 401, description = "It is not a code of the app."),
        (status = 404, description = "No app waits to be confirmed."),
    )
)]
pub(super) async fn confirm(
    FreshLogin(SignedIn { principal, context }): FreshLogin,
    State(app): State<App>,
    body::Json(Confirmation { code }): body::Json<Confirmation>,
) -> Result<Response, Problem> {
    let enrolled = app.domain.confirm_totp(&context, &principal, &code).await.map_err(problems::of)?;
    let csrf_token = enrolled.credentials.as_ref().map(|credentials| credentials.csrf_token.clone());
    let mut response =
        once(StatusCode::OK, RecoveryCodes { recovery_codes: texts(&enrolled.recovery_codes), csrf_token });
    if let Some(credentials) = &enrolled.credentials {
        cookies::set(response.headers_mut(), credentials);
    }
    Ok(response)
}

/// New recovery codes
///
/// The old ones count no more.
#[utoipa::path(
    post, path = "/auth/second-factors/recovery-codes", tag = "second factors",
    responses((status = 200, description = "The recovery codes, shown once.", body = RecoveryCodes))
)]
pub(super) async fn replace_recovery_codes(
    FreshSecondFactor(SignedIn { principal, context }): FreshSecondFactor,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let codes = app.domain.replace_recovery_codes(&context, &principal).await.map_err(problems::of)?;
    Ok(once(StatusCode::OK, RecoveryCodes { recovery_codes: texts(&codes), csrf_token: None }))
}

/// Remove the app
///
/// The recovery codes go with it, unless there are passkeys that they stand in for too. All other sessions end; a
/// browser's goes on under a new handle, set by the answer's cookies, and a token session by a refresh.
#[utoipa::path(
    delete, path = "/auth/second-factors/totp", tag = "second factors",
    responses(
        (status = 204, description = "Removed. Where there is no passkey either, the password alone is enough."),
        (status = 404, description = "There is none."),
    )
)]
pub(super) async fn remove(
    FreshSecondFactor(SignedIn { principal, context }): FreshSecondFactor,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let credentials = app.domain.remove_totp(&context, &principal).await.map_err(problems::of)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(credentials) = &credentials {
        cookies::set(response.headers_mut(), credentials);
    }
    Ok(response)
}

/// Recovery codes as they are shown, once.
pub(super) fn texts(codes: &[RecoveryCode]) -> Vec<String> {
    codes.iter().map(RecoveryCode::to_text).collect()
}

/// An answer with what is shown once: nobody keeps a copy.
pub(super) fn once(status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
