//! Runs operations, from what a client sent to its answer: found or read, measured, paid for, run.

mod budgets;

use std::sync::Arc;

use async_graphql::Response;
use axum::http::StatusCode;
use futures_util::future::join_all;
use tracing::Instrument as _;

use self::budgets::{Budgets, check_credentials, cost_for};
use super::concurrency::HeavyOperations;
use super::document::{Document, Front, Hash, Unprepared, Unusable, hash_of};
use super::metrics::Names;
use super::model::Model;
use super::operation::Operation;
use super::parameters::{Parameters, PersistedQuery};
use super::persisted::Persisted;
use super::response::Refusal;
use crate::config::Config;
use crate::domain::Domain;
use crate::domain::event::EventCursor;
use crate::graphql::answer_size::AnswerSize;
use crate::graphql::context::{RequestContext, Spending};
use crate::graphql::types::event::EVENT_CURSOR;
use crate::graphql::upload::Uploads;
use crate::graphql::{Schema, schema};
use crate::http::caller::Caller;
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;

/// Runs operations.
pub struct Executor {
    schema: Schema,
    front: Front,
    heavy: HeavyOperations,
    max_response_bytes: usize,
    persisted: Option<Persisted>,
    budgets: Option<Budgets>,
    names: Names,
}

/// An operation that is paid for.
pub(in crate::graphql) struct Admitted {
    operation: Operation,
    caller: Caller,
    spending: Option<Spending>,
    /// Where the event log stood, if the operation asks for it.
    began_at: Option<EventCursor>,
}

impl Executor {
    /// An executor under these settings, which shares documents and budgets with others by Redis if there is one.
    /// Without limits of requests there is none of points either.
    #[must_use]
    pub fn new(config: &Config, redis: Option<&Redis>, requests: Option<Arc<RequestLimits>>) -> Self {
        Self {
            schema: schema(&config.graphql),
            front: Front::new(&config.graphql),
            heavy: HeavyOperations::default(),
            max_response_bytes: config.graphql.limits.response_bytes,
            persisted: redis.map(|redis| Persisted::new(redis.clone())),
            budgets: requests.map(|requests| Budgets::new(&config.graphql, redis, requests)),
            names: Names::default(),
        }
    }

    pub(in crate::graphql) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The types of the schema.
    pub(in crate::graphql) fn model(&self) -> &Model {
        self.front.model()
    }

    /// The operation that is meant, if it keeps to the limits and has the variables it needs.
    pub(in crate::graphql) async fn prepare(&self, parameters: Parameters) -> Result<Operation, Refusal> {
        let operation = self.read(parameters).await?;
        check_credentials([&operation])?;
        Ok(operation)
    }

    /// The operations of a batch, each by itself: one that is refused does not keep the others from running.
    pub(in crate::graphql) async fn prepare_batch(
        &self,
        batch: Vec<Parameters>,
    ) -> Result<Vec<Result<Operation, Refusal>>, Refusal> {
        let operations = join_all(batch.into_iter().map(|parameters| self.read(parameters))).await;
        check_credentials(operations.iter().flatten())?;
        Ok(operations)
    }

    async fn read(&self, parameters: Parameters) -> Result<Operation, Refusal> {
        let document = self
            .document(parameters.query, parameters.extensions.persisted_query)
            .await?;
        let (name, given) = (parameters.operation_name, parameters.variables);
        let prepared = self.front.prepare(&document, name.as_deref(), given.as_ref());
        Ok(Operation {
            prepared: prepared.map_err(unprepared)?,
            document,
            name,
            given,
            answer_size: Arc::new(self.answer_size()),
        })
    }

    /// How large the answers of a request may become.
    pub(in crate::graphql) fn answer_size(&self) -> AnswerSize {
        AnswerSize::new(self.max_response_bytes)
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
                let document = self.front.read(text, hash).map_err(unusable)?;
                if let (Some(persisted), Some(hash)) = (&self.persisted, hash) {
                    persisted.keep(&hash, &document.text).await;
                }
                Ok(document)
            }
        }
    }

    /// The document that was sent before with this hash, to this node or to another.
    async fn known(&self, hash: Hash) -> Result<Arc<Document>, Refusal> {
        if let Some(document) = self.front.find(&hash) {
            return Ok(document);
        }
        let text = match &self.persisted {
            Some(persisted) => persisted.find(&hash).await,
            None => None,
        };
        match text {
            Some(text) => self.front.read(text, Some(hash)).map_err(unusable),
            None => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "PERSISTED_QUERY_NOT_FOUND",
                "PersistedQueryNotFound",
            )),
        }
    }

    /// Pays for the operation and runs it.
    pub(in crate::graphql) async fn run(
        &self,
        domain: &Domain,
        caller: Caller,
        operation: Operation,
    ) -> Result<Response, Refusal> {
        let admitted = self.admit(domain, caller, operation).await?;
        Ok(self.execute(domain, admitted, Uploads::default()).await)
    }

    /// Pays for the operation. Its files need not be here yet.
    pub(in crate::graphql) async fn admit(
        &self,
        domain: &Domain,
        caller: Caller,
        operation: Operation,
    ) -> Result<Admitted, Refusal> {
        let spending = self.spend(domain, &caller, &operation).await?;
        let began_at = began_at(domain, &caller, &operation).await?;
        Ok(Admitted {
            operation,
            caller,
            spending,
            began_at,
        })
    }

    /// Runs an operation that is paid for, with the files that came with it.
    pub(in crate::graphql) async fn execute(&self, domain: &Domain, admitted: Admitted, uploads: Uploads) -> Response {
        let Admitted {
            operation,
            mut caller,
            spending,
            began_at,
        } = admitted;
        if !operation.is_query() {
            caller.actor = caller.actor.without_stamp();
        }
        let is_known = caller.actor.user_id().is_some();
        let cost = cost_for(&caller, operation.prepared.cost);
        let size = Arc::clone(&operation.answer_size);
        let context = RequestContext::new(domain.clone(), caller, spending, uploads, size).beginning_at(began_at);
        let measuring = self.names.begin(&operation, is_known);
        let request = operation.request(operation.variables(), context);
        let _turn = self.heavy.turn(cost).await;
        let mut response = self.schema.execute(request).instrument(measuring.span()).await;
        if let Err(error) = operation.answer_size.take_rest(&response.data) {
            response = Response::from_errors(vec![operation.at_root(error)]);
        }
        measuring.end(&response);
        if let Some(spending) = spending {
            response.extensions.insert("cost".to_owned(), spending.into());
        }
        response
    }
}

/// Where the event log stands, if the operation asks for it and its caller may know. A snapshot is only
/// good beside a cursor that was read before it, and the fields of a query are resolved at the same time.
async fn began_at(domain: &Domain, caller: &Caller, operation: &Operation) -> Result<Option<EventCursor>, Refusal> {
    let is_asked_for = operation.prepared.operation.selects_at_root(EVENT_CURSOR);
    if is_asked_for && caller.actor.user_id().is_some() {
        Ok(Some(domain.events().head(&caller.actor).await?))
    } else {
        Ok(None)
    }
}

fn unusable(reason: Unusable) -> Refusal {
    let (code, problems) = reason.into_problems();
    Refusal::of_problems(StatusCode::BAD_REQUEST, code, problems)
}

fn unprepared(reason: Unprepared) -> Refusal {
    let (code, problem) = reason.into_problem();
    Refusal::of_problems(StatusCode::BAD_REQUEST, code, vec![problem])
}
