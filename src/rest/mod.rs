//! The REST API, for clients of older task APIs and for `curl`. Each handler calls one use case.
//!
//! | module | contents |
//! |---|---|
//! | [`error`] | errors: statuses and the envelope |
//! | [`openapi`] | the OpenAPI document |
//! | `dialect` | older APIs whose clients work unmodified |
//! | `extract` | extractors: credentials, path, query and body |
//! | `form` | HTML forms without files |
//! | `idempotency` | writes that are safe to repeat |
//! | `page` | paging parameters and list bodies |
//! | `rate_limit` | request rate limits |
//! | `precondition` | `ETag` and `If-Match` |
//! | `operation` | names of the parameters and fields of each operation |
//! | `rules` | behaviour that differs between dialects |
//! | `value` | dates, names and numbers in requests |
//! | one module for each resource type | the handlers |
//!
//! Method and path of a route come from the OpenAPI description of its handler, its tag from the list of resources.
//! Every route works under `/api/v1` and at the root, because two older APIs had no prefix, and with and without a
//! trailing slash. Only the file routes of an early API have one path. A fixed path segment takes precedence over
//! `{id}`, in any order of the routes.

#![expect(
    unused_qualifications,
    reason = "the macros that describe routes write paths as they find them, and some twice"
)]

mod attachment;
mod background;
mod dialect;
pub mod error;
mod extract;
mod form;
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
use axum::http::{HeaderName, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use utoipa::openapi::{PathItem, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

pub(crate) use self::dialect::{PROCESS_TIME, translate};
use self::error::Problem;
use self::operation::Operation;
pub(crate) use self::rate_limit::{LIMIT, REMAINING, RESET};
pub(crate) use self::statistics::CACHE;
use crate::rate_limit::Tier;
use crate::state::AppState;

/// `Location` headers use the first.
pub(crate) const PREFIXES: [&str; 2] = ["/api/v1", ""];

/// One method on one path, with its description.
struct Route {
    /// GET answers HEAD as well.
    method: Method,
    /// The path without its prefix, such as `/tasks/{id}`.
    path: String,
    item: PathItem,
    schemas: Vec<(String, RefOr<Schema>)>,
    handler: MethodRouter<AppState>,
    /// Whether `Idempotency-Key` works.
    is_repeatable: bool,
    takes_signature: bool,
    /// `None` if the handler applies the rate limit.
    tier: Option<Tier>,
}

impl Route {
    fn of((schemas, mut description, handler): UtoipaMethodRouter<AppState>) -> Self {
        let (path, mut item) = description.paths.pop().unwrap_or_default();
        let method = openapi::operation(&mut item).map_or(Method::GET, |(method, _)| method);
        Self {
            // Reads need no keys.
            is_repeatable: method != Method::GET,
            method,
            path,
            item,
            schemas,
            handler,
            takes_signature: false,
            tier: Some(Tier::Moderate),
        }
    }

    fn at(mut self, path: &str, operation_id: &str) -> Self {
        openapi::rename(&mut self.item, operation_id);
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    fn tagged(mut self, tag: &str) -> Self {
        if let Some((_, operation)) = openapi::operation(&mut self.item) {
            operation.tags = Some(vec![tag.to_owned()]);
        }
        self
    }

    fn counted_as(self, tier: impl Into<Option<Tier>>) -> Self {
        Self {
            tier: tier.into(),
            ..self
        }
    }

    /// For responses with secrets, which must not be stored.
    fn without_key(self) -> Self {
        Self {
            is_repeatable: false,
            ..self
        }
    }

    fn answer(self, app: &AppState) -> MethodRouter<AppState> {
        let mut handler = self.handler;
        // Handlers with parameters check them after authentication.
        if Operation::of(&self.method, &self.path).is_none_or(|known| known.parameters.is_empty()) {
            handler = handler.route_layer(from_fn(extract::refuse_parameters));
        }
        if self.is_repeatable {
            handler = handler.route_layer(from_fn_with_state(app.clone(), idempotency::once));
        }
        if let Some(tier) = self.tier {
            handler = handler.route_layer(from_fn_with_state((app.clone(), tier), rate_limit::limit));
        }
        // Runs before the rate limit, which counts by user.
        if self.takes_signature {
            handler = handler.route_layer(from_fn_with_state(app.clone(), attachment::identify_by_signature));
        }
        handler
    }
}

/// The resources: the tag of the operations in the OpenAPI document, its description, and the routes.
fn resources() -> Vec<(&'static str, &'static str, Vec<Route>)> {
    let tasks = task::routes().into_iter().chain(statistics::routes());
    vec![
        ("auth", "Registration, sign-in and sign-out", session::routes()),
        ("tasks", "Tasks, tags and statistics", tasks.collect()),
        (
            "files",
            "Files of tasks, and files without a task",
            attachment::routes(),
        ),
        ("users", "Users and their accounts", user::routes()),
        (
            "background",
            "External service and background jobs",
            background::routes(),
        ),
    ]
}

/// Every method and path.
fn routes() -> Vec<Route> {
    let routes = resources()
        .into_iter()
        .flat_map(|(tag, _, routes)| routes.into_iter().map(move |route| route.tagged(tag)));
    routes.collect()
}

/// The methods and paths of all routes, without prefixes.
#[must_use]
pub fn route_names() -> Vec<(Method, String)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// Every route under each prefix, with and without a trailing slash.
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

/// Times out a request, including the reading of its body. Its transaction is rolled back.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::timed_out(limit).into_response())
}

type Location = [(HeaderName, String); 1];

fn location(resource: &str, id: i32) -> Location {
    [(header::LOCATION, format!("{}/{resource}/{id}", PREFIXES[0]))]
}

/// The 404 response for an unknown path.
pub async fn unknown_path(OriginalUri(uri): OriginalUri) -> Response {
    not_found(uri.path())
}

pub(crate) fn not_found(path: &str) -> Response {
    Problem::unknown_path(path).into_response()
}

/// The router adds `Allow`.
async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::method_not_allowed(&method, uri.path())
}

/// The 500 response after a panic in a handler. Logs the panic.
#[must_use]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast_ref::<&str>().unwrap_or(&"without a message")).to_owned(),
    };
    Problem::internal(anyhow::anyhow!("panicked: {text}")).into_response()
}
