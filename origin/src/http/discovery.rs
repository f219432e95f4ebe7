//! What everyone may know: the public keys, where the calls are, how they look.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde_json::json;
use shared::{assurance::SECOND_FACTOR, problem::Problem};

use super::{guard::Anyone, problems};
use crate::app::App;

/// How long anybody may keep what does not change.
const CACHEABLE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=300")];

/// How long at most anybody may keep the keys, in seconds.
const KEYS_MAX_AGE: u64 = 300;

/// The public keys
///
/// As a JWK set (RFC 7517 §5).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "discovery",
    responses((status = 200, description = "The keys.", body = serde_json::Value))
)]
pub(super) async fn jwks(
    Anyone(context): Anyone,
    State(app): State<App>,
) -> Result<impl IntoResponse, Problem> {
    let keys = app.domain.jwks(context.now).await.map_err(problems::of)?;
    // Whoever keeps this knows a new key before it signs.
    let max_age = (app.domain.settings().key_publish.as_secs() / 2).min(KEYS_MAX_AGE);
    Ok(([(header::CACHE_CONTROL, format!("public, max-age={max_age}"))], Json(json!({ "keys": keys }))))
}

/// Where the OAuth calls are
///
/// Authorization server metadata (RFC 8414 §2).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "discovery",
    responses((status = 200, description = "The metadata.", body = serde_json::Value))
)]
pub(super) async fn metadata(_: Anyone, State(app): State<App>) -> impl IntoResponse {
    let issuer = app.issuer();
    let metadata = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "service_documentation": format!("{issuer}/openapi.json"),
        "grant_types_supported": ["refresh_token", "client_credentials"],
        "response_types_supported": [],
        "acr_values_supported": [SECOND_FACTOR],
        // Of a refresh none.
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none"],
    });
    (CACHEABLE, Json(metadata))
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "discovery",
    responses((status = 200, description = "The OpenAPI document.", body = serde_json::Value))
)]
pub(super) async fn openapi(_: Anyone) -> impl IntoResponse {
    (CACHEABLE, Json(super::document()))
}
