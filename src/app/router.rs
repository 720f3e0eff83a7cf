//! Every route of the server, and the order of the middleware.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::config::{CorsOrigins, HttpConfig};
use crate::graphql::GraphqlState;
use crate::http::{access_log, idempotency, request_id, root_path};
use crate::state::AppState;
use crate::{graphql, ops, pages, rest};

/// How long a browser may cache the response to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

pub(super) fn router(state: &AppState, graphql: GraphqlState) -> Router {
    let rest = Router::new()
        .merge(rest::router(state))
        .merge(ops::router(&rest::PREFIXES))
        .merge(pages::api_docs::routes())
        .fallback(rest::unknown_path)
        .layer(from_fn_with_state(state.clone(), rest::translate));
    let mut router = rest.merge(graphql::router(graphql));
    if state.config().graphql.ide {
        router = router.merge(pages::editor::routes());
    }
    root_path::serve(with_middleware(router, state), &state.config().http, rest::PREFIXES[0])
}

/// Adds the middleware of all requests, in the order in which a request passes it.
pub fn with_middleware(routes: Router<AppState>, state: &AppState) -> Router {
    let config = &state.config().http;
    let [sniffing, framing, referring, content] = SECURITY_HEADERS
        .map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    // One stack: the router boxes and clones every separate `layer` for each request.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(state.clone(), observe))
        .layer(sniffing)
        .layer(framing)
        .layer(referring)
        .layer(content)
        .layer(CatchPanicLayer::custom(rest::panicked))
        .layer(cors(config))
        .layer(DefaultBodyLimit::max(config.body_limit));
    routes.layer(layers).with_state(state.clone())
}

/// Assigns the request id and logs the request.
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = request_id::assign(request, |request| access_log::log(&state, request, next)).await;
    // Otherwise a proxy would send its next request on a connection that is about to close.
    if state.is_stopping() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Default headers of all responses. Pages set another content policy.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Access tokens are in a header, never in a cookie, so a page of another origin cannot act for a user.
fn cors(config: &HttpConfig) -> CorsLayer {
    let origins = match &config.cors_origins {
        CorsOrigins::Any => AllowOrigin::from(Any),
        CorsOrigins::List(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        }
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // Not `*`, which does not include Authorization. `X-Rest-Dialect` is included.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            request_id::HEADER,
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            rest::CACHE,
            rest::LIMIT,
            rest::PROCESS_TIME,
            rest::REMAINING,
            rest::RESET,
            idempotency::REPLAYED,
        ])
        .max_age(PREFLIGHT_MAX_AGE)
}
