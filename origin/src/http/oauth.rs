//! The OAuth paths: refresh (RFC 6749 §6), the tokens of service accounts (§4.4) and revocation (RFC 7009), with the
//! errors of RFC 6749 §5.2.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::problem::{Kind, Problem};
use utoipa::ToSchema;

use super::{
    body::{self, Format},
    guard::Anyone,
    oauth_client::ClientSecret,
    problems,
};
use crate::{
    app::App,
    domain::{Context, Error, ServiceGrant, TokenGrant, whole_seconds},
    metrics,
};

/// The answer of RFC 6749 §5.1.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token holds, in seconds.
    expires_in: u64,
    /// Not for a service account, which presents its key again.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// After a login: to be kept beyond the session and sent as `device_token` with the next login.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
}

impl From<TokenGrant> for TokenAnswer {
    fn from(grant: TokenGrant) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "Bearer",
            expires_in: grant.expires_in.as_secs(),
            refresh_token: Some(grant.refresh_token),
            device_token: grant.known_device.map(|device| device.to_text()),
        }
    }
}

impl From<ServiceGrant> for TokenAnswer {
    fn from(grant: ServiceGrant) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "Bearer",
            expires_in: grant.expires_in.as_secs(),
            refresh_token: None,
            device_token: None,
        }
    }
}

/// The form of a refresh, or of a service account that asks for a token.
#[derive(Deserialize, ToSchema)]
pub(super) struct TokenRequest {
    /// `refresh_token` or `client_credentials`
    grant_type: Option<String>,
    /// Of a refresh: the refresh token in hand.
    refresh_token: Option<String>,
    /// Of a service account: its id, unless it stands in the header `Authorization: Basic`.
    client_id: Option<String>,
    /// Of a service account: its key, unless it stands there.
    client_secret: Option<String>,
    /// Not taken: a token tells of all that its user may do.
    scope: Option<String>,
    /// Not taken, save for the audience that the tokens have anyway (RFC 8707).
    resource: Option<String>,
}

/// The form of a revocation.
#[derive(Deserialize, ToSchema)]
pub(super) struct RevocationRequest {
    /// The refresh token, of any age, or an access token that is still good.
    token: Option<String>,
}

/// An error of RFC 6749 §5.2.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OauthError {
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    retry_after: Option<u64>,
    error: &'static str,
    error_description: &'static str,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant<'a> {
    /// New tokens for this refresh token.
    Refresh(&'a str),
    /// A token for a service account, which says who it is beside this.
    ClientCredentials,
}

/// Refresh, or ask for a service account's token
///
/// Each refresh token counts once. Repeated within 30 seconds, a refresh gives the same refresh token again. A
/// service account presents its key, by HTTP Basic or in the form, and gets no refresh token.
#[utoipa::path(
    post, path = "/oauth/token", tag = "oauth",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "New tokens.", body = TokenAnswer),
        (status = 400, description = "`invalid_grant` and the others of RFC 6749 §5.2.", body = OauthError),
        (status = 401, description = "`invalid_client`.", body = OauthError),
        (status = 429, description = "`slow_down` (RFC 8628 §3.5): the session refreshes too often. The same token is good again when `Retry-After` says.", body = OauthError),
        (status = "default", description = "What went wrong.", body = OauthError),
    ),
    security((), ("client" = []))
)]
pub(super) async fn token(
    Anyone(context): Anyone,
    State(app): State<App>,
    request: Request,
) -> Result<Response, OauthError> {
    let headers = request.headers().clone();
    let request: TokenRequest = form(request, &app).await?;
    let answer = match request.grant(&app.domain.settings().audience)? {
        Grant::Refresh(token) => refresh(&app, &context, token).await?,
        Grant::ClientCredentials => exchange(&app, &context, &headers, &request).await?,
    };
    Ok(uncached(Json(answer)))
}

async fn refresh(app: &App, context: &Context, token: &str) -> Result<TokenAnswer, OauthError> {
    let outcome = app.domain.refresh(context, token).await;
    let label = match &outcome {
        Ok(_) => "success",
        Err(Error::InvalidGrant) => "invalid-grant",
        Err(Error::TooManyAttempts { .. }) => Kind::TooManyRequests.slug(),
        Err(_) => "error",
    };
    ::metrics::counter!(metrics::REFRESHES, "outcome" => label).increment(1);
    Ok(outcome?.into())
}

async fn exchange(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    request: &TokenRequest,
) -> Result<TokenAnswer, OauthError> {
    let (id, secret) = (given(&request.client_id), given(&request.client_secret));
    let client = ClientSecret::presented(headers, id, secret)?;
    let outcome = app.domain.exchange_service_key(context, &client.id, &client.secret).await;
    let label = match &outcome {
        Ok(_) => "success",
        Err(Error::InvalidClient) => "invalid-client",
        Err(_) => "error",
    };
    ::metrics::counter!(metrics::SERVICE_KEYS, "outcome" => label).increment(1);
    Ok(outcome?.into())
}

impl TokenRequest {
    /// What is asked for, if it is no more than there is to be had.
    fn grant(&self, audience: &str) -> Result<Grant<'_>, OauthError> {
        let is_refresh = match given(&self.grant_type) {
            Some("refresh_token") => true,
            Some("client_credentials") => false,
            Some(_) => {
                let supported = "Only refresh_token and client_credentials are supported.";
                return Err(OauthError::new("unsupported_grant_type", supported));
            }
            None => return Err(OauthError::new("invalid_request", "grant_type is missing.")),
        };
        if given(&self.scope).is_some() {
            return Err(OauthError::new("invalid_scope", "A token tells of all roles, and takes no scope."));
        }
        if given(&self.resource).is_some_and(|resource| resource != audience) {
            return Err(OauthError::new("invalid_target", "The tokens have another audience."));
        }
        if !is_refresh {
            return Ok(Grant::ClientCredentials);
        }
        let missing = OauthError::new("invalid_request", "refresh_token is missing.");
        given(&self.refresh_token).map(Grant::Refresh).ok_or(missing)
    }
}

