//! Translates queries and bodies of a dialect to canonical ones.

use chrono::{Datelike as _, NaiveDate};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{ALL_TASKS, END_OF_DAY, Exchange, NameList, OLDEST_FIRST, has, lookup};
use crate::domain::clock::read_day;
use crate::domain::id::UserId;
use crate::domain::task::{MAX_SEARCH_WORDS, MIN_WORD_LENGTH};
use crate::rest::error::{Problem, Result};
use crate::rest::value::{Flag, Moment};

type Object = Map<String, Value>;

/// The member of a bulk change with the new values has one of these names.
pub(super) const UPDATES: [&str; 2] = ["update", "updates"];
pub(super) const BULK_UPDATE: &str = "PATCH /tasks/bulk";
const LOGIN: &str = "POST /auth/login";

/// The parameters of a request.
struct Query(Vec<(String, String)>);

impl Query {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Whether the parameter is given once, with one of these values.
    fn has_one_of(&self, name: &str, values: &[&str]) -> bool {
        let mut given = self.0.iter().filter(|(given, _)| given == name);
        let is_valid = given.next().is_some_and(|(_, value)| values.contains(&value.as_str()));
        is_valid && given.next().is_none()
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn add_missing(&mut self, pairs: &[(&str, &str)]) {
        for (name, value) in pairs {
            if !self.has(name) {
                self.add(name, value);
            }
        }
    }
}

impl Exchange {
    /// Drops unknown parameters. `owner` limits the list to the tasks of that user.
    pub(super) fn query(&self, query: &str, owner: Option<UserId>) -> String {
        let known = self.takes().map_or(&[][..], |operation| &operation.parameters);
        let given = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut query = Query(given.filter(|(name, _)| known.contains(name)).collect());
        if self.operation == "GET /tasks" {
            self.list_query(&mut query, owner);
        } else if let (Some(rows), ALL_TASKS) = (self.dialect.all_tasks, self.path.as_str()) {
            query.0.clear();
            query.add("limit", &rows.to_string());
            query.add_missing(&OLDEST_FIRST);
        }
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(query.0).finish()
    }

    fn list_query(&self, query: &mut Query, owner: Option<UserId>) {
        let dialect = self.dialect;
        for (_, text) in query.0.iter_mut().filter(|(name, _)| name == "search") {
            *text = searchable(text);
        }
        let is_blank_search = |name: &str, value: &str| name == "search" && value.is_empty();
        query
            .0
            .retain(|(name, value)| has(dialect.parameters, name) && !is_blank_search(name, value));
        query.add_missing(&[dialect.page_size]);
        if !query.has("sort_by") {
            // In the older APIs it is the order of a column. An invalid one is refused.
            if query.has_one_of("sort_order", &["asc", "desc"]) {
                query.0.retain(|(name, _)| name != "sort_order");
            }
            query.add_missing(dialect.order);
        } else if let Some(order) = dialect.sort_order {
            query.add_missing(&[("sort_order", order)]);
            query.0.iter_mut().for_each(keep_sign);
        }
        if dialect.needs_all_tags && query.has("tags") {
            query.add("tag_mode", "all");
        }
        if dialect.is_due_by_day {
            query.0.iter_mut().for_each(include_day);
        }
        if let Some(owner) = owner {
            query.add("owner_id", &owner.0.to_string());
        }
    }

    pub(in crate::rest) fn body(&self, body: Value) -> Result<Value> {
        let dialect = self.dialect;
        let mut body = match body {
            Value::Object(body) => body,
            tags if self.operation == "POST /tasks/{id}/tags" => return Ok(self.tags(tags)),
            other => return Ok(other),
        };
        let body = match self.operation.as_str() {
            "POST /auth/register" => only(body, dialect.register),
            LOGIN => self.login(body),
            "POST /tasks" => {
                if dialect.has_blank_texts && !body.contains_key("description") {
                    body.insert("description".to_owned(), json!(""));
                }
                self.task(body, dialect.create)
            }
            "PUT /tasks/{id}" | "PATCH /tasks/{id}" => self.update(body)?,
            BULK_UPDATE => {
                for name in UPDATES {
                    if let Some(Value::Object(update)) = body.remove(name) {
                        body.insert(name.to_owned(), Value::Object(self.update(update)?));
                    }
                }
                self.known(body)
            }
            _ => self.known(body),
        };
        Ok(Value::Object(coerced(body)))
    }

    pub(in crate::rest) fn form(&self, body: &[u8]) -> Vec<u8> {
        let fields = self.takes().map(|operation| &operation.fields);
        let pairs = form_urlencoded::parse(body);
        let known = pairs.filter(|(name, _)| fields.is_none_or(|fields| fields.contains(name.as_ref())));
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(known).finish().into_bytes()
    }

    fn known(&self, mut body: Object) -> Object {
        if let Some(operation) = self.takes() {
            body.retain(|name, _| operation.fields.contains(name));
        }
        body
    }

