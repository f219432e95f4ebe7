//! The step up (RFC 9470): in a session that lives its user proves anew who they are.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::problem::{Kind, Problem};
use utoipa::ToSchema;

use super::{body::Json, cookies, guard::SignedIn, oauth::TokenAnswer, problems, second_step};
use crate::{
    app::App,
    domain::{Reauthentication, SteppedUp},
};

/// What shows anew who somebody is.
#[derive(Deserialize, ToSchema)]
pub(super) struct Proof {
    /// The password.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
    /// Six digits of the app, of whoever has a second factor.
    #[serde(default)]
    code: Option<String>,
    /// Or one of the recovery codes.
    #[serde(default)]
    recovery_code: Option<String>,
    /// Or a passkey, which needs no password beside it: what `credential.toJSON()` gives after
    /// `navigator.credentials.get`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// What a browser's script is told after the step.
#[derive(Serialize, ToSchema)]
pub(super) struct BrowserAnswer {
    /// For the header `x-csrf-token`: the one before goes with the handle before.
    csrf_token: String,
}

/// What a client goes on with after the step, according to its session.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Answer {
    /// Of a token session: the tokens before are replaced by these.
    Token(TokenAnswer),
    /// Of a browser's session: the cookies are set.
    Browser(BrowserAnswer),
}

/// Prove anew who you are
///
/// Where an answer says `insufficient_user_authentication`, this is the way to a login that is enough. It asks for
/// what a login asks for. The session stays; a browser's gets another handle, a token session new tokens.
#[utoipa::path(
    post, path = "/auth/reauthenticate", tag = "login", request_body = Proof,
    responses(
        (status = 200, description = "The session tells of a login of now.", body = Answer),
        (status = 401, description = "Something of it is wrong, or the second factor is missing: `methods` says by what it can be shown."),
        (status = 429, description = "Too many attempts; `Retry-After` says when the next is looked at."),
    )
)]
pub(super) async fn reauthenticate(
    SignedIn { principal, context }: SignedIn,
    State(app): State<App>,
    Json(proof): Json<Proof>,
) -> Result<Response, Problem> {
    let stepped_up = match (&proof.passkey, &proof.password) {
        (Some(passkey), _) => app.domain.reauthenticate_by_passkey(&context, &principal, passkey).await,
        (None, Some(password)) => {
            let second = second_step::proof(proof.code.as_deref(), proof.recovery_code.as_deref(), None)?;
            app.domain.reauthenticate(&context, &principal, &Reauthentication { password, second }).await
        }
        (None, None) => {
            return Err(
                Problem::new(Kind::MalformedRequest).with_detail("Send `password` or `passkey` along.")
            );
        }
    };
    let stepped_up = stepped_up.map_err(problems::of)?;
    let mut response = match stepped_up {
        SteppedUp::Token(grant) => axum::Json(Answer::Token(grant.into())).into_response(),
        SteppedUp::Browser(credentials) => {
            let answer = BrowserAnswer { csrf_token: credentials.csrf_token.clone() };
            let mut response = axum::Json(Answer::Browser(answer)).into_response();
            cookies::set(response.headers_mut(), &credentials);
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
