//! Error responses of a dialect.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Exchange, Invalid, Pairs, lookup};
use crate::domain::error::ViolationKind;
use crate::http::request_id;
use crate::rest::error::{Problem, Subject};
use crate::rest::rate_limit::LIMIT;

impl Exchange {
    pub(super) fn failure_body(&self, problem: &Problem, headers: &HeaderMap) -> (StatusCode, Value) {
        let dialect = self.dialect;
        let is_malformed = matches!(problem.subject.as_deref(), Some(Subject::Malformed { .. }));
        let status = match lookup(dialect.error_statuses, &self.kind(problem)) {
            Some(status) => StatusCode::from_u16(status).unwrap_or(problem.status),
            None if is_malformed => StatusCode::UNPROCESSABLE_ENTITY,
            None => problem.status,
        };
        let message = self.message(problem);
        let mut body = json!(problem.envelope(&request_id::current()));
        body["detail"] = json!(message);
        body["error"]["message"] = json!(message);
        if let Some(code) = lookup(dialect.error_codes, &status.as_u16()).or(dialect.other_code)
            && problem.code != "INVALID_TRANSITION"
        {
            body["error"]["code"] = json!(code);
        }
        if dialect.has_details
            && let Some(details) = self.details(status, problem)
        {
            body["error"]["details"] = details;
        }
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            match dialect.invalid {
                Invalid::List => body["detail"] = self.violations(problem),
                Invalid::Beside(text) => {
                    body["errors"] = self.violations(problem);
                    body["detail"] = json!(text.unwrap_or(&message));
                }
            }
        }
        if let Some(texts) = dialect.error_texts {
            let limit = headers.get(LIMIT).and_then(|limit| limit.to_str().ok());
            self.set_text(texts, problem, limit.unwrap_or_default(), &mut body);
        }
        if dialect.error_texts.is_some() || status.is_server_error() {
            body["message"] = json!(message);
        }
        (status, body)
    }

    /// The name of an error in the table of statuses: its code, or a separate name if an API treats it differently.
    fn kind(&self, problem: &Problem) -> &'static str {
        if unknown_user(problem).is_some() {
            return "UNKNOWN_USER";
        }
        // A sign-in with the right password is forbidden only if the account is inactive.
        if problem.status == StatusCode::FORBIDDEN && self.path.starts_with("/auth/login") {
            return "INACTIVE";
        }
        problem.code
    }

    fn message(&self, problem: &Problem) -> String {
        match (self.dialect.taken, problem.faults()) {
            (Some(text), [fault, ..]) if problem.code == "TAKEN" => {
                let text = text.replace("{field}", &fault.field);
                text.replace("{Field}", &capitalised(&fault.field))
            }
            _ => problem.message.clone(),
        }
    }

    /// Details that name the invalid fields, the missing resource or the taken value; `None` for all others.
    fn details(&self, status: StatusCode, problem: &Problem) -> Option<Value> {
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            let items = self.violations(problem);
            let errors: Value = items.as_array().into_iter().flatten().map(named_by_path).collect();
            return Some(json!({ "errors": errors }));
        }
        if let Some(user) = unknown_user(problem) {
            return Some(json!({ "resource": "User", "identifier": user }));
        }
        if let Some((noun, value)) = absent(problem) {
            return Some(json!({ "resource": capitalised(noun), "identifier": number_or_text(value) }));
        }
        let fault = problem.faults().first()?;
        match &fault.kind {
            ViolationKind::Taken(value) => Some(json!({ fault.field.as_str(): value })),
            _ => None,
        }
    }

    /// Sets `error` to a string and adds the members that belong to it.
    fn set_text(&self, texts: Pairs, problem: &Problem, limit: &str, body: &mut Value) {
        let absent = absent(problem);
        let name = absent.map_or(problem.code.to_owned(), |(noun, _)| format!("{} {noun}", problem.code));
        let text = lookup(texts, &name.as_str()).or_else(|| problem.status.canonical_reason());
        body["error"] = json!(text.unwrap_or("Error").replace("{limit}", limit));
        let task = self.sent.path().split('/').skip_while(|part| *part != "tasks").nth(1);
        if let (Some(("task" | "tag", _)), Some(Ok(id))) = (absent, task.map(str::parse::<i32>)) {
            body["task_id"] = json!(id);
        }
        match (absent, problem.faults()) {
            (Some(("tag", tag)), _) => body["tag"] = json!(tag),
            (_, [fault, ..]) if problem.code == "TAKEN" => body["field"] = json!(fault.field),
            _ => {}
        }
    }
}

/// The missing resource: its noun, and its id or name.
fn absent(problem: &Problem) -> Option<(&str, &str)> {
    match problem.subject.as_deref() {
        Some(Subject::Absent { noun, value }) => Some((noun.as_str(), value.as_str())),
        _ => None,
    }
}

fn unknown_user(problem: &Problem) -> Option<i32> {
    problem.faults().iter().find_map(|fault| match fault.kind {
        ViolationKind::UnknownUser(user) => Some(user.0),
        _ => None,
    })
}

/// Returns `{"field": "body.title", "message", "type"}`.
fn named_by_path(item: &Value) -> Value {
    let parts = item["loc"].as_array().into_iter().flatten();
    let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    let field = parts.map(part).collect::<Vec<_>>().join(".");
    json!({ "field": field, "message": item["msg"], "type": item["type"] })
}

pub(super) fn number_or_text(text: &str) -> Value {
    text.parse::<i32>().map_or_else(|_| json!(text), Value::from)
}

fn capitalised(noun: &str) -> String {
    let mut characters = noun.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
