//! Login: of browsers, by JSON or by the plain form, and of clients that hold tokens.

use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    origin_check::return_to,
    path::CanonicalPath,
    policy::ORIGIN,
    problem::{Kind, Problem, SecondStep},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{self, Format, Json},
    cookies::{self, Brought},
    cross_site,
    devices::{SessionView, UserView},
    guard::Anyone,
    login_page::{Help, LoginPage},
    oauth::TokenAnswer,
    page::{Page, status, with_headers_of},
    problems,
    second_step_page::{SecondStepPage, Typed},
};
use crate::{
    app::App,
    domain::{Attempt, BrowserLogin, Context, Error, Kind as SessionKind},
    metrics,
};

/// Where a browser goes after login that came from nowhere, if the site has such a page.
const HOME: &str = "/";

/// What a login is made with.
#[derive(Deserialize, ToSchema)]
pub(super) struct Login {
    /// The e-mail address.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// A name for the device, as the list of devices shows it.
    #[serde(default)]
    device: Option<String>,
    /// The `device_token` of an earlier token login, so that the guesses of others are not in the way of
    /// this one. A browser has a cookie instead.
    #[serde(default)]
    device_token: Option<String>,
}

impl Login {
    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            device: self.device.as_deref(),
            known_device: self.device_token.as_deref(),
            ..Attempt::new(&self.email, &self.password)
        }
    }
}

/// The fields of the plain form.
#[derive(Deserialize, ToSchema)]
struct LoginForm {
    /// The e-mail address.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// Where to go after login: a path of this site; anything else is left out of account.
    #[serde(default)]
    return_to: Option<String>,
}

/// What a browser's script is told after login.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginAnswer {
    user: UserView,
    session: SessionView,
    /// For the header `x-csrf-token` of every unsafe request by cookie.
    csrf_token: String,
}

/// The address that the login page gives the form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Where to go after login: a path of this site; anything else is left out of account.
    #[serde(default)]
    return_to: Option<String>,
}

/// The login form
///
/// Plain HTML without a script.
#[utoipa::path(
    get, path = "/login", tag = "login", params(PageQuery),
    responses((status = 200, description = "The form.", body = String, content_type = "text/html"))
)]
pub(super) async fn page(
    _: Anyone,
    State(app): State<App>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Response {
    let wanted = query.ok().and_then(|Query(query)| query.return_to);
    let return_to = wanted.as_deref().and_then(return_to);
    let help = app.domain.sends_mail().then_some(Help::Forgotten);
    LoginPage { return_to: return_to.as_deref(), help, ..LoginPage::default() }.into_response()
}

/// Browser login
///
/// Sets the session's cookies, and ends the session that the browser had before. By JSON it answers 201; the form of
/// `/login` is sent on by 303, or shown again with what was wrong. The request has to prove that it comes from this site
/// (`Sec-Fetch-Site` or `Origin`).
#[utoipa::path(
    post, path = "/auth/sessions", tag = "login",
    request_body(content((Login = "application/json"), (LoginForm = "application/x-www-form-urlencoded"))),
    responses(
        (
            status = 200, body = String, content_type = "text/html",
            description = "By the form: the page of the second step; or that of who is signed in and came from nowhere."
        ),
        (status = 201, description = "Logged in.", body = LoginAnswer),
        (status = 303, description = "Logged in by the form; on to `return_to`."),
        (status = 401, description = "Address or password is wrong, or a second step is needed: `/auth/sessions/second-factor`."),
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
            Err(problem) => shown_again(&app, &problem, None),
        }),
    }
}

async fn by_json(app: &App, context: &Context, request: Request) -> Result<Response, Problem> {
    let brought = Brought::by(request.headers(), app);
    let login: Login = body::from_json(&body::bytes(request, app).await?)?;
    let known_device = brought.known_device.as_deref();
    let attempt = Attempt { known_device, held: &brought.held, ..login.attempt() };
    log_in(app, context, &attempt).await.map(|login| created(&login))
}

/// The answer to a script that has logged in.
pub(super) fn created(login: &BrowserLogin) -> Response {
    let user = UserView::new(&login.user);
    let session = SessionView { id: login.session.to_string(), kind: SessionKind::Browser.to_string() };
    let answer = LoginAnswer { user, session, csrf_token: login.credentials.csrf_token.clone() };
    let mut response = (StatusCode::CREATED, axum::Json(answer)).into_response();
    keep(&mut response, login);
    response
}

