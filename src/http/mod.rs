//! What both faces stand on: the router, the order of the middleware, and what concerns every request.
//!
//! | module | what lives there |
//! |---|---|
//! | [`caller`] | who sends a request, and from where |
//! | `encoding` | content codings of bodies, the text of URLs and forms |
//! | [`health`] | liveness, readiness, health |
//! | `idempotency` | writes that are safe to repeat |
//! | [`rate_limit`] | how much a client may do within a minute |
//! | `page` | pages from the binary, and the files they load |
//! | `ide` | `GraphiQL` and Playground |
//! | `json` | bodies in JSON |
//! | `docs` | Swagger UI, ReDoc and the OpenAPI document |
//! | [`request_id`] | the id that every request and every answer bears |
//! | `root_path` | serving under a path of a reverse proxy |
//! | [`access_log`] | one line a request |
//! | `source` | the bodies of forms with files |
//! | `traffic`, `monitor` | what is counted of requests, and who is told |
//! | [`server`] | listening, and stopping without cutting anybody off |
//! | `connection` | one connection: its deadlines, and how many there may be |
//! | [`open_files`] | how many files the process may open |

pub mod access_log;
pub(crate) mod body;
pub mod caller;
pub(crate) mod connection;
pub(crate) mod encoding;
pub(crate) mod idempotency;
pub(crate) mod json;
pub mod open_files;
pub mod request_id;
mod request_metrics;
mod root_path;
pub mod server;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

pub(crate) use super::pages::editor::graphiql as ide_page;

use crate::app::App;
use crate::config::{CorsOrigins, HttpConfig};
use crate::{graphql, rest};

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: std::time::Duration = std::time::Duration::from_hours(1);

/// Every route.
pub fn router(app: &App) -> Router {
    let rest = Router::new()
        .merge(rest::router(app))
        .merge(crate::ops::health::router())
        .merge(crate::pages::api_docs::routes())
        .fallback(rest::unknown_path)
        .layer(from_fn_with_state(app.clone(), rest::translate));
    let mut router = rest.merge(graphql::router(app));
    if app.config().graphql.ide {
        router = router.merge(crate::pages::editor::routes());
    }
    root_path::serve(with_middleware(router, app), &app.config().http)
}

/// Routes behind what concerns every request. A request passes the layers in this order.
pub fn with_middleware(routes: Router<App>, app: &App) -> Router {
    let config = &app.config().http;
    let [sniffing, framing, referring, content] = SECURITY_HEADERS
        .map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    // One stack, because the router boxes and clones what each call of `layer` adds anew for every request.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), observe))
        .layer(sniffing)
        .layer(framing)
        .layer(referring)
        .layer(content)
        .layer(CatchPanicLayer::custom(rest::panicked))
        .layer(cors(config))
        .layer(DefaultBodyLimit::max(config.body_limit));
    routes.layer(layers).with_state(app.clone())
}

/// Gives a request its id, and logs it.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = request_id::assign(request, |request| access_log::log(&app, request, next)).await;
    // A proxy would keep a connection of a server that stops, and meet its end with the next request.
    if app.is_stopping() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
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
