//! The REST face: for clients of older task APIs, and for `curl`. It converts, calls one use case, converts.
//!
//! | module | what lives there |
//! |---|---|
//! | [`error`] | errors: statuses and the envelope |
//! | [`openapi`] | the same for programs: the OpenAPI document |
//! | `dialect` | older APIs whose clients are served unmodified |
//! | `extract` | what handlers take from a request |
//! | `idempotency` | writes that are safe to repeat |
//! | `page` | which part of a list |
//! | `rate_limit` | how often a client may ask |
//! | `precondition` | `ETag` and `If-Match` |
//! | `operation` | the names of parameters and fields that each operation takes |
//! | `rules` | what differs between dialects of a handler |
//! | `value` | dates, names and numbers as clients write them |
//! | `session`, `task`, `statistics`, `attachment`, `user`, `background` | the handlers, a noun a file |
//!
//! Each noun lists its routes; method and path are those of a handler's description. Each answers under `/api/v1` and, because two of the older
//! APIs had no prefix, at the root; with and without a trailing slash. A path in letters comes before one with an
//! id in its place, wherever it stands in the list.

#![expect(
    unused_qualifications,
    reason = "the macros that describe routes write paths as they find them, and some twice"
)]

mod attachment;
mod background;
mod dialect;
pub mod error;
mod extract;
mod idempotency;
pub mod openapi;
mod operation;
mod page;
mod precondition;
mod rate_limit;
mod rules;
mod session;
mod statistics;
mod task;
mod user;
mod value;

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

pub(crate) use self::dialect::{PROCESS_TIME, translate};
use self::error::Problem;
use self::operation::Operation;
pub(crate) use self::rate_limit::{LIMIT, REMAINING, RESET};
pub(crate) use self::statistics::CACHE;
use crate::rate_limit::Tier;
use crate::state::AppState;

/// Where the routes are. The first is the canonical place, which `Location` names.
pub(crate) const PREFIXES: [&str; 2] = ["/api/v1", ""];

/// One method on one path, with its description.
pub struct Route {
    /// The method; GET answers HEAD as well.
    pub method: Method,
    /// The path without its prefix, such as `/tasks/{id}`.
    pub path: String,
    handler: MethodRouter<AppState>,
    description: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    /// Whether the signature of a file's URL stands for an access token.
    takes_signature: bool,
    /// Which limit counts its requests; none where the handler does.
    tier: Option<Tier>,
}

impl Route {
    /// The route of `routes!(handler)`: its method and path are those of the handler's description.
    fn of((schemas, mut description, handler): UtoipaMethodRouter<AppState>) -> Self {
        let first = description.paths.iter_mut().next();
        let (method, path) = first
            .and_then(|(path, item)| Some((openapi::operations(item).next()?.0, path.clone())))
            .unwrap_or_default();
        Self {
            method,
            path,
            handler,
            description,
            schemas,
            takes_signature: false,
            tier: Some(Tier::Moderate),
        }
    }

    /// The same at another path, under another name in the document.
    fn at(mut self, path: &str, operation_id: &str) -> Self {
        let item = self.description.paths.pop();
        let renamed = item.map(|(_, item)| (path.to_owned(), openapi::renamed(item, operation_id)));
        self.description.paths.extend(renamed);
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    /// With another handler for the same description.
    fn handled_by<T: 'static>(self, filter: MethodFilter, handler: impl Handler<T, AppState>) -> Self {
        Self {
            handler: on(filter, handler),
            ..self
        }
    }

    fn counted_as(self, tier: impl Into<Option<Tier>>) -> Self {
        Self {
            tier: tier.into(),
            ..self
        }
    }

    fn with_signature(self) -> Self {
        Self {
            takes_signature: true,
            ..self
        }
    }

    fn answer(self, app: &AppState) -> MethodRouter<AppState> {
        let takes_none = Operation::of(&self.method, &self.path).is_none_or(|known| known.parameters.is_empty());
        let handler = if takes_none {
            self.handler.route_layer(from_fn(extract::refuse_parameters))
        } else {
            // Their handlers check them, after they have asked who sends them.
            self.handler
        };
        let handler = if idempotency::is_for(&self.method, &self.path) {
            handler.route_layer(from_fn_with_state(app.clone(), idempotency::once))
        } else {
            handler
        };
        let handler = match self.tier {
            Some(tier) => handler.route_layer(from_fn_with_state((app.clone(), tier), rate_limit::limit)),
            None => handler,
        };
        // Before the limit, which counts by user.
        if self.takes_signature {
            handler.route_layer(from_fn_with_state(app.clone(), attachment::identify_by_signature))
        } else {
            handler
        }
    }
}

/// Every method and path, by noun.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        session::routes(),
        user::routes(),
        task::routes(),
        statistics::routes(),
        attachment::routes(),
        background::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The methods and paths of [`routes`], without their prefixes.
#[must_use]
pub fn route_names() -> Vec<(Method, String)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// Every route, with each prefix and either ending.
pub fn router(app: &AppState) -> Router<AppState> {
    let mut router = Router::new();
    for route in routes() {
        let path = route.path.clone();
        let answer = route.answer(app);
        for prefix in PREFIXES {
            for ending in ["", "/"] {
                router = router.route(&format!("{prefix}{path}{ending}"), answer.clone());
            }
        }
    }
    for route in attachment::early_routes(dialect::EARLY_FILES) {
        router = router.route(dialect::EARLY_FILES, route.answer(app));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.config().http.request_timeout, limit_time))
}

/// Gives up a request that takes too long, the reading of its body included. What it was writing is
/// rolled back.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::timed_out(limit).into_response())
}

/// The canonical path of one of a noun, for `Location`.
fn location(noun: &str, id: i32) -> String {
    format!("{}/{noun}/{id}", PREFIXES[0])
}

/// The answer where there is no route.
pub async fn unknown_path(OriginalUri(uri): OriginalUri) -> Response {
    not_found(uri.path())
}

/// The same for a path that leads to nothing.
pub(crate) fn not_found(path: &str) -> Response {
    Problem::unknown_path(path).into_response()
}

/// The answer where there is a route, but not for this method. The router adds `Allow`.
async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::method_not_allowed(&method, uri.path())
}

/// The answer of a handler that panicked. Logs the panic.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer that catches panics hands them over"
)]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    Problem::panicked(panic.as_ref()).into_response()
}
