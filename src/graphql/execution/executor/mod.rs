//! Runs operations: finds or parses the document, checks its cost, takes it from the budget, and executes it.

mod budgets;

use std::sync::Arc;

use async_graphql::Response;
use axum::http::StatusCode;
use futures_util::future::join_all;
use tracing::Instrument as _;

pub(in crate::graphql) use self::budgets::EventBudget;
use self::budgets::{Budgets, check_credentials, cost_for};
use super::concurrency::HeavyOperations;
use super::document::{Document, Front, Hash, hash_of};
use super::metrics::OperationMetrics;
use super::operation::Operation;
use super::parameters::{Parameters, PersistedQuery};
use super::persisted::Persisted;
use super::response::{Body, Refusal};
use crate::config::Config;
use crate::domain::Domain;
use crate::domain::event::EventCursor;
use crate::graphql::context::{RequestContext, Spending};
use crate::graphql::response_size::ResponseSize;
use crate::graphql::types::event::EVENT_CURSOR;
use crate::graphql::upload::Uploads;
use crate::graphql::{Schema, schema};
use crate::http::caller::Caller;
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;

/// Prepares and executes operations.
pub struct Executor {
    pub(in crate::graphql) domain: Domain,
    pub(in crate::graphql) schema: Schema,
    pub(in crate::graphql) front: Front,
    heavy: HeavyOperations,
    max_response_bytes: usize,
    persisted: Option<Persisted>,
    budgets: Option<Budgets>,
    metrics: OperationMetrics,
}

/// An operation whose cost is already taken from the budget.
pub(in crate::graphql) struct Admitted {
    operation: Operation,
    caller: Caller,
    spending: Option<Spending>,
    /// The head of the event log before execution, if the operation selects it.
    began_at: Option<EventCursor>,
}

impl Executor {
    /// Creates an executor. Nodes share documents and budgets through Redis, if it is configured.
    /// Without request limits there is no limit of points either.
    #[must_use]
    pub fn new(config: &Config, domain: Domain, redis: Option<&Redis>, requests: Option<Arc<RequestLimits>>) -> Self {
        Self {
            domain,
            schema: schema(&config.graphql),
            front: Front::new(&config.graphql),
            heavy: HeavyOperations::default(),
            max_response_bytes: config.graphql.limits.response_bytes,
            persisted: redis.map(|redis| Persisted::new(redis.clone())),
            budgets: requests.map(|requests| Budgets::new(&config.graphql, redis, requests)),
            metrics: OperationMetrics::default(),
        }
    }

    /// Parses and validates one operation within the limits, and coerces its variables.
    pub(in crate::graphql) async fn prepare(
        &self,
        parameters: Parameters,
        shows_cost: bool,
    ) -> Result<Operation, Refusal> {
        let operation = self.read(parameters, shows_cost).await?;
        check_credentials([&operation])?;
        Ok(operation)
    }

    /// Prepares the operations of a batch. A refused operation does not affect the others.
    pub(in crate::graphql) async fn prepare_batch(
        &self,
        batch: Vec<Parameters>,
        shows_cost: bool,
    ) -> Result<Vec<Result<Operation, Refusal>>, Refusal> {
        let operations = batch.into_iter().map(|parameters| self.read(parameters, shows_cost));
        let operations = join_all(operations).await;
        check_credentials(operations.iter().flatten())?;
        Ok(operations)
    }

    async fn read(&self, parameters: Parameters, shows_cost: bool) -> Result<Operation, Refusal> {
        let document = self
            .document(parameters.query, parameters.extensions.persisted_query)
            .await?;
        let (name, given) = (parameters.operation_name, parameters.variables);
        Ok(Operation {
            prepared: self.front.prepare(&document, name.as_deref(), given.as_ref())?,
            document,
            name,
            given,
            response_size: Arc::new(self.response_size()),
            shows_cost,
        })
    }

    /// A counter of the response size of one request.
    pub(in crate::graphql) fn response_size(&self) -> ResponseSize {
        ResponseSize::new(self.max_response_bytes)
    }

