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
//! [`routes`] lists every method and path once. Each answers under `/api/v1` and, because two of the older
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

pub(crate) use self::attachment::url_of as url_of_file;
pub(crate) use self::dialect::{HEADER as DIALECT, PROCESS_TIME, translate};
use self::error::Problem;
use self::operation::Operation;
pub(crate) use self::rate_limit::{LIMIT, REMAINING, RESET};
pub(crate) use self::statistics::CACHE;
use crate::app::App;
use crate::http::rate_limit::Tier;

/// Where the routes are. The first is the canonical place, which `Location` names.
pub(crate) const PREFIXES: [&str; 2] = ["/api/v1", ""];

/// One method on one path.
pub struct Route {
    /// The method; GET answers HEAD as well.
    pub method: Method,
    /// The path without its prefix, such as `/tasks/{id}`.
    pub path: &'static str,
    /// What answers.
    pub handler: MethodRouter<App>,
    /// Whether the signature of a file's URL stands for an access token.
    pub takes_signature: bool,
    /// Which limit counts its requests; none where the handler does.
    pub tier: Option<Tier>,
}

impl Route {
    fn get<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::GET, path, on(MethodFilter::GET, handler))
    }

    fn post<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::POST, path, on(MethodFilter::POST, handler))
    }

    fn put<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::PUT, path, on(MethodFilter::PUT, handler))
    }

    fn patch<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::PATCH, path, on(MethodFilter::PATCH, handler))
    }

    fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Self {
        Self::new(Method::DELETE, path, on(MethodFilter::DELETE, handler))
    }

    fn new(method: Method, path: &'static str, handler: MethodRouter<App>) -> Self {
        Self {
            method,
            path,
            handler,
            takes_signature: false,
            tier: Some(Tier::Moderate),
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

    fn answer(self, app: &App) -> MethodRouter<App> {
        let takes_none = Operation::of(&self.method, self.path).is_none_or(|known| known.parameters.is_empty());
        let handler = if takes_none {
            self.handler.route_layer(from_fn(extract::refuse_parameters))
        } else {
            // Their handlers check them, after they have asked who sends them.
            self.handler
        };
        let handler = if idempotency::is_for(&self.method, self.path) {
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

/// Every method and path.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/auth/register", session::register).counted_as(Tier::Strict),
        Route::post("/auth/login", session::login).counted_as(Tier::Strict),
        Route::post("/auth/login/access-token", session::access_token).counted_as(Tier::Strict),
        Route::post("/auth/refresh", session::refresh).counted_as(None),
        Route::post("/auth/logout", session::logout),
        Route::post("/auth/verify-email", session::verify_email).counted_as(Tier::Strict),
        Route::post("/auth/verify-email/resend", session::resend_verification).counted_as(Tier::Strict),
        Route::get("/auth/me", user::me),
        Route::get("/tasks", task::list),
        Route::post("/tasks", task::create),
        Route::get("/tasks/admin/all", task::list_all),
        Route::get("/tasks/statistics", statistics::get),
        Route::get("/tasks/stats", statistics::get),
        Route::patch("/tasks/bulk", task::bulk_update),
        Route::post("/tasks/bulk-status", task::bulk_transition),
        Route::get("/tasks/{id}", task::get),
        Route::put("/tasks/{id}", task::put),
        Route::patch("/tasks/{id}", task::update),
        Route::delete("/tasks/{id}", task::delete),
        Route::post("/tasks/{id}/assign", task::assign),
        Route::post("/tasks/{id}/transition", task::transition),
        Route::delete("/tasks/{id}/force", task::purge),
        Route::post("/tasks/{id}/restore", task::restore),
        Route::post("/tasks/{id}/tags", task::add_tags),
        Route::delete("/tasks/{id}/tags/{tag}", task::remove_tag),
        Route::post("/tasks/{id}/files", attachment::attach).counted_as(Tier::Upload),
        Route::get("/tasks/{id}/files", attachment::list),
        Route::get("/files", attachment::list_own),
        Route::get("/files/{id}", attachment::download).with_signature(),
        Route::delete("/files/{id}", attachment::delete),
        Route::post("/upload", attachment::keep).counted_as(Tier::Upload),
        Route::get("/download/{filename}", attachment::download_own),
        Route::delete("/delete/{filename}", attachment::delete_own),
        Route::get("/async/external", background::call_external).counted_as(Tier::Background),
        Route::post("/async/background-task", background::queue).counted_as(Tier::Background),
        Route::get("/async/background-task/{id}", background::get),
        Route::get("/users", user::list),
        Route::get("/users/me", user::me),
        Route::get("/users/{id}", user::get),
        Route::patch("/users/{id}", user::update),
        Route::delete("/users/{id}", user::delete),
    ]
}

/// The methods and paths of [`routes`], without their prefixes.
#[must_use]
pub fn route_names() -> Vec<(Method, &'static str)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// Every route, with each prefix and either ending.
pub fn router(app: &App) -> Router<App> {
    let mut router = Router::new();
    for route in routes() {
        let path = route.path;
        let answer = route.answer(app);
        for prefix in PREFIXES {
            for ending in ["", "/"] {
                router = router.route(&format!("{prefix}{path}{ending}"), answer.clone());
            }
        }
    }
    for route in [
        Route::get(dialect::EARLY_FILES, attachment::download),
        Route::delete(dialect::EARLY_FILES, attachment::delete),
    ] {
        router = router.route(route.path, route.answer(app));
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
