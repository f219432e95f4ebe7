//! The second factors of others: taken away from who has lost them.

use axum::{extract::State, http::StatusCode};
use shared::{id::UserId, problem::Problem};

use super::{Parameters, ReasonQuery};
use crate::{
    app::App,
    http::{
        guard::{FreshLogin, Permitted, SecondFactorsReset},
        id::Id,
        problems,
    },
};

/// Reset a user's second factors
///
/// For who has lost them: the app, the passkeys and the recovery codes are forgotten, all sessions end, and the
/// user is told by mail. The password alone is enough afterwards, so make sure who asks for it.
#[utoipa::path(
    delete, path = "/admin/users/{id}/second-factors", tag = "admin",
    params(("id" = String, Path, format = "uuid", description = "The user."), ReasonQuery),
    responses((status = 204, description = "Reset."), (status = 404, description = "No such user, or no second factor."))
)]
pub(in crate::http) async fn reset(
    Permitted { context, .. }: Permitted<SecondFactorsReset, FreshLogin>,
    State(app): State<App>,
    Id(user): Id<UserId>,
    Parameters(why): Parameters<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    app.domain.reset_second_factors(&context.because(why.note()?), user).await.map_err(problems::of)?;
    Ok(StatusCode::NO_CONTENT)
}
