//! GraphQL over HTTP: a request in, one operation run, an answer out.

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, ServerError, Variables, parser};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::allowed;
use super::context::RequestContext;
use super::error::extensions;
use super::limits::{self, Excess};
use super::variables;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::{ide_page, request_id};

/// The media type of answers by the specification.
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
/// The media type of older clients.
const JSON: &str = "application/json";

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    #[serde(rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

/// Why nothing was run: a status and an error.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    allow: Option<&'static str>,
    error: Box<ServerError>,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let mut error = ServerError::new(message, None);
        error.extensions = Some(extensions(code, None));
        Self {
            status,
            allow: None,
            error: Box::new(error),
        }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}

/// `POST /graphql`: the request is the JSON body.
pub(super) async fn post(State(app): State<App>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = within_limit(&app, async {
        require_json(&parts.headers)?;
        let request = axum::extract::Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|rejection| unreadable(&rejection))?;
        let parameters = serde_json::from_slice(&body)
            .map_err(|error| Refusal::bad_request(format!("The body is not a GraphQL request in JSON: {error}")))?;
        let document = parse(&app, &parameters)?;
        run(&app, &parts, parameters, document).await
    });
    respond(&parts.headers, answer.await)
}

/// `GET /graphql`: a query in the URL; or the IDE, for a person with a browser.
pub(super) async fn get(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    request: axum::extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    if app.config().graphql.ide && query.is_none() && accepts(&parts.headers, "text/html") {
        return ide_page();
    }
    let answer = within_limit(&app, async {
        let parameters = from_url(query.as_deref().unwrap_or_default())?;
        let document = parse(&app, &parameters)?;
        if !is_query(&document, parameters.operation_name.as_deref()) {
            return Err(Refusal {
                allow: Some("POST"),
                ..Refusal::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "METHOD_NOT_ALLOWED",
                    "Only queries can be sent by GET; send mutations by POST",
                )
            });
        }
        run(&app, &parts, parameters, document).await
    });
    respond(&parts.headers, answer.await)
}

/// Gives up a request that takes too long, the reading of its body included. What it was writing is
/// rolled back.
async fn within_limit(
    app: &App,
    answer: impl Future<Output = Result<async_graphql::Response, Refusal>>,
) -> Result<async_graphql::Response, Refusal> {
    let limit = app.config().http.request_timeout;
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let message = format!("The request took longer than {} s and was given up", limit.as_secs());
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message))
    })
}

/// Any other method.
pub(super) async fn other_method(headers: HeaderMap) -> Response {
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "Send GraphQL requests by POST, or queries by GET",
    );
    respond(
        &headers,
        Err(Refusal {
            allow: Some("GET, POST"),
            ..refusal
        }),
    )
}

/// What a browser may send without asking first must not act: only JSON is taken.
fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if essence(content_type).eq_ignore_ascii_case(JSON) {
        return Ok(());
    }
    let message = format!("The content type '{content_type}' is not taken; send JSON as {JSON}");
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        message,
    ))
}

fn unreadable(rejection: &BytesRejection) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "LIMIT_EXCEEDED",
            "The body is larger than this server takes",
        ),
        _ => Refusal::bad_request("The body could not be read to its end"),
    }
}

fn from_url(query: &str) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters {
        query: None,
        operation_name: None,
        variables: None,
        _extensions: None,
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "query" => parameters.query = Some(value.into_owned()),
            "operationName" if !value.is_empty() => parameters.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => {
                parameters.variables = serde_json::from_str(&value)
                    .map_err(|error| Refusal::bad_request(format!("variables is not a JSON object: {error}")))?;
            }
            _ => {}
        }
    }
    Ok(parameters)
}

/// The document, if it can be read, keeps to the limits and has the variables it needs.
fn parse(app: &App, parameters: &Parameters) -> Result<ExecutableDocument, Refusal> {
    let limits = &app.config().graphql.limits;
    let text = parameters.query.as_deref().unwrap_or_default();
    if text.is_empty() {
        return Err(Refusal::bad_request(
            "query is missing; send the GraphQL document as a string",
        ));
    }
    limits::check_length(text, limits).map_err(too_much)?;
    let document = parser::parse_query(text).map_err(|error| {
        let mut error = ServerError::from(error);
        error.extensions = Some(extensions("GRAPHQL_PARSE_FAILED", None));
        Refusal {
            status: StatusCode::BAD_REQUEST,
            allow: None,
            error: Box::new(error),
        }
    })?;
    limits::check(&document, limits).map_err(too_much)?;
    variables::check(
        &document,
        parameters.operation_name.as_deref(),
        parameters.variables.as_ref(),
    )
    .map_err(|message| Refusal::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message))?;
    Ok(document)
}

