//! Bodies in JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Room for bodies of the usual size, so that what is written is moved seldom.
pub(crate) const FIRST_BYTES: usize = 4_096;

/// A value as a body in JSON: what axum has under this name, but written to plain memory. Into its buffers a list of
/// fifty tasks takes twice as long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(FIRST_BYTES);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => {
                let content_type = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, content_type)], body).into_response()
            }
            Err(error) => {
                tracing::error!("an answer could not be written as JSON: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
