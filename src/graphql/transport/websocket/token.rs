//! The access token in the first message of a connection. Clients use various names for it.

use serde_json::{Map, Value};

/// The token without its scheme; `None` if it is missing or empty. A value that is not a string is an invalid token.
pub(super) fn find(payload: &Map<String, Value>) -> Option<&str> {
    let direct = ["Authorization", "authorization", "authToken", "token"];
    let direct = direct.iter().filter_map(|name| payload.get(*name));
    let headers = payload.get("headers").and_then(Value::as_object);
    let in_headers = headers.into_iter().flatten();
    let in_headers = in_headers.filter_map(|(name, value)| name.eq_ignore_ascii_case("authorization").then_some(value));
    direct.chain(in_headers).find_map(token)
}

fn token(value: &Value) -> Option<&str> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.trim(),
        // An invalid token must not count as absent.
        _ => return Some(""),
    };
    let token = match text.split_at_checked("bearer".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => text,
    };
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_found_under_every_name_with_or_without_its_scheme() {
        for payload in [
            json!({ "Authorization": "Bearer abc" }),
            json!({ "authorization": "abc" }),
            json!({ "authToken": "abc" }),
            json!({ "token": "bearer abc " }),
            json!({ "headers": { "Authorization": "Bearer abc" } }),
            json!({ "headers": { "AUTHORIZATION": "abc" } }),
            json!({ "Authorization": "", "token": "abc" }),
        ] {
            assert_eq!(find(payload.as_object().unwrap()), Some("abc"), "{payload}");
        }
    }

    #[test]
    fn an_empty_token_is_absent_and_a_value_that_is_no_string_is_invalid() {
        for payload in [
            json!({}),
            json!({ "Authorization": "" }),
            json!({ "Authorization": "Bearer " }),
            json!({ "token": null }),
            json!({ "headers": "abc" }),
        ] {
            assert_eq!(find(payload.as_object().unwrap()), None, "{payload}");
        }
        for payload in [json!({ "token": 5 }), json!({ "Authorization": ["abc"] })] {
            assert_eq!(find(payload.as_object().unwrap()), Some(""), "{payload}");
        }
        let basic = json!({ "Authorization": "Basic abc" });
        assert_eq!(find(basic.as_object().unwrap()), Some("Basic abc"));
    }
}
