//! The list of errors of a 422 response, in the format of the framework of the older APIs.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::failure::number_or_text;
use super::request::{BULK_UPDATE, UPDATES};
use super::{Exchange, lookup};
use crate::domain::error::ViolationKind;
use crate::rest::error::{Fault, Problem, Subject};
use crate::rest::value::allowed_names;

/// In bytes. Each error may repeat the body, so larger bodies are not repeated.
const MAX_REPEATED: usize = 64 * 1024;

/// A value is not repeated if its name contains one of these.
const SECRET: [&str; 3] = ["password", "secret", "token"];

impl Exchange {
    pub(super) fn violations(&self, problem: &Problem) -> Value {
        match (problem.subject.as_deref(), problem.faults()) {
            (Some(Subject::Malformed { offset }), _) => {
                json!([{ "type": "json_invalid", "loc": ["body", offset], "msg": problem.message, "input": {} }])
            }
            (_, []) => json!([{ "type": "value_error", "loc": ["body"], "msg": problem.message, "input": null }]),
            (_, faults) => {
                let body = self.body_to_repeat();
                let absent = self.absent_fields(faults, &body);
                if absent.is_empty() {
                    faults.iter().map(|fault| self.violation(fault, &body)).collect()
                } else {
                    absent.iter().map(|field| self.missing_field(field, &body)).collect()
                }
            }
        }
    }

    /// Null if there is no JSON body.
    fn body_to_repeat(&self) -> Value {
        let bytes = self.sent_body.get().filter(|bytes| bytes.len() <= MAX_REPEATED);
        let mut body = bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        hide_secrets(&mut body);
        body
    }

    /// All required fields that the body does not have, if one of them was refused as missing.
    fn absent_fields(&self, faults: &[Fault], body: &Value) -> Vec<&str> {
        let (Some(body), true) = (body.as_object(), faults.iter().all(is_missing)) else {
            return Vec::new();
        };
        let required: Vec<&str> = if let Some(names) = lookup(self.dialect.required_fields, &self.operation.as_str()) {
            names.split(' ').collect()
        } else {
            let fields = self.takes().into_iter().flat_map(|operation| &operation.required);
            fields.map(String::as_str).collect()
        };
        required.into_iter().filter(|name| !body.contains_key(*name)).collect()
    }

    fn violation(&self, fault: &Fault, body: &Value) -> Value {
        let (kind, context) = match &fault.kind {
            ViolationKind::Missing => return self.missing_field(&fault.field, body),
            ViolationKind::TooShort(min) => ("string_too_short", json!({ "min_length": min })),
            ViolationKind::TooLong(max) => ("string_too_long", json!({ "max_length": max })),
            ViolationKind::TooFew(min) => ("too_short", json!({ "min_length": min })),
            ViolationKind::TooSmall(min) => ("greater_than_equal", json!({ "ge": min })),
            ViolationKind::TooLarge(max) => ("less_than_equal", json!({ "le": max })),
            ViolationKind::NotOneOf => ("enum", json!({ "expected": self.expected(&fault.message) })),
            ViolationKind::NotDate if self.dialect.is_due_by_day => {
                ("date_from_datetime_parsing", json!({ "error": fault.message }))
            }
            ViolationKind::NotDate => ("datetime_from_date_parsing", json!({ "error": fault.message })),
            ViolationKind::NotBoolean => ("bool_parsing", Value::Null),
            ViolationKind::NotInteger => ("int_parsing", Value::Null),
            ViolationKind::NotList => ("list_type", Value::Null),
            ViolationKind::Other | ViolationKind::Taken(_) | ViolationKind::UnknownUser(_) => {
                ("value_error", Value::Null)
            }
        };
        let location = self.location(&fault.field, body);
        let input = self.input(&location, body);
        let mut item = json!({ "type": kind, "loc": location, "msg": fault.message, "input": input });
        if !context.is_null() {
            item["ctx"] = context;
        }
        item
    }

