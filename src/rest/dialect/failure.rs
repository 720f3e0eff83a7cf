//! Error responses of a dialect.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::{Exchange, Invalid};
use crate::domain::error::ViolationKind;
use crate::http::request_id;
use crate::rest::error::{Fault, Problem, Subject};
use crate::rest::rate_limit::LIMIT;

impl Exchange {
    pub(super) fn failure_body(&self, problem: &Problem, headers: &HeaderMap) -> (StatusCode, Value) {
        let failures = &self.dialect.failures;
        let is_malformed = matches!(problem.subject.as_deref(), Some(Subject::Malformed { .. }));
        let code = match unknown_user(problem) {
            Some(_) => "UNKNOWN_USER",
            None => problem.code,
        };
        let other = failures.statuses.iter().find(|(name, _)| *name == code);
        let status = match other {
            Some((_, status)) => StatusCode::from_u16(*status).unwrap_or(problem.status),
            None if is_malformed => StatusCode::UNPROCESSABLE_ENTITY,
            None => problem.status,
        };
        let message = self.message(problem);
        let mut body = json!({
            "error": self.report(status, problem, &message),
            "detail": message,
            "request_id": request_id::current(),
        });
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            match failures.invalid {
                Invalid::List => body["detail"] = self.violations(problem),
                Invalid::Beside(text) => {
                    body["errors"] = self.violations(problem);
                    body["detail"] = json!(text.unwrap_or(&message));
                }
            }
        }
        if let (Some(texts), Value::Object(body)) = (failures.texts, &mut body) {
            let limit = headers.get(LIMIT).and_then(|limit| limit.to_str().ok());
            self.set_text(texts, problem, limit.unwrap_or_default(), body);
            body.insert("message".to_owned(), json!(message));
        }
        if status.is_server_error() {
            body["message"] = json!(message);
        }
        (status, body)
    }

    fn message(&self, problem: &Problem) -> String {
        match (self.dialect.failures.taken, problem.faults()) {
            (Some(text), [fault, ..]) if problem.code == "TAKEN" => {
                let text = text.replace("{field}", &fault.field);
                text.replace("{Field}", &capitalised(&fault.field))
            }
            _ => problem.message.clone(),
        }
    }

    fn report(&self, status: StatusCode, problem: &Problem, message: &str) -> Value {
        let failures = &self.dialect.failures;
        let named = failures.codes.iter().find(|(of, _)| *of == status.as_u16());
        let code = match named.map(|(_, code)| *code).or(failures.other_code) {
            Some(code) if problem.code != "INVALID_TRANSITION" => code,
            _ => problem.code,
        };
        let mut report = json!({ "code": code, "message": message, "request_id": request_id::current() });
        let details = if failures.has_details {
            self.details(status, problem)
        } else {
            problem.details.as_ref().map(|details| json!(details))
        };
        if let Some(details) = details {
            report["details"] = details;
        }
        if let Some(seconds) = problem.retry_after {
            report["retry_after"] = json!(seconds);
        }
        report
    }

    fn details(&self, status: StatusCode, problem: &Problem) -> Option<Value> {
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            let items = self.violations(problem);
            let errors: Value = items.as_array().into_iter().flatten().map(named_by_path).collect();
            return Some(json!({ "errors": errors }));
        }
        if let Some(user) = unknown_user(problem) {
            return Some(json!({ "resource": "User", "identifier": user }));
        }
        match (problem.subject.as_deref(), problem.faults()) {
            (Some(Subject::Absent { noun, value }), _) => {
                let number = value.parse::<i32>().ok();
                let identifier = number.map_or_else(|| json!(value), Value::from);
                Some(json!({ "resource": capitalised(noun), "identifier": identifier }))
            }
            (
                _,
                [
                    Fault {
                        field,
                        kind: ViolationKind::Taken(value),
                        ..
                    },
                    ..,
                ],
            ) => Some(json!({ field: value })),
            _ => problem.details.as_ref().map(|details| json!(details)),
        }
    }

    /// The list of errors, in the format of the framework of the older APIs.
    fn violations(&self, problem: &Problem) -> Value {
        match (problem.subject.as_deref(), problem.faults()) {
            (Some(Subject::Malformed { column }), _) => {
                let location = json!(["body", column.saturating_sub(1)]);
                json!([{ "type": "json_invalid", "loc": location, "msg": problem.message, "input": null }])
            }
            (_, []) => json!([{ "type": "value_error", "loc": ["body"], "msg": problem.message, "input": null }]),
            (_, faults) => faults.iter().map(|fault| self.violation(fault)).collect(),
        }
    }

    fn violation(&self, fault: &Fault) -> Value {
        let (kind, context) = match &fault.kind {
            ViolationKind::Missing => ("missing", None),
            ViolationKind::TooShort(min) => ("string_too_short", Some(json!({ "min_length": min }))),
            ViolationKind::TooLong(max) => ("string_too_long", Some(json!({ "max_length": max }))),
            ViolationKind::TooFew(min) => ("too_short", Some(json!({ "min_length": min }))),
            ViolationKind::TooSmall(min) => ("greater_than_equal", Some(json!({ "ge": min }))),
            ViolationKind::TooLarge(max) => ("less_than_equal", Some(json!({ "le": max }))),
            ViolationKind::NotOneOf => ("enum", None),
            ViolationKind::NotBoolean => ("bool_parsing", None),
            ViolationKind::NotInteger => ("int_parsing", None),
            ViolationKind::NotList => ("list_type", None),
            ViolationKind::Other | ViolationKind::Taken(_) | ViolationKind::UnknownUser(_) => ("value_error", None),
        };
        let message = if kind == "missing" {
            "Field required"
        } else {
            &fault.message
        };
        let mut item = json!({ "type": kind, "loc": self.location(&fault.field), "msg": message, "input": null });
        if let Some(context) = context {
            item["ctx"] = context;
        }
        item
    }

    /// `path`, `query` or `body`, then the field.
    fn location(&self, field: &str) -> Value {
        let operation = self.takes();
        let whole = if self.path.contains(&format!("{{{field}}}")) {
            "path"
        } else if operation.is_some_and(|operation| operation.parameters.iter().any(|name| name == field)) {
            "query"
        } else {
            "body"
        };
        let parts = field
            .split(['.', '[', ']'])
            .filter(|part| !part.is_empty() && *part != whole);
        let parts = parts.map(|part| part.parse::<u32>().map_or_else(|_| json!(part), Value::from));
        [json!(whole)].into_iter().chain(parts).collect()
    }

    /// Sets `error` to a string and adds the members that belong to it.
    fn set_text(&self, texts: &[(&str, &str)], problem: &Problem, limit: &str, body: &mut Map<String, Value>) {
        let absent = match problem.subject.as_deref() {
            Some(Subject::Absent { noun, value }) => Some((*noun, value)),
            _ => None,
        };
        let name = absent.map_or(problem.code.to_owned(), |(noun, _)| format!("{} {noun}", problem.code));
        let text = texts.iter().find(|(code, _)| *code == name).map(|(_, text)| *text);
        let text = text.or_else(|| problem.status.canonical_reason()).unwrap_or("Error");
        body.insert("error".to_owned(), json!(text.replace("{limit}", limit)));
        let task = self.sent.split('/').skip_while(|part| *part != "tasks").nth(1);
        if let (Some(("task" | "tag", _)), Some(id)) = (absent, task.and_then(|id| id.parse::<i32>().ok())) {
            body.insert("task_id".to_owned(), json!(id));
        }
        match (absent, problem.faults()) {
            (Some(("tag", tag)), _) => drop(body.insert("tag".to_owned(), json!(tag))),
            (_, [fault, ..]) if problem.code == "TAKEN" => drop(body.insert("field".to_owned(), json!(fault.field))),
            _ => {}
        }
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

fn capitalised(noun: &str) -> String {
    let mut characters = noun.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