    /// The canonical API accepts either name, but not both. An older API ignores the one that it does not have.
    fn login(&self, body: Object) -> Object {
        let body = self.known(body);
        let has_both = body.contains_key("username") && body.contains_key("email");
        match lookup(self.dialect.required_fields, &LOGIN) {
            Some(fields) if has_both => only(body, fields),
            _ => body,
        }
    }

    fn update(&self, body: Object) -> Result<Object> {
        let dialect = self.dialect;
        let mut update = self.task(body, dialect.update);
        if dialect.refuses_empty && update.is_empty() {
            return Err(Problem::bad_request("No fields to update"));
        }
        if dialect.keeps_null {
            update.retain(|_, value| !value.is_null());
        }
        // The task may have a due day instead.
        if update.get("due_date").is_some_and(Value::is_null) {
            update.insert("due_on".to_owned(), Value::Null);
        }
        Ok(coerced(update))
    }

    fn task(&self, body: Object, fields: NameList) -> Object {
        let mut body = only(body, fields);
        for (name, value) in &mut body {
            *value = match (name.as_str(), value.take()) {
                ("due_date", Value::String(text)) if text.is_empty() => Value::Null,
                ("due_date", Value::String(text)) if self.dialect.is_due_by_day => json!(end_of_day(text)),
                ("tags", tags) => self.tags(tags),
                (_, other) => other,
            };
        }
        body
    }

    fn tags(&self, mut tags: Value) -> Value {
        if let (true, Value::Array(tags)) = (self.dialect.drops_blank_tags, &mut tags) {
            tags.retain(|tag| tag.as_str().is_none_or(|tag| !tag.trim().is_empty()));
        }
        tags
    }
}

fn only(mut body: Object, fields: NameList) -> Object {
    body.retain(|name, _| has(fields, name));
    body
}

/// The words of a phrase that the server can search for. The older APIs search for the whole phrase; without some of its
/// words, the list has more rows instead of none.
fn searchable(phrase: &str) -> String {
    let words = phrase.split_whitespace();
    let words = words.filter(|word| word.chars().count() >= MIN_WORD_LENGTH);
    words.take(MAX_SEARCH_WORDS).collect::<Vec<_>>().join(" ")
}

/// The API has no sign that reverses an order. With a second one, the canonical API does not know the name either.
fn keep_sign((name, column): &mut (String, String)) {
    if *name == "sort_by" && column.starts_with('-') {
        column.insert(0, '-');
    }
}

/// Bounds of due dates are exclusive in the canonical API, but include the day in the dialect. The first and the last
/// valid day, which clients send for no bound, have no neighbour.
fn include_day((name, value): &mut (String, String)) {
    const END: &str = "T23:59:59.999999Z";

    let Some(day) = day_in(value) else {
        return;
    };
    let is_valid = |day: &NaiveDate| (1..=9999).contains(&day.year());
    let bound = match name.as_str() {
        "due_before" => {
            let next = day.succ_opt().filter(is_valid);
            Some(next.map_or_else(|| format!("{day}{END}"), |next| next.to_string()))
        }
        "due_after" => day.pred_opt().filter(is_valid).map(|before| format!("{before}{END}")),
        "created_after" | "created_before" => Some(day.to_string()),
        _ => None,
    };
    if let Some(bound) = bound {
        *value = bound;
    }
}

fn end_of_day(text: String) -> String {
    day_in(&text).map_or(text, |day| format!("{day}{END_OF_DAY}"))
}

/// The day of a text that is a day or the start of one, which front ends send too. The older API ignores its zone.
fn day_in(text: &str) -> Option<NaiveDate> {
    let (day, time) = text.split_at_checked("2026-01-31".len())?;
    let is_start = || {
        let clock = time.split(['Z', 'z', '+', '-']).next().unwrap_or_default();
        let mut digits = clock.chars().skip(1);
        digits.all(|digit| "0:.".contains(digit)) && serde_json::from_value::<Moment>(json!(text)).is_ok()
    };
    read_day(day).filter(|_| time.is_empty() || is_start())
}

/// Parses numbers and booleans that were sent as strings, as select boxes do.
fn coerced(mut body: Object) -> Object {
    for (name, value) in &mut body {
        match (name.as_str(), value) {
            ("task_ids", Value::Array(values)) => values.iter_mut().for_each(read_number),
            ("assignee_id" | "task_ids" | "expected_version", value) => read_number(value),
            ("completed", value) => {
                if let Some(Ok(Flag(flag))) = value.as_str().map(|text| Flag::try_from(text.to_owned())) {
                    *value = json!(flag);
                }
            }
            _ => {}
        }
    }
    body
}

fn read_number(value: &mut Value) {
    if let Some(Ok(number)) = value.as_str().map(|text| text.trim().parse::<i32>()) {
        *value = json!(number);
    }
}
