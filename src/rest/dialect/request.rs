//! Translates queries and bodies of a dialect to canonical ones.

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::exchange::ALL_TASKS;
use super::{Exchange, NameList, has};
use crate::domain::clock::read_day;
use crate::domain::id::UserId;
use crate::rest::error::{Problem, Result};
use crate::rest::value::Flag;

/// Numbers or lists of numbers. Select boxes send strings.
const NUMBERS: [&str; 3] = ["assignee_id", "task_ids", "expected_version"];
const FLAGS: [&str; 1] = ["completed"];

type Pairs = Vec<(String, String)>;

impl Exchange {
    /// Drops unknown parameters. `owner` limits the list to the tasks of that user.
    pub(super) fn query(&self, query: &str, owner: Option<UserId>) -> String {
        let known = self.takes().map_or(&[][..], |operation| &operation.parameters);
        let mut pairs: Pairs = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| known.iter().any(|known| known == name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if self.operation == "GET /tasks" {
            self.list_query(&mut pairs, owner);
        } else if let (Some(rows), ALL_TASKS) = (self.dialect.all_tasks, self.path.as_str()) {
            pairs = pairs_of(&[("limit", &rows.to_string()), ("sort_by", "id"), ("sort_order", "asc")]);
        }
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    }

    fn list_query(&self, pairs: &mut Pairs, owner: Option<UserId>) {
        let list = &self.dialect.list;
        pairs.retain(|(name, value)| has(list.parameters, name) && !(name == "search" && value.trim().is_empty()));
        let given = |pairs: &Pairs, name: &str| pairs.iter().any(|(given, _)| given == name);
        let (size, rows) = list.page_size;
        if !given(pairs, size) {
            pairs.extend(pairs_of(&[(size, rows)]));
        }
        if !given(pairs, "sort_by") {
            let order = list.order.iter().filter(|(name, _)| !given(pairs, name));
            let order: Vec<_> = order.copied().collect();
            pairs.extend(pairs_of(&order));
        } else if let (Some(order), false) = (list.sort_order, given(pairs, "sort_order")) {
            pairs.extend(pairs_of(&[("sort_order", order)]));
        }
        if list.needs_all_tags && given(pairs, "tags") {
            pairs.extend(pairs_of(&[("tag_mode", "all")]));
        }
        if self.dialect.task.is_due_by_day {
            pairs.iter_mut().for_each(include_day);
        }
        if let Some(owner) = owner {
            pairs.extend(pairs_of(&[("owner_id", &owner.0.to_string())]));
        }
    }

    pub(in crate::rest) fn body(&self, body: Value) -> Result<Value> {
        let task = &self.dialect.task;
        let body = match (body, self.operation.as_str()) {
            (Value::Object(mut body), "POST /tasks") => {
                if task.has_blank_texts && !body.contains_key("description") {
                    body.insert("description".to_owned(), json!(""));
                }
                Value::Object(self.task(body, task.create))
            }
            (Value::Object(body), "PUT /tasks/{id}" | "PATCH /tasks/{id}") => Value::Object(self.update(body)?),
            (Value::Object(mut body), "PATCH /tasks/bulk") => {
                for name in ["update", "updates"] {
                    if let Some(Value::Object(update)) = body.remove(name) {
                        body.insert(name.to_owned(), Value::Object(self.update(update)?));
                    }
                }
                Value::Object(self.known(body))
            }
            (Value::Object(body), _) => Value::Object(self.known(body)),
            (tags @ Value::Array(_), "POST /tasks/{id}/tags") => self.tags(tags),
            (other, _) => other,
        };
        Ok(match body {
            Value::Object(body) => Value::Object(body.into_iter().map(coerced).collect()),
            other => other,
        })
    }

    pub(in crate::rest) fn form(&self, body: &[u8]) -> Vec<u8> {
        let fields = self.takes().map(|operation| &operation.fields);
        let pairs = form_urlencoded::parse(body);
        let known = pairs.filter(|(name, _)| fields.is_none_or(|fields| fields.contains(name.as_ref())));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(known)
            .finish();
        form.into_bytes()
    }

    fn known(&self, body: Map<String, Value>) -> Map<String, Value> {
        let Some(operation) = self.takes() else {
            return body;
        };
        let fields = body.into_iter().filter(|(name, _)| operation.fields.contains(name));
        fields.collect()
    }

    fn update(&self, body: Map<String, Value>) -> Result<Map<String, Value>> {
        let task = &self.dialect.task;
        let mut update = self.task(body, task.update);
        if task.refuses_empty && update.is_empty() {
            return Err(Problem::bad_request("No fields to update"));
        }
        if task.keeps_null {
            update.retain(|_, value| !value.is_null());
        }
        // The task may have a due day instead.
        if update.get("due_date").is_some_and(Value::is_null) {
            update.insert("due_on".to_owned(), Value::Null);
        }
        Ok(update.into_iter().map(coerced).collect())
    }

    fn task(&self, body: Map<String, Value>, fields: NameList) -> Map<String, Value> {
        let task = &self.dialect.task;
        let fields = body.into_iter().filter(|(name, _)| has(fields, name));
        fields
            .map(|(name, value)| {
                let value = match (name.as_str(), &value) {
                    ("due_date", Value::String(text)) if text.is_empty() => Value::Null,
                    ("due_date", Value::String(day)) if task.is_due_by_day => end_of_day(day),
                    ("tags", _) => self.tags(value),
                    _ => value,
                };
                (name, value)
            })
            .collect()
    }

    fn tags(&self, tags: Value) -> Value {
        let is_blank = |tag: &Value| tag.as_str().is_some_and(|tag| tag.trim().is_empty());
        match tags {
            Value::Array(mut tags) if self.dialect.task.drops_blank_tags => {
                tags.retain(|tag| !is_blank(tag));
                Value::Array(tags)
            }
            other => other,
        }
    }
}

fn pairs_of(pairs: &[(&str, &str)]) -> Pairs {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Bounds of due dates are exclusive in the canonical API, but include the day in the dialect.
fn include_day((name, value): &mut (String, String)) {
    let Some(day) = read_day(value) else {
        return;
    };
    match name.as_str() {
        "due_before" => {
            if let Some(next) = day.succ_opt() {
                *value = next.to_string();
            }
        }
        "due_after" => {
            if let Some(before) = day.pred_opt() {
                *value = format!("{before}T23:59:59.999999Z");
            }
        }
        _ => {}
    }
}

/// The last second of the day, so that the task is not overdue on that day.
fn end_of_day(day: &str) -> Value {
    match read_day(day) {
        Some(_) => json!(format!("{day}T23:59:59Z")),
        None => json!(day),
    }
}

/// Parses numbers and booleans that were sent as strings.
fn coerced((name, value): (String, Value)) -> (String, Value) {
    let value = match value {
        Value::String(text) if NUMBERS.contains(&name.as_str()) => number(text),
        Value::Array(values) if NUMBERS.contains(&name.as_str()) => values
            .into_iter()
            .map(|value| match value {
                Value::String(text) => number(text),
                other => other,
            })
            .collect(),
        Value::String(text) if FLAGS.contains(&name.as_str()) => {
            Flag::try_from(text.clone()).map_or(Value::String(text), |flag| json!(flag.0))
        }
        other => other,
    };
    (name, value)
}

fn number(text: String) -> Value {
    text.trim().parse::<i32>().map_or(Value::String(text), Value::from)
}