    /// Its input is the object without the field.
    fn missing_field(&self, field: &str, body: &Value) -> Value {
        let location = self.location(field, body);
        let object = location.split_last().map_or(&[][..], |(_, object)| object);
        let input = self.input(object, body);
        json!({ "type": "missing", "loc": location, "msg": "Field required", "input": input })
    }

    /// The allowed names, with those of the dialect: `'low', 'medium' or 'high'`.
    fn expected(&self, message: &str) -> String {
        let names = allowed_names(message).map(|name| {
            let shown = lookup(self.dialect.statuses, &name).unwrap_or(name);
            format!("'{shown}'")
        });
        match names.collect::<Vec<_>>().as_slice() {
            [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            names => names.concat(),
        }
    }

    /// `path`, `query` or `body`, then the field.
    fn location(&self, field: &str, body: &Value) -> Vec<Value> {
        let is_parameter = |name: &String| name == field;
        let whole = if self.path.contains(&placeholder(field)) {
            "path"
        } else if self
            .takes()
            .is_some_and(|operation| operation.parameters.iter().any(is_parameter))
        {
            "query"
        } else {
            "body"
        };
        let parts = field.split(['.', '[', ']']);
        let parts = parts.filter(|part| !part.is_empty() && *part != whole);
        let outer = [whole].into_iter().chain(self.bulk_member(field, body));
        outer.map(Value::from).chain(parts.map(number_or_text)).collect()
    }

    /// The member of a bulk change with this field.
    fn bulk_member(&self, field: &str, body: &Value) -> Option<&'static str> {
        let is_inside = self.operation == BULK_UPDATE && body.get(field).is_none();
        let mut members = UPDATES.into_iter();
        members.find(|member| is_inside && body[*member].get(field).is_some())
    }

    /// What the client sent at this location; null if there is nothing.
    fn input(&self, location: &[Value], body: &Value) -> Value {
        match location {
            [whole, parts @ ..] if whole == "body" => value_at(body, parts).cloned().unwrap_or_default(),
            [whole, Value::String(name)] if whole == "query" => json!(self.query_text(name)),
            [whole, Value::String(name)] if whole == "path" => json!(self.path_text(name)),
            _ => Value::Null,
        }
    }

    fn query_text(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.sent.query()?.as_bytes());
        let (_, text) = pairs.find(|(given, _)| given == name && !is_secret(name))?;
        Some(text.into_owned())
    }

    /// Compares from the end, because the route has no prefix.
    fn path_text(&self, name: &str) -> Option<String> {
        let sent = self.sent.path();
        let sent = sent.strip_suffix('/').unwrap_or(sent);
        let mut parts = self.path.rsplit('/').zip(sent.rsplit('/'));
        let (_, text) = parts.find(|(part, _)| *part == placeholder(name))?;
        Some(percent_decode_str(text).decode_utf8_lossy().into_owned())
    }
}

fn is_missing(fault: &Fault) -> bool {
    fault.kind == ViolationKind::Missing
}

/// A parameter in the path of a route.
fn placeholder(name: &str) -> String {
    format!("{{{name}}}")
}

fn value_at<'a>(body: &'a Value, path: &[Value]) -> Option<&'a Value> {
    path.iter().try_fold(body, |value, part| match part {
        Value::String(name) => value.get(name),
        index => value.get(usize::try_from(index.as_u64()?).ok()?),
    })
}

/// The message for a value of another type, which repeats it, without a secret value.
pub(in crate::rest) fn without_secret<'a>(field: &str, message: &'a str) -> &'a str {
    match message.rsplit_once(", ") {
        Some((_, expected)) if is_secret(field) => expected,
        _ => message,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

fn hide_secrets(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(hide_secrets),
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) {
                    *member = Value::Null;
                } else {
                    hide_secrets(member);
                }
            }
        }
        _ => {}
    }
}
