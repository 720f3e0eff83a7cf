//! Values that are there without asking: as the library's values, or as JSON at once.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::resolver_utils::EnumType;
use async_graphql::{ID, Name, Number, Value};
use async_graphql_value::RAW_VALUE_TOKEN;
use chrono::{DateTime, NaiveDate, Utc};

use super::Row;
use super::plan::Selected;

/// The value of a field that needs nothing but the row and what it holds.
pub enum AtHand<'a> {
    /// There is none.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Number(Number),
    /// A text, or what is written as one.
    Text(Cow<'a, str>),
    /// A value of an enumeration.
    Name(&'static str),
    /// Several values.
    List(Vec<AtHand<'a>>),
    /// A row, with the fields that are selected of it.
    Object(Box<dyn Whole + 'a>),
}

impl<'a> AtHand<'a> {
    /// A value of an enumeration.
    pub fn name<E: EnumType>(value: E) -> Self {
        let item = E::items().iter().find(|item| item.value == value);
        item.map_or(Self::Null, |item| Self::Name(item.name))
    }

    /// A row that this one refers to.
    pub fn object(row: impl Row + 'a) -> Self {
        Self::Object(Box::new(row))
    }

    /// As the library has it. None if a row in it has not all that is selected at hand.
    pub(super) fn into_value(self, field: Selected<'_>) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => value.into(),
            Self::Number(value) => Value::Number(value),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Name(name) => Value::Enum(Name::new(name)),
            Self::List(values) => {
                let values = values.into_iter().map(|value| value.into_value(field));
                Value::List(values.collect::<Option<_>>()?)
            }
            Self::Object(row) => row.value(field)?,
        })
    }

    /// Writes it as JSON. None if a row in it has not all that is selected at hand; what was written then is of no use.
    pub(super) fn write(&self, field: Selected<'_>, json: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Null => json.extend_from_slice(b"null"),
            Self::Boolean(true) => json.extend_from_slice(b"true"),
            Self::Boolean(false) => json.extend_from_slice(b"false"),
            Self::Number(value) => serde_json::to_writer(json, value).ok()?,
            Self::Text(text) => serde_json::to_writer(json, text.as_ref()).ok()?,
            Self::Name(name) => serde_json::to_writer(json, name).ok()?,
            Self::List(values) => write_list(json, values, |value, json| value.write(field, json))?,
            Self::Object(row) => row.write(field, json)?,
        }
        Some(())
    }
}

impl From<bool> for AtHand<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for AtHand<'_> {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for AtHand<'_> {
    fn from(value: u64) -> Self {
        Self::Number(value.into())
    }
}

impl<'a> From<&'a str> for AtHand<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<Cow<'a, str>> for AtHand<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for AtHand<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<ID> for AtHand<'_> {
    fn from(id: ID) -> Self {
        id.0.into()
    }
}

impl From<DateTime<Utc>> for AtHand<'_> {
    fn from(moment: DateTime<Utc>) -> Self {
        moment.to_rfc3339().into()
    }
}

impl From<NaiveDate> for AtHand<'_> {
    fn from(day: NaiveDate) -> Self {
        day.to_string().into()
    }
}

impl<T: Into<Self>> From<Option<T>> for AtHand<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a, T: Into<AtHand<'a>>> FromIterator<T> for AtHand<'a> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// A row of any type, with what is selected of it below a field.
pub trait Whole: Send {
    /// As the library has it, if all of it is at hand.
    fn value(&self, field: Selected<'_>) -> Option<Value>;

    /// Writes it as JSON, if all of it is at hand.
    fn write(&self, field: Selected<'_>, json: &mut Vec<u8>) -> Option<()>;
}

impl<T: Row> Whole for T {
    fn value(&self, field: Selected<'_>) -> Option<Value> {
        let mut object = IndexMap::new();
        for field in field.below() {
            object.insert(field.plan.key(), at_hand(self, field)?.into_value(field)?);
        }
        Some(Value::Object(object))
    }

    fn write(&self, field: Selected<'_>, json: &mut Vec<u8>) -> Option<()> {
        write_row(self, field.below(), json)
    }
}

/// The value of a field, if it is at hand.
pub(super) fn at_hand<'a, T: Row>(row: &'a T, field: Selected<'a>) -> Option<AtHand<'a>> {
    match field.name() {
        "__typename" => Some(row.introspection_type_name().into_owned().into()),
        _ => row.at_hand(field),
    }
}

/// Writes a row as a JSON object, if all that is selected of it is at hand.
pub(super) fn write_row<'a, T: Row>(
    row: &T,
    fields: impl Iterator<Item = Selected<'a>>,
    json: &mut Vec<u8>,
) -> Option<()> {
    json.push(b'{');
    let mut is_first = true;
    for field in fields {
        if !is_first {
            json.push(b',');
        }
        is_first = false;
        json.extend_from_slice(field.plan.label.as_bytes());
        at_hand(row, field)?.write(field, json)?;
    }
    json.push(b'}');
    Some(())
}

/// Writes a JSON list.
pub(super) fn write_list<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    json.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write(item, json)?;
    }
    json.push(b']');
    Some(())
}

/// JSON that is written already, as a value of the library.
pub(super) fn written(json: String) -> Value {
    Value::Object(IndexMap::from([(Name::new(RAW_VALUE_TOKEN), Value::String(json))]))
}

/// Writes a value of the library as JSON. What is JSON already is copied; serde would read it all once more.
pub fn write_value(value: &Value, json: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Object(fields) => match fields.get(RAW_VALUE_TOKEN) {
            Some(Value::String(written)) => json.extend_from_slice(written.as_bytes()),
            _ => write_object(fields, json)?,
        },
        Value::List(values) => write_list(json, values, write_value)?,
        other => serde_json::to_writer(json, other).ok()?,
    }
    Some(())
}

fn write_object(fields: &IndexMap<Name, Value>, json: &mut Vec<u8>) -> Option<()> {
    json.push(b'{');
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        serde_json::to_writer(&mut *json, name.as_str()).ok()?;
        json.push(b':');
        write_value(value, json)?;
    }
    json.push(b'}');
    Some(())
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn a_value_is_written_as_serde_writes_it() {
        let json = written(r#"[{"a":"\u00e4","b":[1,null]}]"#.to_owned());
        let mut whole = value!({ "text": "\"ä\"\n", "list": [1, 2.5, true, null, []], "object": {}, "deep": { "b": 1, "a": [{}] } });
        if let Value::Object(fields) = &mut whole {
            fields.insert(Name::new("written"), Value::List(vec![json.clone(), json]));
            fields.insert(Name::new("name"), Value::Enum(Name::new("DONE")));
        }
        let mut direct = Vec::new();
        write_value(&whole, &mut direct).unwrap();
        assert_eq!(
            String::from_utf8(direct).unwrap(),
            serde_json::to_string(&whole).unwrap()
        );
    }
}
