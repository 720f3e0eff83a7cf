//! One request and its response in a dialect.

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use url::form_urlencoded;

use super::{Answer, Dialect, EARLY_FILES, Shape, document, response};
use crate::config::RestDialect;
use crate::domain::id::UserId;
use crate::http::caller::Caller;
use crate::http::encoding::with_path_and_query;
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::rest::error::{Problem, Refusal};
use crate::rest::operation::{Operation, bare};
use crate::rest::rules::Rules;
use crate::rest::{not_found, rate_limit};
use crate::state::AppState as App;

/// The administrators' list of all tasks.
pub(super) const ALL_TASKS: &str = "/tasks/admin/all";

/// One request and its response.
#[derive(Clone, Debug)]
pub(in crate::rest) struct Exchange {
    name: RestDialect,
    pub(super) dialect: &'static Dialect,
    pub(super) method: Method,
    /// The path of the route, without prefix and trailing slash.
    pub(super) path: String,
    /// The path that was sent.
    pub(super) sent: String,
}

/// The path of the route of a request, without prefix and trailing slash; empty where there is none.
pub(super) fn path_of(request: &Request) -> &str {
    bare(request.extensions().get().map_or("", MatchedPath::as_str))
}

impl Exchange {
    pub(super) fn new(name: RestDialect, dialect: &'static Dialect, request: &Request) -> Self {
        Self {
            name,
            dialect,
            method: request.method().clone(),
            path: path_of(request).to_owned(),
            sent: request.uri().path().to_owned(),
        }
    }

