//! Origin over HTTP. A request passes, from outside in: [`observe`] gives it an id and tells of it,
//! [`protect`] bounds its time and guards its answer, [`seal`] checks what the edge sealed, and then its
//! route's guard ([`guard`]) asks for what the route requires before the handler reads anything.

mod accounts;
mod admin;
mod arrival;
mod audit;
mod body;
mod client;
mod cookies;
mod cross_site;
mod devices;
mod discovery;
mod edge;
mod email;
mod forwarded;
mod guard;
mod id;
pub mod leaving;
mod login;
mod login_page;
mod mail_pages;
mod oauth;
mod oauth_client;
mod oauth_refusal;
mod observe;
mod openapi;
mod operations;
mod outflow;
mod page;
mod passkeys;
mod password_reset;
mod places;
mod policy;
mod principal;
mod problems;
mod protect;
mod reauthenticate;
mod revoked;
mod route;
mod seal;
mod second_factors;
mod second_step;
mod second_step_page;
pub mod server;
mod service_accounts;
mod service_keys;
#[cfg(test)]
mod tests;
mod time;
mod trace;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use shared::problem::{Kind, Problem};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    route::{Requirement, Route},
    time::rfc3339,
};
use crate::app::App;

/// The table: every route that origin answers, and nothing else is answered.
#[must_use]
pub fn table() -> Vec<Route> {
    macro_rules! table {
        ($($(#[$only:meta])* $handler:path,)*) => {
            vec![$($(#[$only])* Route::new(route::requirement_of(&$handler), routes!($handler)),)*]
        };
    }
    table![
        accounts::register,
        accounts::change_password,
        email::change,
        email::verify,
        email::request_verification,
        password_reset::forgot,
        password_reset::reset,
        mail_pages::verify,
        mail_pages::reset,
        mail_pages::forgot,
        login::page,
        login::browser,
        login::token,
        second_step::browser,
        second_step::token,
        second_factors::list,
        second_factors::begin,
        second_factors::confirm,
        second_factors::replace_recovery_codes,
        second_factors::remove,
        passkeys::options,
        passkeys::browser,
        passkeys::token,
        passkeys::registration_options,
        passkeys::register,
        passkeys::list,
        passkeys::rename,
        passkeys::remove,
        reauthenticate::reauthenticate,
        devices::me,
        devices::list,
        devices::end,
        devices::end_current,
        devices::end_all,
        oauth::token,
        oauth::revoke,
        admin::users::list,
        admin::users::create,
        admin::users::show,
        admin::users::disable,
        admin::users::enable,
        admin::users::verify,
        admin::roles::grant,
        admin::roles::revoke,
        admin::second_factors::reset,
        admin::sessions::list,
        admin::sessions::list_of,
        admin::sessions::end,
        admin::sessions::end_all,
        admin::keys::list,
        admin::keys::rotate,
        admin::keys::withdraw,
        audit::list,
        audit::checkpoint,
        leaving::export,
        leaving::delete,
        leaving::delete_user,
        service_accounts::list,
        service_accounts::create,
        service_accounts::show,
        service_accounts::delete,
        service_accounts::disable,
        service_accounts::enable,
        service_accounts::grant,
        service_accounts::revoke,
        service_keys::list,
        service_keys::create,
        service_keys::limit,
        service_keys::withdraw,
        discovery::jwks,
        discovery::metadata,
        discovery::openapi,
        edge::state,
        edge::assertions,
        edge::check,
        operations::live,
        operations::ready,
        operations::counted,
        #[cfg(feature = "movable-clock")]
        operations::move_clock,
    ]
}

/// The OpenAPI document of the whole table.
#[must_use]
pub fn document() -> OpenApi {
    assembled().1
}

/// Everything that origin answers.
pub fn router(app: App) -> Router {
    let (routes, _) = assembled();
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), seal::check))
        .layer(DefaultBodyLimit::max(body::LARGEST))
        .layer(middleware::from_fn_with_state(app.clone(), arrival::await_all))
        .layer(middleware::from_fn(protect::framing))
        .layer(middleware::from_fn_with_state(app.clone(), protect::reliance))
        .layer(middleware::from_fn_with_state(app.clone(), protect::time))
        .layer(middleware::from_fn(oauth_refusal::reshape))
        .layer(middleware::from_fn(revoked::tell))
        .layer(middleware::from_fn_with_state(app.clone(), protect::headers))
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}

fn assembled() -> (Router<App>, OpenApi) {
    let router = OpenApiRouter::with_openapi(openapi::frame());
    table().into_iter().fold(router, |router, route| router.routes(route.entry)).split_for_parts()
}

async fn not_found() -> Problem {
    Kind::NotFound.into()
}

/// Which methods there are instead, axum adds as `Allow`.
async fn method_not_allowed() -> Problem {
    Kind::MethodNotAllowed.into()
}
