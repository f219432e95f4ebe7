//! An OAuth client that others wrote: it finds our calls by the metadata, refreshes, validates the access tokens by
//! RFC 9068, and takes its tokens back.

use serde_json::json;

use super::Judge;
use crate::fixture::{Mobile, System};

#[tokio::test]
async fn an_independent_client_refreshes_validates_and_revokes() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let question = json!({
        "issuer": system.edge,
        "audience": system.edge,
        "refresh_token": app.refresh_token,
    });
    let answer = Judge::node("oauth.mjs").ask(question).await;
    assert_eq!(answer["subject"], answer["subject_after_refresh"], "{answer}");
    assert_eq!(answer["client"], answer["client_after_refresh"], "{answer}");
    assert_eq!(answer["child"], "another token", "{answer}");
    assert_eq!(answer["repeated"], "the same child", "{answer}");
    assert_eq!(answer["made_up"], "400 invalid_grant", "{answer}");
    assert_eq!(answer["with_a_scope"], "400 invalid_scope", "{answer}");
    assert_eq!(answer["unknown_revoked"], "done", "{answer}");
    assert_eq!(answer["revoked"], "done", "{answer}");
    assert_eq!(answer["after_revocation"], "400 invalid_grant", "{answer}");
    app.get("/auth/me").await.refused(401, "invalid-token");
}
