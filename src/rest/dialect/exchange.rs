//! One request and its response in a dialect.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{self, Extensions, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{ALL_TASKS, Dialect, EARLY_FILES, Shape, document};
use crate::config::RestDialect;
use crate::domain::error::ViolationKind;
use crate::domain::id::UserId;
use crate::http::caller::Caller;
use crate::http::encoding::with_path_and_query;
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::rest::error::Problem;
use crate::rest::extract::content_type;
use crate::rest::operation::{Operation, bare};
use crate::rest::rules::Rules;
use crate::rest::{not_found, rate_limit};
use crate::state::AppState;

/// Without `Debug`: the body may contain a password.
#[derive(Clone)]
pub(in crate::rest) struct Exchange {
    name: RestDialect,
    pub(super) dialect: &'static Dialect,
    method: Method,
    /// The path of the route, without prefix and trailing slash.
    pub(super) path: String,
    /// Method and path of the route, such as `GET /tasks`.
    pub(super) operation: String,
    /// The address that the client sent.
    pub(super) sent: Uri,
    /// The valid JSON body that the client sent, for the list of errors. The handler has a clone of the exchange, and
    /// sets it.
    pub(in crate::rest) sent_body: Arc<OnceLock<Bytes>>,
}

/// The path of the route, without prefix and trailing slash; empty if no route matches.
pub(in crate::rest) fn path_of(extensions: &Extensions) -> &str {
    bare(extensions.get().map_or("", MatchedPath::as_str))
}

impl Exchange {
    pub(super) fn new(name: RestDialect, dialect: &'static Dialect, request: &Request) -> Self {
        let (method, path) = (request.method().clone(), path_of(request.extensions()).to_owned());
        Self {
            name,
            dialect,
            operation: format!("{method} {path}"),
            method,
            path,
            sent: request.uri().clone(),
            sent_body: Arc::default(),
        }
    }

    pub(super) fn takes(&self) -> Option<&'static Operation> {
        Operation::of(&self.method, &self.path)
    }

    /// A required parameter that the query does not have.
    fn missing(&self, query: &str) -> Option<&'static str> {
        let required = self.dialect.required.iter().filter(|(name, _)| *name == self.operation);
        let is_given = |name: &str| form_urlencoded::parse(query.as_bytes()).any(|(given, _)| given == name);
        required.map(|(_, name)| *name).find(|name| !is_given(name))
    }

    /// Forwards the canonical request and translates the response.
    pub(super) async fn answer(self, app: &AppState, request: Request, next: Next) -> Response {
        if self.path == EARLY_FILES && !self.dialect.has_early_files {
            return self.failure(not_found(self.sent.path()));
        }
        if self.operation == "GET /openapi.json" {
            return document::response(self.name, self.dialect, &app.config().http.root_path);
        }
        if let Some(name) = self.missing(request.uri().query().unwrap_or_default()) {
            let problem = Problem::invalid(name, ViolationKind::Missing, format!("missing parameter `{name}`"));
            return self.failure(problem.into_response());
        }
        let shape = self.dialect.shape(&self.operation);
        let request = self.canonical(app, request).await;
        let response = if matches!(shape, Some(Shape::TaskCounts)) {
            // The task counts need queries, unlike the canonical metrics.
            let limited = rate_limit::limit(State((app.clone(), Tier::Moderate)), request, next);
            limited.await.into_response()
        } else {
            next.run(request).await
        };
        if response.extensions().get::<Problem>().is_some() {
            return self.failure(response);
        }
        self.success(app, shape, response).await
    }

    /// Translates the query. The body is translated where it is read.
    async fn canonical(&self, app: &AppState, request: Request) -> Request {
        let (mut parts, body) = request.into_parts();
        if self.takes().is_some() {
            let own = match self.operation.as_str() {
                "GET /tasks" if self.dialect.is_own_only => identify(&mut parts, app).await,
                _ => None,
            };
            let query = self.query(parts.uri.query().unwrap_or_default(), own);
            let separator = if query.is_empty() { "" } else { "?" };
            let address = format!("{}{separator}{query}", parts.uri.path());
            if let Some(uri) = with_path_and_query(&parts.uri, &address) {
                parts.uri = uri;
            }
        }
        parts.extensions.insert(self.rules(app));
        parts.extensions.insert(self.clone());
        Request::from_parts(parts, body)
    }

    /// A header alone does not open routes: any client can send it.
    fn rules(&self, app: &AppState) -> Rules {
        let rules = self.dialect.rules;
        let max_rows = match (self.path.as_str(), self.dialect.all_tasks) {
            ("/tasks", _) => rules.max_rows,
            (ALL_TASKS, Some(rows)) => rows,
            _ => Rules::CANONICAL.max_rows,
        };
        Rules {
            max_rows,
            is_background_open: rules.is_background_open && app.config().rest.dialect == self.name,
            ..rules
        }
    }

    async fn success(self, app: &AppState, shape: Option<Shape>, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        if !parts.status.is_success() {
            return Response::from_parts(parts, body);
        }
        if let Some(Shape::Ok(_) | Shape::Message(_)) = shape {
            parts.status = StatusCode::OK;
        }
        if let Some(Shape::Message(message)) = shape {
            return with_head(parts, json!({ "message": message }));
        }
        let is_json = content_type(&parts.headers).is_some_and(|kind| kind == "application/json");
        // Files are sent unchanged.
        let is_file = parts.headers.contains_key(header::CONTENT_DISPOSITION);
        if !is_json || is_file || self.takes().is_none() {
            return Response::from_parts(parts, body);
        }
        if self.method == Method::HEAD {
            // It is the length of the body before translation.
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, body);
        }
        match self.translated(app, shape, body).await {
            Ok(value) => with_head(parts, value),
            Err(problem) => self.failure(problem.into_response()),
        }
    }

    fn failure(&self, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        let Some(problem) = parts.extensions.get::<Problem>() else {
            return Response::from_parts(parts, body);
        };
        if problem.status.is_server_error() && self.dialect.hidden.contains(&self.operation.as_str()) {
            return Json(json!({ "error": problem.code, "message": problem.message })).into_response();
        }
        let (status, body) = self.failure_body(problem, &parts.headers);
        parts.status = status;
        with_head(parts, body)
    }
}

/// Keeps the caller in the request, so that the session is looked up only once.
async fn identify(parts: &mut http::request::Parts, app: &AppState) -> Option<UserId> {
    let caller = Caller::of(parts, app).await.ok()?;
    let user = caller.actor.user_id();
    parts.extensions.insert(caller);
    user
}

/// Keeps the status and the headers of another response.
fn with_head(mut head: http::response::Parts, body: Value) -> Response {
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        head.headers.remove(name);
    }
    let mut response = (head.status, Json(body)).into_response();
    response.headers_mut().extend(head.headers);
    response
}