/// The answer to a form that has logged in.
pub(super) fn sent_on(app: &App, login: &BrowserLogin, wanted: Option<&str>) -> Response {
    let target = wanted.and_then(return_to).or_else(|| has_home(app).then(|| HOME.to_owned()));
    let mut response = match target.map(HeaderValue::try_from) {
        Some(Ok(target)) => (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response(),
        Some(Err(_)) | None => signed_in(),
    };
    keep(&mut response, login);
    response
}

/// Whether a service of this site has such a page. Origin has none.
fn has_home(app: &App) -> bool {
    let path = CanonicalPath::parse(HOME).ok();
    let route = path.and_then(|path| app.policy().route("GET", &path).ok());
    route.is_some_and(|route| route.upstream.as_str() != ORIGIN)
}

/// The end of the way where there is nowhere to go on to.
fn signed_in() -> Response {
    let body = "<p>You are signed in.</p>".to_owned();
    Page { title: "Welcome", body, status: StatusCode::OK, referrer: "same-origin" }.into_response()
}

/// Hands the browser what it is to keep.
fn keep(response: &mut Response, login: &BrowserLogin) {
    cookies::set(response.headers_mut(), &login.credentials);
    cookies::set_known_device(response.headers_mut(), &login.known_device);
}

async fn by_form(app: &App, context: &Context, request: Request) -> Response {
    let brought = Brought::by(request.headers(), app);
    let content = body::bytes(request, app).await;
    let form: LoginForm = match content.and_then(|content| body::from_form(&content)) {
        Ok(form) => form,
        Err(problem) => return shown_again(app, &problem, None),
    };
    let known_device = brought.known_device.as_deref();
    let attempt = Attempt { known_device, held: &brought.held, ..Attempt::new(&form.email, &form.password) };
    match log_in(app, context, &attempt).await {
        Ok(login) => sent_on(app, &login, form.return_to.as_deref()),
        Err(problem) => match problem.second_step() {
            Some(SecondStep { challenge: Some(challenge), methods, .. }) => {
                asked_for_more(challenge, Typed::among(methods), form.return_to.as_deref())
            }
            _ => shown_again(app, &problem, Some(&form)),
        },
    }
}

/// The form of the second step. Nothing went wrong, so it is a page like any other.
fn asked_for_more(challenge: &str, typed: Typed, wanted: Option<&str>) -> Response {
    let wanted = wanted.and_then(return_to);
    SecondStepPage { challenge, typed, return_to: wanted.as_deref(), failure: None }.into_response()
}

/// The form once more, with what was wrong and all that was typed in but the password.
fn shown_again(app: &App, problem: &Problem, form: Option<&LoginForm>) -> Response {
    let wanted = form.and_then(|form| form.return_to.as_deref()).and_then(return_to);
    let message = format!("{}.", problem.kind().title());
    let help = match problem.kind() {
        Kind::EmailUnverified => Some(Help::Unverified),
        _ => app.domain.sends_mail().then_some(Help::Forgotten),
    };
    let page = LoginPage {
        return_to: wanted.as_deref(),
        email: form.map_or("", |form| form.email.as_str()),
        message: Some(&message),
        help,
        status: status(problem.kind()),
    };
    with_headers_of(page.into_response(), problem)
}

async fn log_in(app: &App, context: &Context, attempt: &Attempt<'_>) -> Result<BrowserLogin, Problem> {
    counted("browser", app.domain.login_browser(context, attempt).await)
}

/// Token login
///
/// For clients that hold tokens: mobile apps, API consumers, services.
#[utoipa::path(
    post, path = "/auth/tokens", tag = "login", request_body = Login,
    responses(
        (status = 200, description = "Logged in (RFC 6749 §5.1).", body = TokenAnswer),
        (status = 401, description = "Address or password is wrong, or a second step is needed: `/auth/tokens/second-factor`."),
        (status = 429, description = "Too many attempts; `Retry-After` says when the next is looked at."),
    )
)]
pub(super) async fn token(
    Anyone(context): Anyone,
    State(app): State<App>,
    Json(login): Json<Login>,
) -> Result<axum::Json<TokenAnswer>, Problem> {
    let grant = app.domain.login_token(&context, &login.attempt()).await;
    counted("token", grant).map(|grant| axum::Json(TokenAnswer::from(grant)))
}

/// Counts a login by what came of it.
pub(super) fn counted<T>(kind: &'static str, outcome: Result<T, Error>) -> Result<T, Problem> {
    let outcome = outcome.map_err(problems::of);
    let label = outcome.as_ref().map_or_else(|problem| problem.kind().slug(), |_| "success");
    ::metrics::counter!(metrics::LOGINS, "kind" => kind, "outcome" => label).increment(1);
    outcome
}
