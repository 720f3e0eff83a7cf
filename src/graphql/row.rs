//! Objects that stand in lists, resolved without a future a field.
//!
//! The library makes a future of every field of every row, boxes it and joins them all. But most fields of a
//! row are there before anybody asks: a list of [`Rows`] takes those as they are, and asks the library for the
//! others alone. What the rows refer to is read together first, and [`Held`].
//!
//! Each field is defined once, at its object. [`Row::at_hand`] only knows a shorter way to the values of some,
//! and a test compares the answers of both ways.

use std::borrow::Cow;
use std::future::Future;
use std::hash::Hash;
use std::sync::OnceLock;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{ContextSelectionSet, Name, ObjectType, OutputType, Positioned, ServerResult, Value};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

use super::loader::Metered;
use crate::domain::error::{Error, Result};

/// An object that stands in lists.
pub trait Row: ObjectType + Sized {
    /// The value of a field, if it needs nothing but the row and what it holds.
    fn at_hand(&self, field: Selected<'_>) -> Option<Value>;

    /// Reads together what the rows refer to in these fields, and gives it to them to hold.
    fn gather<'a>(
        _rows: &'a [&'a Self],
        _fields: &'a [Selected<'a>],
        _ctx: &'a ContextSelectionSet<'a>,
    ) -> impl Future<Output = ()> + Send + 'a {
        std::future::ready(())
    }
}

impl<T: Row> Row for &T {
    fn at_hand(&self, field: Selected<'_>) -> Option<Value> {
        T::at_hand(self, field)
    }

    async fn gather<'a>(rows: &'a [&'a Self], fields: &'a [Selected<'a>], ctx: &'a ContextSelectionSet<'a>) {
        let rows: Vec<&T> = rows.iter().map(|row| **row).collect();
        T::gather(&rows, fields, ctx).await;
    }
}

/// A field that is selected on a row.
#[derive(Clone, Copy)]
pub struct Selected<'a> {
    /// What the row's list was resolved in.
    pub ctx: &'a ContextSelectionSet<'a>,
    field: &'a Positioned<Field>,
}

impl<'a> Selected<'a> {
    /// Which field.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.field.node.name.node
    }

    fn key(self) -> Name {
        self.field.node.response_key().node.clone()
    }

    /// What is selected below the field, of objects of this type.
    #[must_use]
    pub fn below<T: OutputType>(self) -> Vec<Self> {
        selected::<T>(self.ctx, &self.field.node.selection_set.node)
    }

    /// The object that the field refers to, if all that is selected of it is at hand.
    pub fn object<T: Row>(self, row: Option<&T>) -> Option<Value> {
        match row {
            Some(row) => whole(row, &self.below::<T>()),
            None => Some(Value::Null),
        }
    }

    /// The objects that the field refers to, if all that is selected of them is at hand.
    pub fn objects<T: Row>(self, rows: &[T]) -> Option<Value> {
        let fields = self.below::<T>();
        let rows = rows.iter().map(|row| whole(row, &fields));
        rows.collect::<Option<_>>().map(Value::List)
    }

    fn value<T: Row>(self, row: &T) -> Option<Value> {
        match self.name() {
            "__typename" => Some(Value::String(row.introspection_type_name().into_owned())),
            _ => row.at_hand(self),
        }
    }
}

/// The row as an object, if all that is selected of it is at hand.
fn whole<T: Row>(row: &T, fields: &[Selected<'_>]) -> Option<Value> {
    let mut object = IndexMap::with_capacity(fields.len());
    for field in fields {
        merge(&mut object, field.key(), field.value(row)?);
    }
    Some(Value::Object(object))
}

/// The fields that are selected of objects of this type, in order, from fragments too. What `@skip` and `@include`
/// leave out is no longer there when a document is executed.
fn selected<'a, T: OutputType>(ctx: &'a ContextSelectionSet<'a>, set: &'a SelectionSet) -> Vec<Selected<'a>> {
    let mut fields = Vec::with_capacity(set.items.len());
    add(&mut fields, ctx, &T::type_name(), set);
    fields
}

fn add<'a>(fields: &mut Vec<Selected<'a>>, ctx: &'a ContextSelectionSet<'a>, kind: &str, set: &'a SelectionSet) {
    for selection in &set.items {
        let (condition, set) = match &selection.node {
            Selection::Field(field) => {
                fields.push(Selected { ctx, field });
                continue;
            }
            Selection::InlineFragment(fragment) => {
                (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
            }
            // A document with an unknown fragment is refused before it is executed.
            Selection::FragmentSpread(spread) => match ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => (Some(&fragment.node.type_condition), &fragment.node.selection_set),
                None => continue,
            },
        };
        let condition = condition.map(|condition| condition.node.on.node.as_str());
        let is_meant = condition.is_none_or(|condition| {
            let interfaces = ctx.schema_env.registry.implements.get(kind);
            condition == kind || interfaces.is_some_and(|interfaces| interfaces.contains(condition))
        });
        if is_meant {
            add(fields, ctx, kind, &set.node);
        }
    }
}

