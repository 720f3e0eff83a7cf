//! A response of the server, with short accessors.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// The body; null if it is not JSON.
    pub body: Value,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status: parts.status,
            headers: parts.headers,
            text,
            body,
        }
    }

    /// Empty if there is no such header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value at a JSON pointer.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        self.body
            .pointer(pointer)
            .unwrap_or_else(|| panic!("nothing at {pointer} in {} {}", self.status, self.text))
    }

    /// `data` of a GraphQL answer without errors.
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert!(self.body.get("errors").is_none(), "{}", self.text);
        self.at("/data")
    }

    /// The code of the first top-level error of a GraphQL answer.
    #[track_caller]
    pub fn error_code(&self) -> &str {
        self.at("/errors/0/extensions/code").as_str().unwrap()
    }

    /// The message of the first top-level error of a GraphQL answer.
    #[track_caller]
    pub fn error_message(&self) -> &str {
        self.at("/errors/0/message").as_str().unwrap()
    }

    /// The first user error of a mutation: code, path and message.
    #[track_caller]
    pub fn user_error(&self, mutation: &str) -> (String, String, String) {
        let error = &self.data()[mutation]["userErrors"][0];
        let path: Vec<&str> = error["field"]
            .as_array()
            .map(|path| path.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let text = |name: &str| {
            error[name]
                .as_str()
                .unwrap_or_else(|| panic!("no user error in {}", self.text))
                .to_owned()
        };
        (text("code"), path.join("."), text("message"))
    }

    /// The error of a REST response: status, code and field of the first detail, empty if it has none. Checks the
    /// envelope too.
    #[track_caller]
    pub fn problem(&self) -> (u16, &str, &str) {
        let error = self.at("/error");
        assert_eq!(self.at("/detail"), &error["message"], "{}", self.text);
        assert_eq!(error["request_id"], self.header("x-request-id"), "{}", self.text);
        let field = error["details"][0]["field"].as_str().unwrap_or_default();
        (self.status.as_u16(), error["code"].as_str().unwrap(), field)
    }

    /// The message of a REST error.
    #[track_caller]
    pub fn detail(&self) -> &str {
        self.at("/detail").as_str().unwrap()
    }
}
