//! JSON bodies.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Initial capacity, so that bodies of the usual size need few reallocations.
pub(crate) const FIRST_BYTES: usize = 4_096;

/// Like the `Json` of axum, but serialized to a plain `Vec`: with axum's buffers, a list of fifty tasks takes twice as
/// long.
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
                tracing::error!("a response could not be written as JSON: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Maximum nesting of JSON from clients. Valid requests need less than half of it.
const MAX_NESTING: usize = 64;
/// Maximum number of values in JSON from clients: parsed, each takes 16 times the memory of its shortest text.
const MAX_VALUES: usize = 20_000;

/// Fails with what the JSON is, and what is allowed.
///
/// Must be called before parsing: the parser recurses, does not count levels in members that it skips or keeps as text,
/// and allocates for each value.
pub(crate) fn check_bounds(json: &[u8]) -> Result<(), String> {
    let (mut depth, mut deepest, mut values) = (0_usize, 0, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
                // Its first value has no comma.
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    if deepest > MAX_NESTING {
        Err(format!("nested {deepest} levels deep; up to {MAX_NESTING} are allowed"))
    } else if values > MAX_VALUES {
        Err(format!(
            "too large: it has more than {MAX_VALUES} values; up to {MAX_VALUES} are allowed"
        ))
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
        let check = |json: &str| check_bounds(json.as_bytes());
        let too_deep = || Err("nested 65 levels deep; up to 64 are allowed".to_owned());
        assert_eq!(check(&format!("{}{}", "[".repeat(64), "]".repeat(64))), Ok(()));
        assert_eq!(check(&"[]{}".repeat(1_000)), Ok(()));
        assert_eq!(
            check(&format!(r#"["{}", "\\\"{}"]"#, "[".repeat(65), "{".repeat(65))),
            Ok(())
        );
        assert_eq!(check(&format!(r#"["\\", {}"#, "[".repeat(64))), too_deep());
        assert_eq!(check(&format!("]]]{}", r#"{"a":"#.repeat(65))), too_deep());
    }

    #[test]
    fn values_are_counted_and_not_the_commas_in_strings() {
        let list = |values: usize| format!("[0{}]", ",0".repeat(values - 1));
        let too_many = || Err("too large: it has more than 20000 values; up to 20000 are allowed".to_owned());
        assert_eq!(check_bounds(list(20_000).as_bytes()), Ok(()));
        assert_eq!(check_bounds(list(20_001).as_bytes()), too_many());
        assert_eq!(check_bounds(format!("\"{}\"", ",".repeat(50_000)).as_bytes()), Ok(()));
        // The only value in each of these objects has no comma.
        let objects = format!("[{}0]", r#"{"":{"":0}},"#.repeat(7_000));
        assert_eq!(check_bounds(objects.as_bytes()), too_many());
    }
}
