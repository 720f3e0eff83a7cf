//! Fast resolution of lists.
//!
//! The library creates a future, a context and a value for every field of every row. Most fields do not wait: a list
//! with only such plain fields is written as JSON directly. References of the rows are loaded first, in one batch for
//! each loader ([`Row::prefetch`]). The library resolves all other lists.

mod json;
mod lookup;

use std::borrow::Cow;
use std::future::Future;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value};

pub(super) use self::json::write_value;
pub use self::json::{Output, PlainFields, PlannedField, WriteJson};
pub use self::lookup::{Lookup, Preloaded, Required, preload};
use super::context::RequestContext;
use super::response_size::bytes_of;

/// An object that can be an element of a list.
pub trait Row: ObjectType + PlainFields + Sized {
    /// Loads the objects to which the selected fields of the rows refer.
    fn prefetch<'a>(
        _rows: &'a [&'a Self],
        _fields: &'a [&'a Positioned<Field>],
        _ctx: &'a ContextSelectionSet<'a>,
    ) -> impl Future<Output = ()> + Send + 'a {
        std::future::ready(())
    }
}

impl<T: Row> Row for &T {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let rows: Vec<&T> = rows.iter().map(|row| **row).collect();
        T::prefetch(&rows, fields, ctx).await;
    }
}

/// The fields of a selection. Normalised operations have no fragments on objects.
pub fn fields_of(set: &SelectionSet) -> impl Iterator<Item = &Positioned<Field>> {
    set.items.iter().filter_map(|selection| match &selection.node {
        Selection::Field(field) => Some(field),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
    })
}

/// Returns the rows if the field is selected, otherwise an empty slice.
pub fn rows_with<'a, T>(name: &str, fields: &[&Positioned<Field>], rows: &'a [&'a T]) -> &'a [&'a T] {
    if fields.iter().any(|field| field.node.name.node == name) {
        rows
    } else {
        &[]
    }
}

impl<T: PlainFields> PlainFields for &T {
    fn write_field(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        T::write_field(self, field, output)
    }
}

/// Prefetches references, then writes the rows as JSON. `None` if a selected field is not plain.
async fn write<T: Row>(rows: &[&T], ctx: &ContextSelectionSet<'_>, is_list: bool) -> ServerResult<Option<Value>> {
    let fields: Vec<&Positioned<Field>> = fields_of(&ctx.item.node).collect();
    T::prefetch(rows, &fields, ctx).await;
    let Some(json) = json::write_rows(rows, ctx, is_list) else {
        return Ok(None);
    };
    count(ctx, json.len())?;
    Ok(Some(json::raw(json)))
}

/// Counts bytes of the response; fails above the limit.
fn count(ctx: &ContextSelectionSet<'_>, bytes: usize) -> ServerResult<()> {
    let Some(context) = ctx.data_opt::<RequestContext>() else {
        return Ok(());
    };
    let taken = context.response_size.take(bytes);
    taken.map_err(|error| ctx.set_error_path(error))
}

/// Bytes of a row without nested rows, which were counted when they were resolved.
fn own_bytes(row: &Value) -> usize {
    let Value::Object(fields) = row else { return 0 };
    let fields = fields.iter().map(|(name, value)| match value {
        Value::Object(_) | Value::List(_) => name.len(),
        value => name.len() + bytes_of(value),
    });
    fields.sum()
}

/// A list of rows.
#[derive(Clone, Debug)]
pub struct Rows<T>(pub Vec<T>);

impl<T: Row> OutputType for Rows<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let rows: Vec<&T> = self.0.iter().collect();
        let resolved = match write(&rows, ctx, true).await? {
            Some(written) => return Ok(written),
            None => resolve_list(ctx, field, rows, Some(self.0.len())).await?,
        };
        if let Value::List(rows) = &resolved {
            count(ctx, rows.iter().map(own_bytes).sum())?;
        }
        Ok(resolved)
    }
}

/// A row that is not in a list.
#[derive(Clone, Debug)]
pub struct Single<T>(pub T);

impl<T: Row> OutputType for Single<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let resolved = match write(&[&self.0], ctx, false).await? {
            Some(written) => return Ok(written),
            None => self.0.resolve(ctx, field).await?,
        };
        count(ctx, own_bytes(&resolved))?;
        Ok(resolved)
    }
}
