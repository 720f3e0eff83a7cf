//! Plain fields: fields that are written as JSON without a future.
//!
//! `#[plain_fields]` implements [`PlainFields`] from the methods of an object. A list then needs no future, no context
//! and no library value for each field.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::resolver_utils::EnumType;
use async_graphql::{Context, ContextSelectionSet, ID, Name, Positioned, ScalarType as _, Value};
use async_graphql_value::RAW_VALUE_TOKEN;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Row, Rows, Single, fields_of};
use crate::graphql::scalar::{Date, NotificationKind, Role, TaskEventType, TaskPriority, TaskStatus};

/// An object that writes its plain fields as JSON.
pub trait PlainFields {
    /// Writes the value of a field. `None` if the field is not plain or failed; then the library resolves the row.
    fn write_field(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()>;
}

/// A value that can be written as JSON.
pub trait WriteJson {
    /// Writes the value. `None` if a nested object has selected fields that are not plain.
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()>;
}

/// A selected field with its selections.
pub struct PlannedField<'a> {
    field: &'a Positioned<Field>,
    /// Response key as JSON, with the colon.
    key: String,
    below: Vec<Self>,
}

impl<'a> PlannedField<'a> {
    fn new(field: &'a Positioned<Field>) -> Self {
        Self {
            field,
            // GraphQL names have no characters that JSON escapes.
            key: format!("\"{}\":", field.node.response_key().node),
            below: fields_of(&field.node.selection_set.node).map(Self::new).collect(),
        }
    }

    /// Name of the field in the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.field.node.name.node
    }
}

/// The JSON output and the context of its request.
pub struct Output<'a> {
    context: &'a Context<'a>,
    json: Vec<u8>,
}

impl<'a> Output<'a> {
    /// The context of the request.
    #[must_use]
    pub fn context(&self) -> &'a Context<'a> {
        self.context
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&T, &mut Self) -> Option<()>) -> Option<()> {
        write_all(self, *b"[]", items, write)
    }

    fn object<T: Row>(&mut self, row: &T, fields: &[PlannedField<'_>]) -> Option<()> {
        write_all(self, *b"{}", fields, |field, output| {
            output.json.extend_from_slice(field.key.as_bytes());
            if field.name() == "__typename" {
                output.value(&row.introspection_type_name())
            } else {
                row.write_field(field, output)
            }
        })
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Option<()> {
        serde_json::to_writer(&mut self.json, value).ok()
    }
}

impl AsMut<Vec<u8>> for Output<'_> {
    fn as_mut(&mut self) -> &mut Vec<u8> {
        &mut self.json
    }
}

/// Typical bytes of a field, for the capacity of the buffer.
const USUAL_BYTES: usize = 40;

/// The rows as JSON, as a list or a single object. `None` if a selected field is not plain.
pub(super) fn write_rows<T: Row>(rows: &[&T], ctx: &ContextSelectionSet<'_>, is_list: bool) -> Option<String> {
    let fields: Vec<PlannedField<'_>> = fields_of(&ctx.item.node).map(PlannedField::new).collect();
    let context = ctx.with_field(fields.first()?.field);
    let mut output = Output {
        context: &context,
        json: Vec::with_capacity(rows.len() * fields.len() * USUAL_BYTES),
    };
    if is_list {
        output.list(rows, |row, output| output.object(*row, &fields))?;
    } else {
        output.object(*rows.first()?, &fields)?;
    }
    String::from_utf8(output.json).ok()
}

/// Wraps JSON as a value of the library.
pub(super) fn raw(json: String) -> Value {
    Value::Object(IndexMap::from([(Name::new(RAW_VALUE_TOKEN), Value::String(json))]))
}

/// Writes a value of the library as JSON. Raw JSON is copied; the library would parse it again.
pub(in crate::graphql) fn write_value(value: &Value, json: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::List(items) => write_all(json, *b"[]", items, write_value),
        Value::Object(fields) => match fields.get(RAW_VALUE_TOKEN) {
            Some(Value::String(written)) => {
                json.extend_from_slice(written.as_bytes());
                Some(())
            }
            _ => write_all(json, *b"{}", fields, |(name, value), json| {
                serde_json::to_writer(&mut *json, name.as_str()).ok()?;
                json.push(b':');
                write_value(value, json)
            }),
        },
        leaf => serde_json::to_writer(json, leaf).ok(),
    }
}

/// Writes items between brackets, separated by commas.
fn write_all<O: AsMut<Vec<u8>>, T>(
    output: &mut O,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut O) -> Option<()>,
) -> Option<()> {
    output.as_mut().push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            output.as_mut().push(b',');
        }
        write(item, output)?;
    }
    output.as_mut().push(close);
    Some(())
}

/// Implements [`WriteJson`] for scalars and enums.
macro_rules! written_as {
    ($value:ident => $written:expr; $($scalar:ty),*) => {$(
        impl WriteJson for $scalar {
            fn write(&self, _field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
                let $value = self;
                output.value($written)
            }
        }
    )*};
}

written_as!(value => value; bool, i32, u64, str, String, Cow<'_, str>, ID, serde_json::Value);
written_as!(
    value => Self::items().iter().find(|item| item.value == *value)?.name;
    NotificationKind, Role, TaskEventType, TaskPriority, TaskStatus
);
written_as!(value => &value.to_value(); DateTime<Utc>, Date);

impl<T: WriteJson + ?Sized> WriteJson for &T {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        T::write(self, field, output)
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        match self {
            Some(value) => value.write(field, output),
            None => output.value(&()),
        }
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        output.list(self, |item, output| item.write(field, output))
    }
}

impl<T: WriteJson, E> WriteJson for Result<T, E> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        self.as_ref().ok()?.write(field, output)
    }
}

impl<T: Row> WriteJson for Single<T> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        output.object(&self.0, &field.below)
    }
}

impl<T: Row> WriteJson for Rows<T> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        output.list(&self.0, |row, output| output.object(row, &field.below))
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn values_are_written_as_by_the_library() {
        let raw = raw(r#"[{"a":"\u00e4","b":[1,null]}]"#.to_owned());
        let mut value = value!({ "text": "\"ä\"\n", "list": [1, 2.5, true, null, []], "object": {}, "deep": { "b": 1, "a": [{}] } });
        if let Value::Object(fields) = &mut value {
            fields.insert(Name::new("raw"), Value::List(vec![raw.clone(), raw]));
            fields.insert(Name::new("name"), Value::Enum(Name::new("DONE")));
        }
        let mut json = Vec::new();
        write_value(&value, &mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&value).unwrap());
    }
}