fn too_much(excess: Excess) -> Refusal {
    match excess {
        Excess::Limit(message) => Refusal::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message),
        Excess::Cycle(message) => Refusal::new(StatusCode::BAD_REQUEST, "GRAPHQL_VALIDATION_FAILED", message),
    }
}

/// Whether the operation that would run is a query. One that cannot be found is left to execution.
fn is_query(document: &ExecutableDocument, name: Option<&str>) -> bool {
    document
        .operations
        .iter()
        .filter(|(candidate, _)| name.is_none() || candidate.map(async_graphql::Name::as_str) == name)
        .all(|(_, operation)| operation.node.ty == OperationType::Query)
}

/// Runs the operation.
async fn run(
    app: &App,
    parts: &Parts,
    parameters: Parameters,
    document: ExecutableDocument,
) -> Result<async_graphql::Response, Refusal> {
    let caller = Caller::of(parts, app).await.map_err(|error| {
        let error = async_graphql::Error::from(super::error::Failure::from(error));
        let error = ServerError {
            extensions: error.extensions,
            ..ServerError::new(error.message, None)
        };
        Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            allow: None,
            error: Box::new(error),
        }
    })?;
    let mut request = Request::new(parameters.query.unwrap_or_default())
        .variables(Variables::from_json(
            parameters.variables.map_or(Value::Null, Value::Object),
        ))
        .data(RequestContext::new(app.domain().clone(), caller));
    request.operation_name = parameters.operation_name;
    request.set_parsed_query(document);
    let mut response = app.schema().execute(request).await;
    // What the schema holds is told only where it may be asked for.
    if app.config().graphql.introspection && !began(&response) {
        for error in &mut response.errors {
            allowed::explain(&mut error.message);
        }
    }
    Ok(response)
}

/// The answer in the media type that the client takes.
fn respond(headers: &HeaderMap, answer: Result<async_graphql::Response, Refusal>) -> Response {
    let by_the_specification = accepts(headers, GRAPHQL_RESPONSE);
    let (mut status, allow, body) = match answer {
        Ok(response) => {
            let (status, body) = completed(response);
            (status, None, body)
        }
        Err(refusal) => {
            let body = Body {
                errors: vec![with_request_id(*refusal.error)],
                data: None,
            };
            (refusal.status, refusal.allow, body)
        }
    };
    // Older clients take any status but 200 for a broken connection and do not read the errors.
    if !by_the_specification && status == StatusCode::BAD_REQUEST && is_well_formed(&body) {
        status = StatusCode::OK;
    }
    let content_type = if by_the_specification { GRAPHQL_RESPONSE } else { JSON };
    let content_type = HeaderValue::from_str(&format!("{content_type}; charset=utf-8"));
    let mut response = (status, axum::Json(body)).into_response();
    if let Ok(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Some(allow) = allow {
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// Whether the request could be read as GraphQL, whatever is wrong with its document.
fn is_well_formed(body: &Body) -> bool {
    let extensions = body.errors.first().and_then(|error| error.extensions.as_ref());
    extensions.and_then(|extensions| extensions.get("code")) != Some(&async_graphql::Value::from("BAD_REQUEST"))
}

/// The body of an answer. Fields stand in it in the order in which they were asked for, as the
/// specification wants; a detour by way of [`Value`] would sort them.
#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<async_graphql::Value>,
}

/// Whether execution began: the document was valid.
fn began(response: &async_graphql::Response) -> bool {
    response.data != async_graphql::Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}

/// An executed operation has `data`, also when it is null; one that did not begin has none.
fn completed(response: async_graphql::Response) -> (StatusCode, Body) {
    let began = began(&response);
    let errors = response.errors.into_iter();
    let body = Body {
        errors: errors.map(|error| with_request_id(with_code(error, began))).collect(),
        data: began.then_some(response.data),
    };
    (if began { StatusCode::OK } else { StatusCode::BAD_REQUEST }, body)
}

/// Gives the library's own errors their code: before execution the document is not valid, during it
/// an argument is not.
fn with_code(mut error: ServerError, began: bool) -> ServerError {
    if error
        .extensions
        .as_ref()
        .is_none_or(|extensions| extensions.get("code").is_none())
    {
        let code = if began {
            "BAD_USER_INPUT"
        } else {
            "GRAPHQL_VALIDATION_FAILED"
        };
        error.extensions.get_or_insert_default().set("code", code);
    }
    error
}

fn with_request_id(mut error: ServerError) -> ServerError {
    error
        .extensions
        .get_or_insert_default()
        .set("requestId", request_id::current());
    error
}

/// Whether the client names this media type among those it takes, with a weight above zero.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(|range| !range.replace(' ', "").contains(";q=0,") && !range.replace(' ', "").ends_with(";q=0"))
        .any(|range| essence(range).eq_ignore_ascii_case(media_type))
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}
