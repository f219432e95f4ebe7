//! One entry of the table of routes: what it is called by, what it asks of the caller, how it is described
//! and what answers. What it asks is read from its handler's signature, so the table cannot say otherwise.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::UtoipaMethodRouter;

use super::openapi;
use crate::app::App;

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing.
    Public,
    /// A live session, by either credential.
    SignedIn,
    /// A live session, by either credential, whose user has proven not long ago to be who they are.
    FreshLogin,
    /// The same, by two factors.
    FreshSecondFactor,
    /// A live session whose user has this permission.
    Permission(&'static str),
    /// The same, whose user has proven not long ago to be who they are.
    FreshPermission(&'static str),
    /// A call that the edge itself signed.
    EdgeCall,
    /// Nothing, and not to be reached through the edge.
    Operators,
}

/// A guard: the type of a handler's first argument, which refuses whoever may not call it.
pub(super) trait Guard {
    /// What it asks of the caller.
    const REQUIREMENT: Requirement;
}

/// A handler whose first argument is a [`Guard`]; others do not get into the table.
pub(super) trait Guarded<Arguments> {
    /// What the guard asks.
    const REQUIREMENT: Requirement;
}

macro_rules! guarded {
    ($($argument:ident)*) => {
        impl<F, Answer, G: Guard, $($argument,)*> Guarded<(G, $($argument,)*)> for F
        where
            F: Fn(G, $($argument,)*) -> Answer,
        {
            const REQUIREMENT: Requirement = G::REQUIREMENT;
        }
    };
}

guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);

/// What a handler's signature asks of the caller.
pub(super) const fn requirement_of<F: Guarded<Arguments>, Arguments>(_handler: &F) -> Requirement {
    F::REQUIREMENT
}

/// One route.
pub struct Route {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path, with parameters as `{id}`.
    pub path: String,
    /// What it asks of the caller.
    pub requirement: Requirement,
    pub(super) entry: UtoipaMethodRouter<App>,
}

impl Route {
    /// A route as `utoipa_axum::routes!` gives it for one handler, with what that handler asks.
    pub(super) fn new(requirement: Requirement, mut entry: UtoipaMethodRouter<App>) -> Self {
        let mut named = (String::new(), "");
        for (path, item) in &mut entry.1.paths {
            for (method, operation) in operations(item) {
                openapi::require(operation, requirement);
                named = (path.clone(), method);
            }
        }
        Self { method: named.1, path: named.0, requirement, entry }
    }
}

/// The operations of a path, by method.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}
