//! Objects that stand in lists, resolved without a future a field.
//!
//! The library makes a future of every field of every row, boxes it and joins them all. But most fields of a
//! row are there before anybody asks: a list of [`Rows`] takes those as they are, and asks the library for the
//! others alone. What the rows refer to is read together first, and [`Preloaded`]. Where every field of every row is at
//! hand, which is the rule, the list becomes JSON at once.
//!
//! Each field is defined once, at its object. [`Row::at_hand`] only knows a shorter way to the values of some,
//! and a test compares the answers of all ways.
//!
//! | module | what lives there |
//! |---|---|
//! | `plan` | what is selected of rows |
//! | `value` | values that are at hand |

mod plan;
mod value;

use std::borrow::Cow;
use std::future::Future;
use std::hash::Hash;
use std::sync::OnceLock;

use async_graphql::dataloader::Loader;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

pub use self::plan::Selected;
pub use self::value::AtHand;
pub(super) use self::value::write_value;
use self::value::{at_hand, write_list, write_row, written};
use super::answer_size::bytes_of;
use super::context::RequestContext;
use super::loader::Batched;
use crate::domain::error::{Error, Result};

/// An object that stands in lists.
pub trait Row: ObjectType + Sized {
    /// The value of a field, if it needs nothing but the row and what it holds.
    fn at_hand<'a>(&'a self, field: Selected<'a>) -> Option<AtHand<'a>>;

    /// Reads together what the rows refer to in these fields, and gives it to them to hold.
    fn prefetch<'a>(
        _rows: &'a [&'a Self],
        _fields: &'a [Selected<'a>],
        _ctx: &'a ContextSelectionSet<'a>,
    ) -> impl Future<Output = ()> + Send + 'a {
        std::future::ready(())
    }
}

impl<T: Row> Row for &T {
    fn at_hand<'a>(&'a self, field: Selected<'a>) -> Option<AtHand<'a>> {
        T::at_hand(self, field)
    }

    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [Selected<'a>], ctx: &'a ContextSelectionSet<'a>) {
        let rows: Vec<&T> = rows.iter().map(|row| **row).collect();
        T::prefetch(&rows, fields, ctx).await;
    }
}

/// The rows, if this field is selected on them; otherwise none.
pub fn rows_with<'a, T>(field: &str, fields: &[Selected<'_>], rows: &'a [&'a T]) -> &'a [&'a T] {
    if fields.iter().any(|selected| selected.name() == field) {
        rows
    } else {
        &[]
    }
}

/// Data of a request in which the library resolves every field, to compare its answers with.
#[derive(Clone, Copy, Debug)]
pub struct FieldByField;

/// So many bytes of JSON a field takes, by a rough count.
const USUAL_BYTES: usize = 40;

/// The rows as objects, in a list or alone.
async fn resolve<T: Row>(rows: &[&T], ctx: &ContextSelectionSet<'_>, is_list: bool) -> ServerResult<Value> {
    let plan = plan::plan(ctx, &T::type_name(), &ctx.item.node);
    let fields: Vec<Selected<'_>> = plan::of(ctx, &plan).collect();
    T::prefetch(rows, &fields, ctx).await;
    let count = |bytes: usize| match ctx.data_opt::<RequestContext>() {
        Some(context) => context
            .answer_size()
            .take(bytes)
            .map_err(|error| ctx.set_error_path(error)),
        None => Ok(()),
    };
    if let Some(json) = as_json(rows, &fields, is_list) {
        count(json.len())?;
        return Ok(written(json));
    }
    let mut values = as_values(rows, &fields, is_list).await?;
    count(values.iter().map(own_bytes).sum())?;
    Ok(if is_list {
        Value::List(values)
    } else {
        values.pop().unwrap_or_default()
    })
}

