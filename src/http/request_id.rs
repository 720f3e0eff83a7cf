//! The id that every request and every answer bears. A sane one that came with the request is kept,
//! so that one id follows a request through several services.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::domain::random::{Randomness as _, SystemRandomness};
pub use crate::telemetry::context::{keep, request_id as current, within};

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id that is kept.
const MAX_LENGTH: usize = 128;
/// Random bytes of an id that is made here.
const BYTES: usize = 16;

/// The id of a request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives the request its id, and the answer the same.
pub(crate) async fn assign<A: Future<Output = Response>>(
    mut request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let id = request.headers().get(HEADER).and_then(sane).unwrap_or_else(make);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = within(id.clone(), answer(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn sane(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (!id.is_empty() && id.len() <= MAX_LENGTH && id.chars().all(allowed)).then(|| id.to_owned())
}

/// A new id.
pub(super) fn make() -> String {
    let mut bytes = [0; BYTES];
    SystemRandomness.fill(&mut bytes);
    hex::encode(bytes)
}
