//! The OpenAPI document at `/openapi.json`. Paths, bodies and answers come from the handlers themselves;
//! what a route asks of its caller comes from the table.

use shared::problem::{self, Kind};
use utoipa::openapi::{
    Components, Content, Info, ObjectBuilder, OpenApi, Ref, RefOr, Response, Type,
    path::Operation,
    schema::{ArrayBuilder, KnownFormat, Schema, SchemaFormat},
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use super::route::Requirement;

const COOKIE: &str = "session";
const BEARER: &str = "bearer";
const EDGE: &str = "edge";
/// Optional where it stands, which the handler says itself.
const CLIENT: &str = "client";
const PROBLEM: &str = "Problem";

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let info = Info::builder()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "One login system for browsers and for mobile and API clients. Errors are problems (RFC 9457); \
             on the OAuth paths they have the shape of RFC 6749 §5.2. Times are RFC 3339 in UTC.",
        ))
        .build();
    let mut document = OpenApi::new(info, utoipa::openapi::Paths::new());
    document.components = Some(components());
    document
}

fn components() -> Components {
    let cookie = ApiKeyValue::with_description(
        shared::cookie::HANDLE_COOKIE,
        "A browser's session. Unsafe methods need `Sec-Fetch-Site: same-origin` or an `Origin` of this site, \
         and the `x-csrf-token` that login and `/auth/me` give.",
    );
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let edge =
        ApiKeyValue::with_description("signature", "The edge's own HTTP Message Signature (RFC 9421).");
    let client = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("A service account: its id and its key, each encoded like the value of a form."))
        .build();
    let mut components = Components::new();
    components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    components.add_security_scheme(EDGE, SecurityScheme::ApiKey(ApiKey::Header(edge)));
    components.add_security_scheme(CLIENT, SecurityScheme::Http(client));
    components.schemas.insert(PROBLEM.to_owned(), RefOr::T(problem_schema()));
    components
}

fn problem_schema() -> Schema {
    let types = Kind::ALL.iter().map(|kind| kind.type_uri());
    let text = || ObjectBuilder::new().schema_type(Type::String);
    Schema::Object(
        ObjectBuilder::new()
            .description(Some("What went wrong (RFC 9457). `type` is stable and is what to look at."))
            .property("type", text().enum_values(Some(types)))
            .property("title", text())
            .property(
                "status",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32))),
            )
            .property("detail", text())
            .property(
                "acr_values",
                text().description(Some("The class of login that is wanted (RFC 9470): `second_factor`.")),
            )
            .property(
                "max_age",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .description(Some("The most seconds that the wanted login may be old (RFC 9470).")),
            )
            .property(
                "challenge",
                text().description(Some("Of `second-factor-required`: what goes with the second step.")),
            )
            .property(
                "expires_in",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .description(Some("How many seconds the challenge holds.")),
            )
            .property(
                "methods",
                ArrayBuilder::new().items(text()).description(Some(
                    "By what the second step can be made: `totp`, `passkey`, `recovery_code`.",
                )),
            )
            .property("permission", text().description(Some("The permission that is missing.")))
            .required("type")
            .required("title")
            .required("status")
            .build(),
    )
}

/// Writes into an operation what its route asks of the caller, and how it refuses.
pub(super) fn require(operation: &mut Operation, requirement: Requirement) {
    let either = || {
        vec![
            SecurityRequirement::new(COOKIE, Vec::<String>::new()),
            SecurityRequirement::new(BEARER, Vec::<String>::new()),
        ]
    };
    let wanted = match requirement {
        Requirement::Public | Requirement::Operators => None,
        Requirement::SignedIn => Some(either()),
        Requirement::FreshLogin => {
            refuse(operation, "401", "No good credential was presented, or the login is not recent enough.");
            Some(either())
        }
        Requirement::FreshSecondFactor => {
            let text =
                "No good credential was presented, or the login is not recent enough or not by two factors.";
            refuse(operation, "401", text);
            Some(either())
        }
        Requirement::Permission(permission) | Requirement::FreshPermission(permission) => {
            let recent = if requirement == Requirement::Permission(permission) {
                ""
            } else {
                refuse(
                    operation,
                    "401",
                    "No good credential was presented, or the login is not recent enough.",
                );
                ", and a recent login"
            };
            let note = format!("Needs the permission `{permission}`{recent}.");
            operation.description = Some(
                operation.description.take().map_or_else(|| note.clone(), |text| format!("{text}\n\n{note}")),
            );
            refuse(operation, "403", "The permission is missing.");
            Some(either())
        }
        Requirement::EdgeCall => Some(vec![SecurityRequirement::new(EDGE, Vec::<String>::new())]),
    };
    if wanted.is_some() {
        refuse(operation, "401", "No good credential was presented.");
        operation.security = wanted;
    }
    refuse(operation, "default", "What went wrong.");
    if takes_forms(operation)
        && let Some(RefOr::T(refusal)) = operation.responses.responses.get_mut("default")
    {
        let page = ObjectBuilder::new().schema_type(Type::String).build();
        let page = Content::new(Some(RefOr::T(Schema::Object(page))));
        refusal.content.insert("text/html".to_owned(), RefOr::T(page));
    }
}

/// Whether the form of a page can be sent there, which is answered by a page, also when it is refused.
fn takes_forms(operation: &Operation) -> bool {
    let formats = ["application/json", "application/x-www-form-urlencoded"];
    match &operation.request_body {
        Some(RefOr::T(body)) => formats.iter().all(|format| body.content.contains_key(*format)),
        _ => false,
    }
}

/// A problem, beside what the handler answers there itself: what stands before every handler refuses in one way.
fn refuse(operation: &mut Operation, status: &str, description: &str) {
    let responses = &mut operation.responses.responses;
    let response = responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new(description)));
    if let RefOr::T(response) = response {
        let problem = Content::new(Some(RefOr::Ref(Ref::from_schema_name(PROBLEM))));
        response.content.entry(problem::CONTENT_TYPE.to_owned()).or_insert(RefOr::T(problem));
    }
}