    /// What the operation takes.
    pub(super) fn operation(&self) -> Option<&'static Operation> {
        Operation::of(&self.method, &self.path)
    }

    /// Whether it is this operation, such as `GET /tasks`.
    pub(super) fn is(&self, method: &Method, path: &str) -> bool {
        self.method == *method && self.path == path
    }

    /// The operation as the tables name it, such as `GET /tasks`.
    fn name_of_operation(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A parameter that the operation needs, if the query does not have it.
    fn missing(&self, query: &str) -> Option<&'static str> {
        let name = self.name_of_operation();
        let required = self.dialect.required.iter().filter(|(operation, _)| *operation == name);
        required
            .map(|(_, parameter)| *parameter)
            .find(|parameter| !form_urlencoded::parse(query.as_bytes()).any(|(given, _)| given == *parameter))
    }

    /// What differs in the successful response.
    fn answer_form(&self) -> Option<Answer> {
        let name = self.name_of_operation();
        let found = self.dialect.answers.iter().find(|(operation, _)| *operation == name);
        found.map(|(_, answer)| *answer)
    }

    /// Sends the request on as a canonical one, and gives the response of the dialect.
    pub(super) async fn answer(self, app: &App, request: Request, next: Next) -> Response {
        if self.path == EARLY_FILES && !self.dialect.has_early_files {
            return self.failure(not_found(&self.sent));
        }
        if self.is(&Method::GET, "/openapi.json") {
            return document::response(self.name, self.dialect, &app.config().http.root_path);
        }
        if let Some(name) = self.missing(request.uri().query().unwrap_or_default()) {
            let problem = Problem::invalid(name, format!("missing parameter `{name}`"));
            return self.failure(problem.into_response());
        }
        let request = self.canonical(app, request).await;
        let response = if matches!(self.shape(), Some(Shape::TaskCounts)) {
            // It costs queries here.
            rate_limit::limit(State((app.clone(), Tier::Moderate)), request, next).await
        } else {
            next.run(request).await
        };
        if response.extensions().get::<Refusal>().is_some() {
            return self.failure(response);
        }
        self.success(app, response).await
    }

    fn shape(&self) -> Option<Shape> {
        self.answer_form().map(|answer| answer.shape)
    }

    /// The request with its query translated. Its body is translated where it is read.
    async fn canonical(&self, app: &App, request: Request) -> Request {
        let (mut parts, body) = request.into_parts();
        if self.operation().is_some() {
            let own = if self.dialect.list.is_own_only && self.is(&Method::GET, "/tasks") {
                identify(&mut parts, app).await
            } else {
                None
            };
            let query = self.query(parts.uri.query().unwrap_or_default(), own);
            if let Some(uri) = with_query(&parts.uri, &query) {
                parts.uri = uri;
            }
        }
        parts.extensions.insert(self.rules(app));
        parts.extensions.insert(self.clone());
        Request::from_parts(parts, body)
    }

    /// What handlers do differently. A header alone does not open routes: any client can send one.
    fn rules(&self, app: &App) -> Rules {
        let rules = self.dialect.rules;
        let max_rows = match self.path.as_str() {
            "/tasks" => rules.max_rows,
            ALL_TASKS => self.dialect.all_tasks.unwrap_or(Rules::CANONICAL.max_rows),
            _ => Rules::CANONICAL.max_rows,
        };
        let is_background_open = rules.is_background_open && app.config().rest.dialect == self.name;
        Rules {
            max_rows,
            is_background_open,
            ..rules
        }
    }

    /// The successful response of the dialect.
    async fn success(self, app: &App, response: Response) -> Response {
        let answer = self.answer_form();
        let (mut parts, body) = response.into_parts();
        if !parts.status.is_success() {
            return Response::from_parts(parts, body);
        }
        if let Some(status) = answer.and_then(|answer| answer.status) {
            parts.status = StatusCode::from_u16(status).unwrap_or(parts.status);
        }
        let shape = answer.map_or(Shape::Whole, |answer| answer.shape);
        if let Shape::Message(message) = shape {
            let body = Json(serde_json::json!({ "message": message })).into_response();
            return with_head(parts.status, parts.headers, body);
        }
        if !is_json(&parts.headers) || self.operation().is_none() || is_file(&parts.headers) {
            return Response::from_parts(parts, body);
        }
        if self.method == Method::HEAD {
            // The length of a body that is not translated.
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, body);
        }
        // Bodies in JSON are made in memory.
        let read = to_bytes(body, usize::MAX).await.map_err(Problem::internal);
        let value = read.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).map_err(Problem::internal));
        let translated = match value {
            Ok(value) => response::translate(&self, app, shape, value).await,
            Err(problem) => Err(problem),
        };
        match translated {
            Ok(value) => with_head(parts.status, parts.headers, Json(value).into_response()),
            Err(problem) => self.failure(problem.into_response()),
        }
    }

    /// The response to a request that failed.
    fn failure(&self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let Some(refusal) = parts.extensions.get::<Refusal>() else {
            return Response::from_parts(parts, body);
        };
        if refusal.status.is_server_error()
            && self
                .dialect
                .failures
                .hidden
                .contains(&self.name_of_operation().as_str())
        {
            let body = serde_json::json!({ "error": refusal.code, "message": refusal.message });
            return Json(body).into_response();
        }
        let (status, body) = self.failure_body(refusal);
        with_head(status, parts.headers, Json(body).into_response())
    }
}

/// The user who asks. The session is looked up once: those who ask later find it in the request.
async fn identify(parts: &mut Parts, app: &App) -> Option<UserId> {
    let caller = Caller::of(parts, app).await.ok()?;
    let user = caller.actor.user_id();
    parts.extensions.insert(caller);
    user
}

/// The same address with another query.
fn with_query(uri: &Uri, query: &str) -> Option<Uri> {
    let path = uri.path();
    if query.is_empty() {
        with_path_and_query(uri, path)
    } else {
        with_path_and_query(uri, &format!("{path}?{query}"))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// Whether the body is the content of a file, which is sent as it is.
fn is_file(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_DISPOSITION)
}

/// A body with the status and the headers of another response.
fn with_head(status: StatusCode, mut headers: HeaderMap, body: Response) -> Response {
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        headers.remove(name);
    }
    let mut response: Response<Body> = (status, body).into_response();
    response.headers_mut().extend(headers);
    response
}