    async fn document(
        &self,
        text: Option<String>,
        persisted: Option<PersistedQuery>,
    ) -> Result<Arc<Document>, Refusal> {
        let hash = persisted.map(|persisted| persisted.hash()).transpose()?;
        match (text.filter(|text| !text.is_empty()), hash) {
            (None, Some(hash)) => self.known(hash).await,
            (None, None) => Err(Refusal::bad_request(
                "query is missing; send the GraphQL document as a string",
            )),
            (Some(text), Some(hash)) if hash_of(&text) != hash => Err(Refusal::bad_request(
                "extensions.persistedQuery.sha256Hash is not the SHA-256 of the query",
            )),
            (Some(text), hash) => {
                let document = self.front.read(text, hash)?;
                if let (Some(persisted), Some(hash)) = (&self.persisted, hash) {
                    persisted.keep(&hash, &document.text).await;
                }
                Ok(document)
            }
        }
    }

    /// Looks up a persisted query in this node, then in Redis.
    async fn known(&self, hash: Hash) -> Result<Arc<Document>, Refusal> {
        if let Some(document) = self.front.find(&hash) {
            return Ok(document);
        }
        if let Some(persisted) = &self.persisted
            && let Some(text) = persisted.find(&hash).await
        {
            return Ok(self.front.read(text, Some(hash))?);
        }
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "PERSISTED_QUERY_NOT_FOUND",
            "PersistedQueryNotFound",
        ))
    }

    /// Takes the cost of the operation from the budget and executes it.
    pub(in crate::graphql) async fn run(&self, caller: Caller, operation: Operation) -> Result<Body, Refusal> {
        let admitted = self.admit(caller, operation).await?;
        Ok(self.execute(admitted, Uploads::default()).await)
    }

    /// Takes the cost of the operation from the budget. Its files can arrive later.
    pub(in crate::graphql) async fn admit(&self, caller: Caller, operation: Operation) -> Result<Admitted, Refusal> {
        let spending = self.spend(&caller, &operation).await?;
        let began_at = self.began_at(&caller, &operation).await?;
        Ok(Admitted {
            operation,
            caller,
            spending,
            began_at,
        })
    }

    /// Executes an admitted operation with its files.
    pub(in crate::graphql) async fn execute(&self, admitted: Admitted, uploads: Uploads) -> Body {
        let Admitted {
            operation,
            mut caller,
            spending,
            began_at,
        } = admitted;
        if !operation.is_query() {
            caller.actor = caller.actor.without_stamp();
        }
        let is_user = caller.actor.user_id().is_some();
        let cost = cost_for(&caller, operation.prepared.cost);
        let size = Arc::clone(&operation.response_size);
        let mut context = RequestContext::new(self.domain.clone(), caller, spending, uploads, size);
        context.event_cursor = began_at;
        let measuring = self.metrics.begin(&operation, is_user);
        let request = operation.prepared.operation.request(operation.variables(), context);
        let _permit = self.heavy.acquire(cost).await;
        let mut response = self.schema.execute(request).instrument(measuring.span()).await;
        if let Err(error) = operation.response_size.take_rest(&response.data) {
            response = Response::from_errors(vec![operation.at_root(error)]);
        }
        measuring.end(&response);
        if operation.shows_cost
            && let Some(spending) = spending
        {
            response.extensions.insert("cost".to_owned(), spending.into());
        }
        response.into()
    }

    /// The head of the event log, if the operation selects it and the caller is signed in. It is read before execution:
    /// the cursor must not be newer than the data beside it, and the fields of a query are resolved concurrently.
    async fn began_at(&self, caller: &Caller, operation: &Operation) -> Result<Option<EventCursor>, Refusal> {
        let is_selected = operation.prepared.operation.root_field(EVENT_CURSOR).is_some();
        if is_selected && caller.actor.user_id().is_some() {
            Ok(Some(self.domain.events().head(&caller.actor).await?))
        } else {
            Ok(None)
        }
    }
}
