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

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// Every route.
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
    root_path::serve(with_middleware(router, state), &state.config().http)
}

/// Routes behind what concerns every request. A request passes the layers in this order.
pub fn with_middleware(routes: Router<AppState>, state: &AppState) -> Router {
    let config = &state.config().http;
    let [sniffing, framing, referring, content] = SECURITY_HEADERS
        .map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    // One stack, because the router boxes and clones what each call of `layer` adds anew for every request.
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

/// Gives a request its id, and logs it.
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = request_id::assign(request, |request| access_log::log(&state, request, next)).await;
    // A proxy would keep a connection of a server that stops, and meet its end with the next request.
    if state.is_stopping() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// What every answer tells a browser. Pages set a content policy of their own.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Which pages of other origins may call us. Tokens travel in a header, never in a cookie, so no
/// page can act with somebody's rights unless it was given the token.
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
        // Not a star: that would leave out Authorization. `X-Rest-Dialect` is among them.
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
