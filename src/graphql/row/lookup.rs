//! References of a row. They are loaded in one batch with the list of the row, or when the field is resolved.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use super::{Output, PlannedField, WriteJson};
use crate::domain::error::{Error, Result};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::server_error;
use crate::graphql::loader::Batch;

/// A referenced object, or the error of reading it; empty until it is loaded.
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
    /// Has no effect if the same row was prefetched concurrently for another field.
    fn set(&self, value: Result<Option<V>>) {
        let _ = self.0.set(value);
    }
}

/// Loads missing references of the rows: those that are not in memory in one batch.
pub async fn preload<B: Batch>(
    ctx: &ContextSelectionSet<'_>,
    rows: impl IntoIterator<Item = (B::Key, &Preloaded<B::Value>)> + Send,
) {
    let mut empty: Vec<_> = rows
        .into_iter()
        .filter(|(_, loaded)| loaded.0.get().is_none())
        .collect();
    let mut cached: HashMap<B::Key, Option<B::Value>> = HashMap::new();
    empty.retain(|(key, loaded)| {
        let value = cached
            .entry(key.clone())
            .or_insert_with(|| ctx.loaders().cached::<B>(key));
        if let Some(value) = value {
            loaded.set(Ok(Some(value.clone())));
        }
        value.is_none()
    });
    if empty.is_empty() {
        return;
    }
    let found = ctx
        .loaders()
        .load_many::<B>(empty.iter().map(|(key, _)| key.clone()))
        .await;
    for (key, loaded) in empty {
        let value = found.as_ref().map(|found| found.get(&key).cloned());
        loaded.set(value.map_err(Clone::clone));
    }
}

/// A field that a loader resolves by key. Null without a key or a value; if it is required, that is an error.
pub struct Lookup<'a, B: Batch, T, const REQUIRED: bool = false> {
    key: Option<B::Key>,
    preloaded: &'a Preloaded<B::Value>,
    convert: fn(B::Value) -> T,
}

/// A lookup of a non-null field.
pub type Required<'a, B, T> = Lookup<'a, B, T, true>;

impl<'a, B: Batch, T, const REQUIRED: bool> Lookup<'a, B, T, REQUIRED> {
    /// `preloaded` is used instead of the loader if it has a value.
    pub fn new(key: impl Into<Option<B::Key>>, preloaded: &'a Preloaded<B::Value>, convert: fn(B::Value) -> T) -> Self {
        Self {
            key: key.into(),
            preloaded,
            convert,
        }
    }

    async fn load(&self, ctx: &ContextSelectionSet<'_>) -> Result<Option<T>> {
        let value = match (&self.key, self.preloaded.0.get()) {
            (None, _) => None,
            (Some(_), Some(loaded)) => loaded.clone()?,
            (Some(key), None) => ctx.loaders().load::<B>(key.clone()).await?,
        };
        if REQUIRED && value.is_none() {
            let missing = anyhow::anyhow!("the loader {} has no value for a required field", B::NAME);
            return Err(Error::internal(missing));
        }
        Ok(value.map(self.convert))
    }
}

impl<B: Batch, T: OutputType, const REQUIRED: bool> OutputType for Lookup<'_, B, T, REQUIRED> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        if REQUIRED {
            T::qualified_type_name()
        } else {
            Option::<T>::qualified_type_name()
        }
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry);
        Self::qualified_type_name()
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match self.load(ctx).await {
            Ok(Some(value)) if REQUIRED => value.resolve(ctx, field).await,
            Ok(value) => value.resolve(ctx, field).await,
            Err(error) => {
                let error = ctx.set_error_path(server_error(error, field.pos));
                if REQUIRED {
                    return Err(error);
                }
                ctx.add_error(error);
                Ok(Value::Null)
            }
        }
    }
}

impl<B: Batch, T: WriteJson, const REQUIRED: bool> WriteJson for Lookup<'_, B, T, REQUIRED> {
    fn write(&self, field: &PlannedField<'_>, output: &mut Output<'_>) -> Option<()> {
        match (&self.key, self.preloaded.0.get()) {
            (None, _) | (_, Some(Ok(None))) if !REQUIRED => None::<T>.write(field, output),
            (Some(_), Some(Ok(Some(value)))) => (self.convert)(value.clone()).write(field, output),
            // Not preloaded, or reading failed.
            _ => None,
        }
    }
}
