//! Errors on their way out.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Exchange, Invalid};
use crate::http::request_id;
use crate::rest::error::Refusal;

/// What malformed JSON is told; the older APIs take it for an invalid body.
const MALFORMED: &str = "The body is not valid JSON";

/// The kind of a violation, by what its message says. The first that occurs counts.
const KINDS: [(&str, &str); 13] = [
    ("missing", "missing"),
    ("leaves out", "missing"),
    ("give username or email", "missing"),
    (MALFORMED, "json_invalid"),
    ("use one of", "enum"),
    ("use true or false", "bool_parsing"),
    ("expected a boolean", "bool_parsing"),
    ("is not a whole number", "int_parsing"),
    ("expected i32", "int_parsing"),
    ("expected a sequence", "list_type"),
    ("task_ids is empty", "too_short"),
    ("is empty", "string_too_short"),
    ("characters long", "string_too_long"),
];

impl Exchange {
    /// The status and the body of an error.
    pub(super) fn failure_body(&self, refusal: &Refusal) -> (StatusCode, Value) {
        let failures = &self.dialect.failures;
        let is_malformed = refusal.message.starts_with(MALFORMED);
        let is_unknown_user = refusal.message.contains("there is no active user");
        let code = if is_unknown_user { "UNKNOWN_USER" } else { refusal.code };
        let other = failures.statuses.iter().find(|(name, _)| *name == code);
        let status = match other {
            Some((_, status)) => StatusCode::from_u16(*status).unwrap_or(refusal.status),
            None if is_malformed => StatusCode::UNPROCESSABLE_ENTITY,
            None => refusal.status,
        };
        let message = self.message(refusal);
        let mut body = json!({
            "error": self.report(status, refusal, &message),
            "detail": message,
            "request_id": request_id::current(),
        });
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            match failures.invalid {
                Invalid::List => body["detail"] = self.violations(refusal),
                Invalid::Beside(text) => {
                    body["errors"] = self.violations(refusal);
                    body["detail"] = json!(text.unwrap_or(&message));
                }
            }
        }
        if let Some(texts) = failures.texts {
            self.set_text(texts, refusal, &message, &mut body);
        }
        if status.is_server_error() {
            body["message"] = json!(message);
        }
        (status, body)
    }

    fn message(&self, refusal: &Refusal) -> String {
        match self.dialect.failures.taken {
            Some(text) if refusal.code == "TAKEN" => {
                let field = refusal.field().unwrap_or_default();
                text.replace("{field}", field).replace("{Field}", &capitalised(field))
            }
            _ => refusal.message.clone(),
        }
    }

    /// `error` as an object.
    fn report(&self, status: StatusCode, refusal: &Refusal, message: &str) -> Value {
        let failures = &self.dialect.failures;
        let named = failures.codes.iter().find(|(of, _)| *of == status.as_u16());
        let code = match named.map(|(_, code)| *code).or(failures.other_code) {
            Some(code) if refusal.code != "INVALID_TRANSITION" => code,
            _ => refusal.code,
        };
        let mut report = json!({ "code": code, "message": message, "request_id": request_id::current() });
        let details = if failures.has_details {
            self.details(status, refusal)
        } else {
            refusal.details.clone()
        };
        if let Some(details) = details {
            report["details"] = details;
        }
        if let Some(seconds) = refusal.retry_after {
            report["retry_after"] = json!(seconds);
        }
        report
    }

    /// What a program may want to know: what was not found, what is taken, what is invalid.
    fn details(&self, status: StatusCode, refusal: &Refusal) -> Option<Value> {
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            let items = self.violations(refusal);
            let errors: Value = items.as_array().into_iter().flatten().map(named_by_path).collect();
            return Some(json!({ "errors": errors }));
        }
        match (refusal.code, &refusal.subject) {
            ("NOT_FOUND", Some(found)) => {
                let number = found.value.parse::<i32>().ok();
                let identifier = number.map_or_else(|| json!(found.value), Value::from);
                Some(json!({ "resource": capitalised(found.noun), "identifier": identifier }))
            }
            (_, _) if status == StatusCode::NOT_FOUND => {
                let user = refusal.message.rsplit(' ').next().unwrap_or_default();
                let user = user.parse::<i32>().ok()?;
                Some(json!({ "resource": "User", "identifier": user }))
            }
            ("TAKEN", _) => {
                let value = refusal.message.split('\'').nth(1)?;
                Some(json!({ refusal.field()?: value }))
            }
            _ => refusal.details.clone(),
        }
    }

    /// The list of the framework that the older APIs were written with.
    fn violations(&self, refusal: &Refusal) -> Value {
        let details = refusal.details.as_ref().and_then(Value::as_array);
        match details {
            Some(details) => details
                .iter()
                .map(|detail| self.violation(&detail["field"], &detail["message"]))
                .collect(),
            None => json!([self.violation(&json!("body"), &json!(refusal.message))]),
        }
    }

    fn violation(&self, field: &Value, message: &Value) -> Value {
        let (field, text) = (field.as_str().unwrap_or_default(), message.as_str().unwrap_or_default());
        let kind = KINDS.iter().find(|(part, _)| text.contains(part));
        let kind = kind.map_or("value_error", |(_, kind)| kind);
        let (kind, context) = match bound(text) {
            Some((given, least, most)) if kind != "enum" => {
                let is_text = text.contains("characters");
                match (given < least, is_text) {
                    (true, true) => ("string_too_short", Some(json!({ "min_length": least }))),
                    (false, true) => ("string_too_long", Some(json!({ "max_length": most }))),
                    (true, false) => ("greater_than_equal", Some(json!({ "ge": least }))),
                    (false, false) => ("less_than_equal", Some(json!({ "le": most }))),
                }
            }
            _ => (kind, None),
        };
        let message = if kind == "missing" { "Field required" } else { text };
        let mut item = json!({ "type": kind, "loc": self.place(field, text), "msg": message, "input": null });
        if let Some(context) = context {
            item["ctx"] = context;
        }
        item
    }

    /// Where the value was: in the path, the query or the body.
    fn place(&self, field: &str, message: &str) -> Value {
        if message.starts_with(MALFORMED) {
            let offset = message.rsplit(' ').next().and_then(|column| column.parse::<u32>().ok());
            return json!(["body", offset.unwrap_or(1).saturating_sub(1)]);
        }
        let is_parameter = |name: &String| name == field;
        let queried = self
            .operation()
            .is_some_and(|operation| operation.parameters.iter().any(is_parameter));
        let whole = if self.path.contains(&format!("{{{field}}}")) {
            "path"
        } else if queried {
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

    /// Makes `error` a text, with the members that belong to it.
    fn set_text(&self, texts: &[(&str, &str)], refusal: &Refusal, message: &str, body: &mut Value) {
        let noun = refusal.subject.as_ref().map(|subject| subject.noun);
        let name = noun.map_or(refusal.code.to_owned(), |noun| format!("{} {noun}", refusal.code));
        let text = texts.iter().find(|(code, _)| *code == name).map(|(_, text)| *text);
        let text = text.or_else(|| refusal.status.canonical_reason()).unwrap_or("Error");
        let limit = message
            .split(' ')
            .find_map(|word| word.parse::<u32>().ok())
            .unwrap_or_default();
        let mut members = Map::from_iter([
            ("error".to_owned(), json!(text.replace("{limit}", &limit.to_string()))),
            ("message".to_owned(), json!(message)),
        ]);
        let task = self.sent.split('/').skip_while(|part| *part != "tasks").nth(1);
        if let (Some("task" | "tag"), Some(id)) = (noun, task.and_then(|id| id.parse::<i32>().ok())) {
            members.insert("task_id".to_owned(), json!(id));
        }
        match (noun, &refusal.subject, refusal.field()) {
            (Some("tag"), Some(tag), _) => drop(members.insert("tag".to_owned(), json!(tag.value))),
            (_, _, Some(field)) if refusal.code == "TAKEN" => drop(members.insert("field".to_owned(), json!(field))),
            _ => {}
        }
        if let Value::Object(body) = body {
            body.append(&mut members);
        }
    }
}

/// `{"field": "body.title", "message", "type"}`.
fn named_by_path(item: &Value) -> Value {
    let parts = item["loc"].as_array().into_iter().flatten();
    let parts: Vec<String> = parts
        .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
        .collect();
    json!({ "field": parts.join("."), "message": item["msg"], "type": item["type"] })
}

fn capitalised(noun: &str) -> String {
    let mut characters = noun.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// The number that is out of bounds, and the bounds, of a message such as "limit is 101; 1 to 100 are allowed".
fn bound(message: &str) -> Option<(i64, i64, i64)> {
    let (given, allowed) = message.split_once(';')?;
    let given = given.split(' ').find_map(|word| word.parse().ok())?;
    let (least, most) = match allowed.trim().split_once(" to ") {
        Some((least, rest)) => (least.parse().ok()?, first_number(rest)?),
        None => (0, first_number(allowed.trim().strip_prefix("up to ")?)?),
    };
    Some((given, least, most))
}

fn first_number(text: &str) -> Option<i64> {
    text.split(' ').next()?.parse().ok()
}
