//! Data loaders: they read the references of all rows in one batch for each type.
//!
//! Loaders belong to one request and one actor, and call scoped reads, so they never hold what the actor may not see.
//! Each [`Batch`] is defined in the module of its type. A request creates a loader when it is first used.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::Timer;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::telemetry::metric;

/// Domain and actor of a batch.
pub struct LoaderContext {
    /// The use cases.
    pub domain: Domain,
    /// The actor whose permissions limit the batch.
    pub actor: Actor,
}

/// A lookup by many keys at once.
pub trait Batch: Sized + Send + Sync + 'static {
    /// Key of the lookup.
    type Key: Send + Sync + Hash + Eq + Clone + 'static;
    /// Value of a key.
    type Value: Send + Sync + Clone + 'static;

    /// Label of the loader in metrics.
    const NAME: &'static str;

    /// The value of a key, if it is in memory: a preloaded reference then waits for no batch.
    fn cached(_context: &LoaderContext, _key: &Self::Key) -> Option<Self::Value> {
        None
    }

    /// Looks up all keys. The result omits keys without a value.
    fn load(context: &LoaderContext, keys: &[Self::Key]) -> impl Future<Output = Loaded<Self>> + Send;
}

/// Values of a batch by key.
pub type Loaded<B> = Result<HashMap<<B as Batch>::Key, <B as Batch>::Value>>;

/// The loaders of a request.
pub struct Loaders {
    context: Arc<LoaderContext>,
    /// Dropped with the request, which cancels running batches. Created with the first loader: many requests use none.
    request: OnceLock<watch::Sender<()>>,
    created: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Loaders {
    pub(super) fn new(domain: &Domain, actor: Actor) -> Self {
        let domain = domain.clone();
        Self {
            context: Arc::new(LoaderContext { domain, actor }),
            request: OnceLock::new(),
            created: Mutex::default(),
        }
    }

    /// The value of one key. Concurrent calls share one batch.
    pub async fn load<B: Batch>(&self, key: B::Key) -> Result<Option<B::Value>> {
        self.loader::<B>().load_one(key).await
    }

    /// The values of several keys.
    pub async fn load_many<B: Batch>(&self, keys: impl IntoIterator<Item = B::Key> + Send) -> Loaded<B> {
        self.loader::<B>().load_many(keys).await
    }

    /// The value of a key, if it is in memory.
    pub fn cached<B: Batch>(&self, key: &B::Key) -> Option<B::Value> {
        B::cached(&self.context, key)
    }

    fn loader<B: Batch>(&self) -> Arc<DataLoader<Counted<B>>> {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let loader = created.get(&TypeId::of::<B>()).cloned();
        let loader = loader.and_then(|loader| loader.downcast().ok());
        loader.unwrap_or_else(|| {
            let loader = Arc::new(self.create());
            let shared: Arc<dyn Any + Send + Sync> = Arc::<DataLoader<Counted<B>>>::clone(&loader);
            created.insert(TypeId::of::<B>(), shared);
            loader
        })
    }

    /// By default the library waits a millisecond for more keys at each level of a query. All resolvers of one level
    /// run in one poll of the request's task, so it is enough to yield once.
    fn create<B: Batch>(&self) -> DataLoader<Counted<B>> {
        let request = self.request.get_or_init(|| watch::Sender::new(()));
        let spawner = Spawner {
            runtime: Handle::current(),
            request: request.subscribe(),
        };
        let counted = Counted {
            context: Arc::clone(&self.context),
            batch: PhantomData,
        };
        DataLoader::new(counted, spawner, Yield)
    }
}

/// Records the number of keys of a batch.
struct Counted<B> {
    context: Arc<LoaderContext>,
    batch: PhantomData<B>,
}

impl<B: Batch> Loader<B::Key> for Counted<B> {
    type Value = B::Value;
    type Error = Error;

    async fn load(&self, keys: &[B::Key]) -> Loaded<B> {
        metrics::histogram!(metric::LOADER_BATCH, "loader" => B::NAME).record(metric::number(keys.len()));
        B::load(&self.context, keys).await
    }
}

/// Spawns batches in the trace of their request, and cancels them when it ends. No statement runs for a disconnected
/// client.
struct Spawner {
    runtime: Handle,
    request: watch::Receiver<()>,
}

impl Spawn for Spawner {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let mut request = self.request.clone();
        let batch = async move {
            tokio::select! {
                biased;
                () = future => {}
                // Completes only when the sender is dropped.
                _ = request.changed() => {}
            }
        };
        self.runtime.spawn(batch.in_current_span());
        Ok(())
    }
}

/// Yields once, regardless of the duration.
struct Yield;

impl Timer for Yield {
    fn delay(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// Groups parents by the arguments of their field, and calls `load` once for each group. An error affects only its
/// group: the same field with other arguments, under another alias, still succeeds.
pub async fn load_by_arguments<P, A, V, F>(keys: &[(P, A)], load: impl Fn(Vec<P>, A) -> F) -> HashMap<(P, A), Result<V>>
where
    P: Copy + Eq + Hash,
    A: Clone + Eq + Hash,
    F: Future<Output = Result<Vec<(P, V)>>>,
{
    let mut parents: HashMap<&A, Vec<P>> = HashMap::new();
    for (parent, arguments) in keys {
        parents.entry(arguments).or_default().push(*parent);
    }
    let mut results = HashMap::new();
    for (arguments, parents) in parents {
        let key = |parent| (parent, arguments.clone());
        match load(parents.clone(), arguments.clone()).await {
            Ok(found) => results.extend(found.into_iter().map(|(parent, value)| (key(parent), Ok(value)))),
            Err(error) => results.extend(parents.into_iter().map(|parent| (key(parent), Err(error.clone())))),
        }
    }
    results
}