/// The object with these values of its fields.
fn object(fields: &[Selected<'_>], values: impl IntoIterator<Item = Value>) -> Value {
    let mut object = IndexMap::with_capacity(fields.len());
    for (field, value) in fields.iter().zip(values) {
        merge(&mut object, field.key(), value);
    }
    Value::Object(object)
}

/// Adds a value under its key. What is selected twice under one key is one value with the fields of both.
fn merge(object: &mut IndexMap<Name, Value>, key: Name, value: Value) {
    let Some(present) = object.get_mut(&key) else {
        object.insert(key, value);
        return;
    };
    match (present, value) {
        (Value::Object(present), Value::Object(value)) => merge_all(present, value),
        (Value::List(present), Value::List(values)) => {
            for (present, value) in present.iter_mut().zip(values) {
                if let (Value::Object(present), Value::Object(value)) = (present, value) {
                    merge_all(present, value);
                }
            }
        }
        _ => {}
    }
}

fn merge_all(object: &mut IndexMap<Name, Value>, values: IndexMap<Name, Value>) {
    for (key, value) in values {
        merge(object, key, value);
    }
}

/// The rows as objects. Those of a list know their places in it.
async fn resolve<T: Row>(rows: &[&T], ctx: &ContextSelectionSet<'_>, is_list: bool) -> ServerResult<Vec<Value>> {
    let fields = selected::<T>(ctx, &ctx.item.node);
    T::gather(rows, &fields, ctx).await;
    let mut values = Vec::with_capacity(rows.len() * fields.len());
    let mut asked: Vec<BoxFuture<'_, ServerResult<(usize, Value)>>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for field in &fields {
            let value = field.value(*row);
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
        .map(|_| object(&fields, values.by_ref().take(fields.len())))
        .collect())
}

/// Asks the library for one field of one row.
async fn ask<T: Row>(
    row: &T,
    index: Option<usize>,
    Selected { ctx, field }: Selected<'_>,
    place: usize,
) -> ServerResult<(usize, Value)> {
    let Some(index) = index else {
        let value = row.resolve_field(&ctx.with_field(field)).await?;
        return Ok((place, value.unwrap_or_default()));
    };
    let ctx = ctx.with_index(index);
    let value = row.resolve_field(&ctx.with_field(field)).await;
    let value = value.map_err(|error| ctx.set_error_path(error))?;
    Ok((place, value.unwrap_or_default()))
}

/// Data of a request in which the library resolves every field, to compare its answers with.
#[derive(Clone, Copy, Debug)]
pub struct FieldByField;

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
        Ok(Value::List(resolve(&rows, ctx, true).await?))
    }
}

/// A row that stands alone.
#[derive(Clone, Debug)]
pub struct One<T>(pub T);

impl<T: Row> OutputType for One<T> {
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
        let mut values = resolve(&[&self.0], ctx, false).await?;
        Ok(values.pop().unwrap_or_default())
    }
}

/// What a row refers to, or why that could not be read; empty until it was gathered.
#[derive(Clone, Debug)]
pub struct Held<V>(OnceLock<Result<Option<V>>>);

impl<V> Default for Held<V> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<V> From<V> for Held<V> {
    fn from(value: V) -> Self {
        Self(OnceLock::from(Ok(Some(value))))
    }
}

impl<V> Held<V> {
    /// What is held: `Some(None)` if there is no such thing.
    pub fn get(&self) -> Option<Option<&V>> {
        self.0.get()?.as_ref().ok().map(Option::as_ref)
    }

    /// What is held, or is read now, together with what others read at the moment.
    pub async fn or_load<K, L>(&self, loader: &DataLoader<Metered<L>>, key: K) -> Result<Option<V>>
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
pub async fn hold<K, V, L>(loader: &DataLoader<Metered<L>>, rows: impl IntoIterator<Item = (K, &Held<V>)> + Send)
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    V: Send + Sync + Clone + 'static,
    L: Loader<K, Value = V, Error = Error>,
{
    let empty: Vec<_> = rows.into_iter().filter(|(_, held)| held.0.get().is_none()).collect();
    if empty.is_empty() {
        return;
    }
    let found = loader.load_many(empty.iter().map(|(key, _)| key.clone())).await;
    for (key, held) in empty {
        let value = found.as_ref().map(|found| found.get(&key).cloned());
        // It is held already if the same row was gathered for another field meanwhile.
        let _ = held.0.set(value.map_err(Clone::clone));
    }
}
