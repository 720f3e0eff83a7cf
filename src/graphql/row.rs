//! Objects in lists, resolved without a boxed future for each field.
//!
//! The library boxes a future for every field of every row and joins them all. Most fields of a row wait for nothing,
//! so [`Rows`] polls each once and boxes only those that do wait. What the rows refer to is loaded first, in one batch
//! for each loader ([`Row::prefetch`]), and kept in [`Preloaded`].

use std::borrow::Cow;
use std::future::Future;
use std::sync::OnceLock;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, Name, ObjectType, OutputType, Positioned, ServerResult, Value};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

use super::answer_size::bytes_of;
use super::context::{ContextExt as _, RequestContext};
use super::loader::Batch;
use crate::domain::error::Result;

/// An object in a list.
pub trait Row: ObjectType + Sized {
    /// Loads what the rows refer to in these fields.
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

/// The fields of a selection. A normalised operation has no fragments on objects.
pub fn fields_of(set: &SelectionSet) -> impl Iterator<Item = &Positioned<Field>> {
    set.items.iter().filter_map(|selection| match &selection.node {
        Selection::Field(field) => Some(field),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
    })
}

/// The rows, if this field is selected on them; otherwise none.
pub fn rows_with<'a, T>(name: &str, fields: &[&Positioned<Field>], rows: &'a [&'a T]) -> &'a [&'a T] {
    if fields.iter().any(|field| field.node.name.node == name) {
        rows
    } else {
        &[]
    }
}

/// The rows as objects, in a list or alone.
async fn resolve<T: Row>(rows: &[&T], ctx: &ContextSelectionSet<'_>, is_list: bool) -> ServerResult<Vec<Value>> {
    let fields: Vec<&Positioned<Field>> = fields_of(&ctx.item.node).collect();
    T::prefetch(rows, &fields, ctx).await;
    let mut objects = Vec::with_capacity(rows.len());
    let mut waiting: Vec<BoxFuture<'_, ServerResult<Waited>>> = Vec::new();
    let mut waits = vec![false; fields.len()];
    for (row, object) in rows.iter().enumerate() {
        let place = |field| Place { row, field, is_list };
        let mut values = IndexMap::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            // A field that waited on one row waits on the next.
            let ready = if waits[index] {
                None
            } else {
                ask(*object, ctx, field, place(index)).now_or_never()
            };
            let value = if let Some(ready) = ready {
                ready?.value
            } else {
                waits[index] = true;
                waiting.push(ask(*object, ctx, field, place(index)).boxed());
                Value::Null
            };
            values.insert(field.node.response_key().node.clone(), value);
        }
        objects.push(values);
    }
    for Waited { place, value } in try_join_all(waiting).await? {
        objects[place.row][place.field] = value;
    }
    if let Some(context) = ctx.data_opt::<RequestContext>() {
        let bytes = objects.iter().map(own_bytes).sum();
        let taken = context.answer_size().take(bytes);
        taken.map_err(|error| ctx.set_error_path(error))?;
    }
    Ok(objects.into_iter().map(Value::Object).collect())
}

/// The bytes of a row, without those of rows below it, which were counted when they were resolved.
fn own_bytes(row: &IndexMap<Name, Value>) -> usize {
    let fields = row.iter().map(|(name, value)| match value {
        Value::Object(_) | Value::List(_) => name.len(),
        value => name.len() + bytes_of(value),
    });
    fields.sum()
}

/// Where a value belongs.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    field: usize,
    is_list: bool,
}

/// The value of a field that was waited for.
struct Waited {
    place: Place,
    value: Value,
}

/// Resolves one field of one row.
async fn ask<T: Row>(
    row: &T,
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    place: Place,
) -> ServerResult<Waited> {
    let value = if field.node.name.node == "__typename" {
        Value::String(row.introspection_type_name().into_owned())
    } else if place.is_list {
        let ctx = ctx.with_index(place.row);
        let value = row.resolve_field(&ctx.with_field(field)).await;
        value.map_err(|error| ctx.set_error_path(error))?.unwrap_or_default()
    } else {
        row.resolve_field(&ctx.with_field(field)).await?.unwrap_or_default()
    };
    Ok(Waited { place, value })
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

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        let rows: Vec<&T> = self.0.iter().collect();
        Ok(Value::List(resolve(&rows, ctx, true).await?))
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

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        let mut objects = resolve(&[&self.0], ctx, false).await?;
        Ok(objects.pop().unwrap_or_default())
    }
}

/// What a row refers to, or why that could not be read; empty until it was loaded.
#[derive(Clone, Debug)]
pub struct Preloaded<V>(OnceLock<Result<Option<V>>>);

impl<V> Default for Preloaded<V> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<V> From<V> for Preloaded<V> {
    fn from(value: V) -> Self {
        Self(OnceLock::from(Ok(Some(value))))
    }
}

impl<V: Send + Sync + Clone + 'static> Preloaded<V> {
    /// The value, which is loaded now if it was not before, together with what others load at the moment.
    pub async fn or_load<B: Batch<Value = V>>(&self, ctx: &Context<'_>, key: B::Key) -> Result<Option<V>> {
        match self.0.get() {
            Some(loaded) => loaded.clone(),
            // On the heap: most rows are prefetched, and every field would carry room for it.
            None => Box::pin(ctx.loaders().load::<B>(key)).await,
        }
    }
}

/// Loads what these rows refer to, as far as it is not there yet, in one batch.
pub async fn preload<B: Batch>(
    ctx: &ContextSelectionSet<'_>,
    rows: impl IntoIterator<Item = (B::Key, &Preloaded<B::Value>)> + Send,
) {
    let empty: Vec<_> = rows
        .into_iter()
        .filter(|(_, loaded)| loaded.0.get().is_none())
        .collect();
    if empty.is_empty() {
        return;
    }
    let found = ctx
        .loaders()
        .load_many::<B>(empty.iter().map(|(key, _)| key.clone()))
        .await;
    for (key, loaded) in empty {
        let value = found.as_ref().map(|found| found.get(&key).cloned());
        // It is set already if the same row was prefetched for another field meanwhile.
        let _ = loaded.0.set(value.map_err(Clone::clone));
    }
}
