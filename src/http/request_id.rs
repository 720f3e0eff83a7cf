//! Request ids. A valid id of a request is kept, so that one id follows it through several services.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::domain::random::{ThreadRandomness, hexadecimal};
pub use crate::telemetry::context::{keep, request_id as current, within};

/// The header of requests and responses.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// In characters.
const MAX_LENGTH: usize = 128;
/// Random bytes of a new id.
const BYTES: usize = 16;

pub(crate) async fn assign<A: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let id = request.headers().get(HEADER).and_then(valid).unwrap_or_else(make);
    let mut response = within(id.clone(), answer(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn valid(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (!id.is_empty() && id.len() <= MAX_LENGTH && id.chars().all(allowed)).then(|| id.to_owned())
}

pub(super) fn make() -> String {
    hexadecimal(&ThreadRandomness, BYTES)
}
