//! Bodies in JSON.

use std::fmt;

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

/// The most levels of lists and objects in JSON from clients. Valid requests need less than half of it.
const MAX_NESTING: usize = 64;

/// JSON with more levels of lists and objects than [`MAX_NESTING`]: their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooDeep(usize);

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nested {} levels deep; up to {MAX_NESTING} are allowed", self.0)
    }
}

/// Fails if JSON is nested too deeply. To be called before parsing: the parser recurses, and does not count levels in
/// members that it skips or keeps as text.
pub(crate) fn check_nesting(json: &[u8]) -> Result<(), TooDeep> {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if deepest > MAX_NESTING {
        Err(TooDeep(deepest))
    } else {
        Ok(())
    }
}

/// Advances past the closing quote of a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_where_lists_and_objects_begin_and_not_in_strings() {
        let check = |json: &str| check_nesting(json.as_bytes());
        assert_eq!(check(&format!("{}{}", "[".repeat(64), "]".repeat(64))), Ok(()));
        assert_eq!(check(&"[]{}".repeat(1_000)), Ok(()));
        assert_eq!(
            check(&format!(r#"["{}", "\\\"{}"]"#, "[".repeat(65), "{".repeat(65))),
            Ok(())
        );
        assert_eq!(check(&format!(r#"["\\", {}"#, "[".repeat(64))), Err(TooDeep(65)));
        assert_eq!(check(&format!("]]]{}", r#"{"a":"#.repeat(65))), Err(TooDeep(65)));
        assert_eq!(TooDeep(65).to_string(), "nested 65 levels deep; up to 64 are allowed");
    }
}