/// The rows as JSON, if all that is selected of them is at hand.
fn as_json<T: Row>(rows: &[&T], fields: &[Selected<'_>], is_list: bool) -> Option<String> {
    let mut json = Vec::with_capacity(rows.len() * fields.len() * USUAL_BYTES);
    let write = |row: &T, json: &mut Vec<u8>| write_row(row, fields.iter().copied(), json);
    if is_list {
        write_list(&mut json, rows, |row, json| write(row, json))?;
    } else {
        write(rows.first()?, &mut json)?;
    }
    String::from_utf8(json).ok()
}

/// The rows as the library has them. Those of a list know their places in it.
async fn as_values<T: Row>(rows: &[&T], fields: &[Selected<'_>], is_list: bool) -> ServerResult<Vec<Value>> {
    let mut values = Vec::with_capacity(rows.len() * fields.len());
    let mut asked: Vec<BoxFuture<'_, ServerResult<(usize, Value)>>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for field in fields {
            let value = at_hand(*row, *field).and_then(|value| value.into_value(*field));
            if value.is_none() {
                asked.push(ask(*row, is_list.then_some(index), *field, values.len()).boxed());
            }
            values.push(value.unwrap_or_default());
        }
    }
    for (place, value) in try_join_all(asked).await? {
        values[place] = value;
    }
    let mut values = values.into_iter();
    Ok(rows
        .iter()
        .map(|_| {
            let mut object = IndexMap::with_capacity(fields.len());
            for (field, value) in fields.iter().zip(values.by_ref()) {
                object.insert(field.plan.key(), value);
            }
            Value::Object(object)
        })
        .collect())
}

/// The bytes of a row, without those of lists below it, which were counted when they were resolved.
fn own_bytes(row: &Value) -> usize {
    let Value::Object(fields) = row else { return 0 };
    let fields = fields.iter().map(|(name, value)| match value {
        Value::Object(_) | Value::List(_) => name.len(),
        value => name.len() + bytes_of(value),
    });
    fields.sum()
}

/// Asks the library for one field of one row.
async fn ask<T: Row>(
    row: &T,
    index: Option<usize>,
    Selected { ctx, plan }: Selected<'_>,
    place: usize,
) -> ServerResult<(usize, Value)> {
    let field = plan.field;
    let Some(index) = index else {
        let value = row.resolve_field(&ctx.with_field(field)).await?;
        return Ok((place, value.unwrap_or_default()));
    };
    let ctx = ctx.with_index(index);
    let value = row.resolve_field(&ctx.with_field(field)).await;
    let value = value.map_err(|error| ctx.set_error_path(error))?;
    Ok((place, value.unwrap_or_default()))
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
        if ctx.data_opt::<FieldByField>().is_some() {
            return resolve_list(ctx, field, &self.0, Some(self.0.len())).await;
        }
        let rows: Vec<&T> = self.0.iter().collect();
        resolve(&rows, ctx, true).await
    }
}

/// A row that stands alone.
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
        if ctx.data_opt::<FieldByField>().is_some() {
            return self.0.resolve(ctx, field).await;
        }
        resolve(&[&self.0], ctx, false).await
    }
}

/// What a row refers to, or why that could not be read; empty until it was gathered.
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

impl<V> Preloaded<V> {
    /// What is held: `Some(None)` if there is no such thing.
    pub fn get(&self) -> Option<Option<&V>> {
        self.0.get()?.as_ref().ok().map(Option::as_ref)
    }

    /// What is held, or is read now, together with what others read at the moment.
    pub async fn or_load<K, L>(&self, loader: &Batched<L>, key: K) -> Result<Option<V>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        V: Send + Sync + Clone + 'static,
        L: Loader<K, Value = V, Error = Error>,
    {
        match self.0.get() {
            Some(held) => held.clone(),
            None => loader.load_one(key).await,
        }
    }
}

/// Reads what these rows refer to, as far as they do not hold it yet, in one batch.
pub async fn preload<'l, K, V, L>(
    loader: impl FnOnce() -> &'l Batched<L> + Send,
    rows: impl IntoIterator<Item = (K, &Preloaded<V>)> + Send,
) where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    V: Send + Sync + Clone + 'static,
    L: Loader<K, Value = V, Error = Error> + 'l,
{
    let empty: Vec<_> = rows.into_iter().filter(|(_, held)| held.0.get().is_none()).collect();
    if empty.is_empty() {
        return;
    }
    let found = loader().load_many(empty.iter().map(|(key, _)| key.clone())).await;
    for (key, held) in empty {
        let value = found.as_ref().map(|found| found.get(&key).cloned());
        // It is held already if the same row was gathered for another field meanwhile.
        let _ = held.0.set(value.map_err(Clone::clone));
    }
}
