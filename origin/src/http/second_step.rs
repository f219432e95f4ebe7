//! The second step of a login, for whoever has a second factor: by JSON, or by the plain form that follows the
//! one of `/login`.

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    origin_check::return_to,
    problem::{Kind, Problem},
};
use utoipa::ToSchema;

use super::{
    body::{self, Format, Json},
    cookies::Brought,
    cross_site,
    guard::Anyone,
    login::{LoginAnswer, counted, created, sent_on},
    oauth::TokenAnswer,
    page::with_headers_of,
    second_step_page::{SecondStepPage, Typed},
};
use crate::{
    app::App,
    domain::{BrowserLogin, Context, Proof, SecondAttempt},
};

/// What the second step is made with: the challenge, and either a code or a recovery code.
#[derive(Deserialize, ToSchema)]
pub(super) struct SecondStep {
    /// What the first step gave.
    challenge: String,
    /// Six digits of the app.
    #[serde(default)]
    code: Option<String>,
    /// One of the recovery codes.
    #[serde(default)]
    recovery_code: Option<String>,
    /// Or a passkey: what `credential.toJSON()` gives after `navigator.credentials.get`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
    /// The `device_token` of an earlier token login, so that the guesses of others are not in the way of
    /// this one. A browser has a cookie instead.
    #[serde(default)]
    device_token: Option<String>,
}

/// The fields of the plain form.
#[derive(Deserialize, ToSchema)]
struct SecondStepForm {
    /// What the first step gave.
    challenge: String,
    /// A code of the app, or a recovery code: whoever types it in need not say which.
    code: String,
    /// Where to go after login: a path of this site; anything else is left out of account.
    #[serde(default)]
    return_to: Option<String>,
}

/// What of the form is on the page that is shown again, also where the rest cannot be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    challenge: String,
    return_to: Option<String>,
}

impl SecondStep {
    fn attempt(&self) -> Result<SecondAttempt<'_>, Problem> {
        let proof = proof(self.code.as_deref(), self.recovery_code.as_deref(), self.passkey.as_ref())?;
        let proof = proof.ok_or_else(|| {
            Problem::new(Kind::MalformedRequest)
                .with_detail("Send `code`, `recovery_code` or `passkey` along.")
        })?;
        let known_device = self.device_token.as_deref();
        Ok(SecondAttempt { known_device, ..SecondAttempt::new(&self.challenge, proof) })
    }
}

impl SecondStepForm {
    fn attempt(&self) -> SecondAttempt<'_> {
        let is_code = self.code.chars().filter(|letter| *letter != ' ').all(|letter| letter.is_ascii_digit());
        let proof = if is_code { Proof::Code(&self.code) } else { Proof::RecoveryCode(&self.code) };
        SecondAttempt::new(&self.challenge, proof)
    }
}

/// The proof of a second factor among the members of a body, if there is one.
///
/// # Errors
/// [`Kind::MalformedRequest`] when there are two.
pub(super) fn proof<'a>(
    code: Option<&'a str>,
    recovery_code: Option<&'a str>,
    passkey: Option<&'a Value>,
) -> Result<Option<Proof<'a>>, Problem> {
    match (code, recovery_code, passkey) {
        (None, None, None) => Ok(None),
        (Some(code), None, None) => Ok(Some(Proof::Code(code))),
        (None, Some(code), None) => Ok(Some(Proof::RecoveryCode(code))),
        (None, None, Some(passkey)) => Ok(Some(Proof::Passkey(passkey))),
        _ => Err(Problem::new(Kind::MalformedRequest)
            .with_detail("Send one of `code`, `recovery_code` and `passkey`.")),
    }
}