/// Revoke
///
/// Any refresh token that was ever ours ends its session, and so does an access token that is still good; what is
/// unknown or over is answered alike. The access token of a service account is not taken back: it ends in minutes, or
/// with its key.
#[utoipa::path(
    post, path = "/oauth/revoke", tag = "oauth",
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is good no longer."),
        (status = 400, description = "No token, or `unsupported_token_type`.", body = OauthError),
        (status = "default", description = "What went wrong.", body = OauthError),
    )
)]
pub(super) async fn revoke(
    Anyone(context): Anyone,
    State(app): State<App>,
    request: Request,
) -> Result<Response, OauthError> {
    let request: RevocationRequest = form(request, &app).await?;
    let token = given(&request.token).ok_or(OauthError::new("invalid_request", "token is missing."))?;
    app.domain.revoke_token(&context, token).await?;
    Ok(uncached(StatusCode::OK))
}

/// A parameter's value; one without a value counts as not sent (RFC 6749 §3.2).
fn given(parameter: &Option<String>) -> Option<&str> {
    parameter.as_deref().filter(|value| !value.is_empty())
}

async fn form<T: serde::de::DeserializeOwned>(request: Request, app: &App) -> Result<T, OauthError> {
    let read = async {
        if Format::of(request.headers())? != Format::Form {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        body::from_form(&body::bytes(request, app).await?)
    };
    read.await.map_err(|problem: Problem| match problem.kind() {
        Kind::TooLarge => {
            let error = OauthError::new("invalid_request", "The body is too large.");
            OauthError { status: StatusCode::PAYLOAD_TOO_LARGE, ..error }
        }
        Kind::UnsupportedMediaType => {
            OauthError::new("invalid_request", "The body has to be application/x-www-form-urlencoded.")
        }
        _ => OauthError::new("invalid_request", "The form cannot be read, or says something twice."),
    })
}

impl OauthError {
    pub(super) const fn new(error: &'static str, error_description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, retry_after: None, error, error_description }
    }

    /// The client is not who it says it is, or does not say it.
    pub(super) const fn invalid_client(error_description: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", error_description) }
    }

    #[cfg(test)]
    pub(super) const fn code(&self) -> &'static str {
        self.error
    }
}

impl From<Error> for OauthError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidGrant => {
                return Self::new("invalid_grant", "The refresh token is not valid, or no longer.");
            }
            Error::InvalidClient => {
                return Self::invalid_client("The service account or its key is not valid, or no longer.");
            }
            Error::ServiceAccount => {
                let description = "The tokens of a service account end with its key.";
                return Self::new("unsupported_token_type", description);
            }
            // RFC 6749 has no word for it, and of the registered ones this one means it (RFC 8628 §3.5).
            Error::TooManyAttempts { wait } => {
                return Self {
                    status: StatusCode::TOO_MANY_REQUESTS,
                    retry_after: Some(whole_seconds(wait)),
                    ..Self::new("slow_down", "The session refreshes too often. Its token stays good.")
                };
            }
            _ => {}
        }
        match problems::of(error).status() {
            503 => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(1),
                ..Self::new("temporarily_unavailable", "Try again.")
            },
            _ => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..Self::new("server_error", "Something went wrong here.")
            },
        }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = uncached((status, Json(self)));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"countersign\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The headers that RFC 6749 §5.1 wants on every answer with tokens.
fn uncached(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(form: &str) -> &'static str {
        let request: TokenRequest = body::from_form(form.as_bytes()).unwrap();
        match request.grant("https://api.example") {
            Ok(Grant::Refresh(_)) => "refresh",
            Ok(Grant::ClientCredentials) => "client credentials",
            Err(error) => error.error,
        }
    }

    #[test]
    fn a_refresh_asks_for_nothing_beyond_itself() {
        assert_eq!(refused("grant_type=refresh_token&refresh_token=x"), "refresh");
        assert_eq!(refused("grant_type=refresh_token&refresh_token=x&client_id=app"), "refresh");
        assert_eq!(refused("grant_type=refresh_token&refresh_token=x&scope="), "refresh");
        assert_eq!(
            refused("grant_type=refresh_token&refresh_token=x&resource=https://api.example"),
            "refresh"
        );
        assert_eq!(refused("grant_type=refresh_token&refresh_token=x&scope=admin"), "invalid_scope");
        assert_eq!(
            refused("grant_type=refresh_token&refresh_token=x&resource=https://b.example"),
            "invalid_target"
        );
        assert_eq!(refused("grant_type=password&refresh_token=x"), "unsupported_grant_type");
        assert_eq!(refused("refresh_token=x"), "invalid_request");
        assert_eq!(refused("grant_type=&refresh_token=x"), "invalid_request");
        assert_eq!(refused("grant_type=refresh_token&refresh_token="), "invalid_request");
        assert_eq!(refused("grant_type=refresh_token"), "invalid_request");
    }

    #[test]
    fn a_service_account_asks_for_nothing_beyond_its_roles() {
        assert_eq!(refused("grant_type=client_credentials"), "client credentials");
        assert_eq!(refused("grant_type=client_credentials&scope="), "client credentials");
        assert_eq!(refused("grant_type=client_credentials&scope=reports:read"), "invalid_scope");
        assert_eq!(refused("grant_type=client_credentials&resource=https://b.example"), "invalid_target");
    }
}
