//! Data loaders: what the rows of a page refer to is read in one batch for each kind.
//!
//! Loaders belong to one request and one actor, and call scoped reads, so they never hold what the actor may not see.
//! Each [`Batch`] is defined beside its noun; a request creates its loader when a resolver first asks for it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
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

/// What loaders read from, and the actor they read for.
pub struct LoaderContext {
    /// The use cases.
    pub domain: Domain,
    /// Who asks.
    pub actor: Actor,
}

/// A look-up by many keys at once.
pub trait Batch: Sized + Send + Sync + 'static {
    /// What is looked up by.
    type Key: Send + Sync + Hash + Eq + Clone + 'static;
    /// What is found.
    type Value: Send + Sync + Clone + 'static;

    /// Its name in the metrics.
    const NAME: &'static str;

    /// Looks up all keys. Those without a value are left out.
    fn load(context: &LoaderContext, keys: &[Self::Key]) -> impl Future<Output = Loaded<Self>> + Send;
}

/// What a batch found, by key.
pub type Loaded<B> = Result<HashMap<<B as Batch>::Key, <B as Batch>::Value>>;

/// The loaders of a request.
pub struct Loaders {
    context: Arc<LoaderContext>,
    /// Dropped with the request, and the batches that still run with it.
    request: watch::Sender<()>,
    created: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Loaders {
    pub(super) fn new(domain: &Domain, actor: Actor) -> Self {
        let domain = domain.clone();
        Self {
            context: Arc::new(LoaderContext { domain, actor }),
            request: watch::Sender::new(()),
            created: Mutex::default(),
        }
    }

    /// The value of one key. Keys that resolvers ask for at the same time are looked up together.
    pub async fn load<B: Batch>(&self, key: B::Key) -> Result<Option<B::Value>> {
        self.loader::<B>().load_one(key).await
    }

    /// The values of several keys.
    pub async fn load_many<B: Batch>(&self, keys: impl IntoIterator<Item = B::Key> + Send) -> Loaded<B> {
        self.loader::<B>().load_many(keys).await
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

    /// The default is to wait a millisecond for more keys, at each level of a query. Resolvers of one level run in one
    /// poll of the request's task; once that has yielded, all keys are there.
    fn create<B: Batch>(&self) -> DataLoader<Counted<B>> {
        let spawner = Spawner {
            runtime: Handle::current(),
            request: self.request.subscribe(),
        };
        let counted = Counted {
            context: Arc::clone(&self.context),
            batch: PhantomData,
        };
        DataLoader::new(counted, spawner, Yield)
    }
}

/// Runs a batch and counts its keys.
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

/// Spawns batches in the trace of their request. They end with it, so that no statement runs for a client that is gone.
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
                // Nothing is ever sent: it only ends.
                _ = request.changed() => {}
            }
        };
        self.runtime.spawn(batch.in_current_span());
        Ok(())
    }
}

/// Waits until the tasks that are ready have had their turn, however long that is.
struct Yield;

impl Timer for Yield {
    fn delay(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// Looks up parents whose field has the same arguments together. Arguments that are refused are refused for these
/// parents only: the same field with other arguments, under another alias, still gets its answer.
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