/// Browser login, second step
///
/// Follows a login that was answered with `second-factor-required`, and answers as that would have. A challenge takes
/// five tries.
#[utoipa::path(
    post, path = "/auth/sessions/second-factor", tag = "login",
    request_body(content((SecondStep = "application/json"), (SecondStepForm = "application/x-www-form-urlencoded"))),
    responses(
        (
            status = 200, body = String, content_type = "text/html",
            description = "By the form: the page of who is signed in and came from nowhere."
        ),
        (status = 201, description = "Logged in.", body = LoginAnswer),
        (status = 303, description = "Logged in by the form; on to `return_to`."),
        (status = 401, description = "Challenge or code is wrong, used or too late."),
        (status = 403, description = "The request does not prove that it comes from this site."),
        (status = 429, description = "Too many attempts; `Retry-After` says when the next is looked at."),
    )
)]
pub(super) async fn browser(
    Anyone(context): Anyone,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let format = Format::of(request.headers())?;
    let (from_this_site, request) = cross_site::checked_login(&app, &context, request).await;
    match format {
        Format::Json => {
            from_this_site?;
            by_json(&app, &context, request).await
        }
        Format::Form => Ok(match from_this_site {
            Ok(()) => by_form(&app, &context, request).await,
            Err(problem) => shown_again(&problem, &Kept::default()),
        }),
    }
}

async fn by_json(app: &App, context: &Context, request: Request) -> Result<Response, Problem> {
    let brought = Brought::by(request.headers(), app);
    let step: SecondStep = body::from_json(&body::bytes(request, app).await?)?;
    make_step(app, context, step.attempt()?, &brought).await.map(|login| created(&login))
}

async fn by_form(app: &App, context: &Context, request: Request) -> Response {
    let brought = Brought::by(request.headers(), app);
    let content = match body::bytes(request, app).await {
        Ok(content) => content,
        Err(problem) => return shown_again(&problem, &Kept::default()),
    };
    let kept: Kept = body::from_form(&content).unwrap_or_default();
    let form: SecondStepForm = match body::from_form(&content) {
        Ok(form) => form,
        Err(problem) => return shown_again(&problem, &kept),
    };
    match make_step(app, context, form.attempt(), &brought).await {
        Ok(login) => sent_on(app, &login, form.return_to.as_deref()),
        Err(problem) => shown_again(&problem, &kept),
    }
}

async fn make_step(
    app: &App,
    context: &Context,
    attempt: SecondAttempt<'_>,
    brought: &Brought,
) -> Result<BrowserLogin, Problem> {
    let known_device = brought.known_device.as_deref();
    let attempt = SecondAttempt { known_device, held: &brought.held, ..attempt };
    counted("browser", app.domain.second_step_browser(context, &attempt).await)
}

/// The form once more, with what was wrong and without the code.
fn shown_again(problem: &Problem, kept: &Kept) -> Response {
    let wanted = kept.return_to.as_deref().and_then(return_to);
    let page = SecondStepPage {
        challenge: &kept.challenge,
        // Whoever was offered no field has sent no form.
        typed: Typed::Code,
        return_to: wanted.as_deref(),
        failure: Some(problem.kind()),
    };
    with_headers_of(page.into_response(), problem)
}

/// Token login, second step
///
/// Follows a login that was answered with `second-factor-required`, and answers as that would have. A challenge takes
/// five tries.
#[utoipa::path(
    post, path = "/auth/tokens/second-factor", tag = "login", request_body = SecondStep,
    responses(
        (status = 200, description = "Logged in (RFC 6749 §5.1).", body = TokenAnswer),
        (status = 401, description = "Challenge or code is wrong, used or too late."),
        (status = 429, description = "Too many attempts; `Retry-After` says when the next is looked at."),
    )
)]
pub(super) async fn token(
    Anyone(context): Anyone,
    State(app): State<App>,
    Json(step): Json<SecondStep>,
) -> Result<axum::Json<TokenAnswer>, Problem> {
    let grant = app.domain.second_step_token(&context, &step.attempt()?).await;
    counted("token", grant).map(|grant| axum::Json(TokenAnswer::from(grant)))
}
