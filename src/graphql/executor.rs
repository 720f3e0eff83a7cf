//! One operation, from what a client sent to its answer: found or read, measured, paid for, run.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{OperationDefinition, OperationType};
use async_graphql::{Request, Response, ServerError, ValidationMode, Value, Variables};
use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};
use tracing::Instrument as _;

use super::context::{RequestContext, Spending};
use super::cost::{Cost, CostModel};
use super::delivery::Shared;
use super::document::{Document, Documents, Hash, Unusable, hash_of, read_hash};
use super::event::EVENT_CURSOR;
use super::handler::{Parameters, PersistedQuery, Refusal};
use super::limits::Excess;
use super::measure::Names;
use super::persisted::Persisted;
use super::upload::Uploads;
use super::websocket::Places;
use super::{Schema, allowed, schema, variables};
use crate::config::{Config, GraphqlConfig};
use crate::domain::Domain;
use crate::domain::clock::Timestamp;
use crate::domain::event::EventCursor;
use crate::http::caller::Caller;
use crate::http::rate_limit::{Client, Exhausted, RateLimiter, RequestLimits, Tier};
use crate::redis::Redis;

/// Runs operations.
pub struct Executor {
    schema: Schema,
    /// The same for operations that are known to be valid: it does not check them again. Made when there is one, for it
    /// takes a megabyte.
    unchecked: OnceLock<Schema>,
    config: GraphqlConfig,
    documents: Documents,
    persisted: Option<Persisted>,
    costs: CostModel,
    max_complexity: u64,
    /// Whether what the schema holds may be told.
    is_introspectable: bool,
    budgets: Option<Budgets>,
    shared: Shared,
    places: Places,
    names: Names,
}

/// What clients may spend in a minute.
struct Budgets {
    points: RateLimiter,
    /// Signing in, and uploading; together with REST.
    requests: Arc<RequestLimits>,
}

/// An operation that may run once it is paid for.
pub(super) struct Operation {
    pub(super) document: Arc<Document>,
    pub(super) name: Option<String>,
    given: Option<Map<String, Json>>,
    pub(super) cost: Cost,
}

/// An operation that is paid for.
pub(super) struct Admitted {
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
        let limits = config.graphql.limits;
        let budgets = requests.map(|requests| Budgets {
            points: RateLimiter::new("points", config.graphql.points_per_minute, redis),
            requests,
        });
        let schema = schema(&config.graphql, ValidationMode::Strict);
        Self {
            costs: CostModel::of(&schema.sdl()),
            schema,
            unchecked: OnceLock::new(),
            config: config.graphql.clone(),
            documents: Documents::new(limits),
            persisted: redis.map(|redis| Persisted::new(redis.clone())),
            max_complexity: limits.complexity,
            is_introspectable: config.graphql.introspection,
            budgets,
            shared: Shared::default(),
            places: Places::new(config.graphql.websocket.connections),
            names: Names::default(),
        }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The answers that subscriptions share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The places for sockets.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Waits until every socket is closed. From then on none is opened.
    pub async fn websockets_closed(&self) {
        self.places.all_left().await;
    }

    pub(super) fn costs(&self) -> &CostModel {
        &self.costs
    }

    /// The operation that is meant, if it keeps to the limits and has the variables it needs.
    pub(super) async fn prepare(&self, parameters: Parameters) -> Result<Operation, Refusal> {
        let document = self
            .document(parameters.query, parameters.extensions.persisted_query)
            .await?;
        let name = parameters.operation_name;
        self.check_introspection(&document, name.as_deref())?;
        let cost = match document.operation(name.as_deref()) {
            Some(operation) => self.measure(&document, operation, parameters.variables.as_ref())?,
            // Which operation is meant is a question that execution answers.
            None => Cost::default(),
        };
        Ok(Operation {
            document,
            name,
            given: parameters.variables,
            cost,
        })
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
                let document = self.documents.read(text, hash).map_err(unusable)?;
                if let (Some(persisted), Some(hash)) = (&self.persisted, hash) {
                    persisted.keep(&hash, &document.text).await;
                }
                Ok(document)
            }
        }
    }

    /// The document that was sent before with this hash, to this node or to another.
    async fn known(&self, hash: Hash) -> Result<Arc<Document>, Refusal> {
        if let Some(document) = self.documents.find(&hash) {
            return Ok(document);
        }
        let text = match &self.persisted {
            Some(persisted) => persisted.find(&hash).await,
            None => None,
        };
        match text {
            Some(text) => self.documents.read(text, Some(hash)).map_err(unusable),
            None => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "PERSISTED_QUERY_NOT_FOUND",
                "PersistedQueryNotFound",
            )),
        }
    }

    /// The library answers introspection that is off with null, as if there were no schema.
    fn check_introspection(&self, document: &Document, operation: Option<&str>) -> Result<(), Refusal> {
        if self.is_introspectable {
            return Ok(());
        }
        let asked = ["__schema", "__type"]
            .iter()
            .find(|field| document.selects_at_root(operation, field));
        let Some(field) = asked else {
            return Ok(());
        };
        let message = format!("Introspection is switched off on this server, so there is no field '{field}'");
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "GRAPHQL_VALIDATION_FAILED",
            message,
        ))
    }

    fn measure(
        &self,
        document: &Document,
        operation: &OperationDefinition,
        given: Option<&Map<String, Json>>,
    ) -> Result<Cost, Refusal> {
        variables::check(operation, given)
            .map_err(|message| Refusal::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message))?;
        let cost = self.costs.cost(&document.parsed, operation, given);
        if cost.points > self.max_complexity {
            let message = format!(
                "The operation passes the limit of complexity: {}; up to {} are allowed. Ask for fewer rows with first",
                cost.points, self.max_complexity
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message));
        }
        Ok(cost)
    }

    /// Pays for the operation and runs it.
    pub(super) async fn run(&self, domain: &Domain, caller: Caller, operation: Operation) -> Result<Response, Refusal> {
        let admitted = self.admit(domain, caller, operation).await?;
        Ok(self.execute(domain, admitted, Uploads::default()).await)
    }

    /// Pays for the operation. Its files need not be here yet.
    pub(super) async fn admit(
        &self,
        domain: &Domain,
        caller: Caller,
        operation: Operation,
    ) -> Result<Admitted, Refusal> {
        let spending = self.spend(&caller, operation.cost, domain.clock().now()).await?;
        let began_at = began_at(domain, &caller, &operation).await?;
        Ok(Admitted {
            operation,
            caller,
            spending,
            began_at,
        })
    }

    /// Runs an operation that is paid for, with the files that came with it.
    pub(super) async fn execute(&self, domain: &Domain, admitted: Admitted, uploads: Uploads) -> Response {
        let Admitted {
            operation,
            caller,
            spending,
            began_at,
        } = admitted;
        let is_known = caller.actor.user_id().is_some();
        let context = RequestContext::new(domain.clone(), caller, spending, uploads).beginning_at(began_at);
        let measuring = self.names.begin(&operation, is_known);
        let request = operation.request(operation.variables(), context);
        let is_known_valid = operation.is_known_valid();
        let schema = if is_known_valid {
            self.unchecked
                .get_or_init(|| schema(&self.config, ValidationMode::Fast))
        } else {
            &self.schema
        };
        let mut response = self.explained(schema.execute(request).instrument(measuring.span()).await);
        if !is_known_valid && began(&response) {
            operation.document.note_valid();
        }
        measuring.end(&response);
        if let Some(spending) = spending {
            response.extensions.insert("cost".to_owned(), spending.into());
        }
        response
    }

    /// The response with what is allowed, where it only says what is not.
    pub(super) fn explained(&self, mut response: Response) -> Response {
        if self.is_introspectable && !began(&response) {
            for error in &mut response.errors {
                allowed::explain(&mut error.message);
            }
        }
        response
    }

    /// Takes the cost from the client's budgets. Every operation costs a point at least.
    pub(super) async fn spend(&self, caller: &Caller, cost: Cost, now: Timestamp) -> Result<Option<Spending>, Refusal> {
        let Some(budgets) = &self.budgets else {
            return Ok(None);
        };
        let client = Client::of(caller);
        if cost.strict() > 0 {
            budgets
                .requests
                .of(Tier::Strict)
                .spend(client, cost.strict(), now)
                .await
                .map_err(|exhausted| rate_limited("times to register, log in, refresh or upload", exhausted))?;
        }
        let points = u32::try_from(cost.points.max(1)).unwrap_or(u32::MAX);
        let allowance = budgets
            .points
            .spend(client, points, now)
            .await
            .map_err(|exhausted| rate_limited("points", exhausted))?;
        Ok(Some(Spending {
            cost: points,
            allowance,
        }))
    }
}

impl Operation {
    /// Whether it only reads. One that cannot be found is left to execution.
    pub(super) fn is_query(&self) -> bool {
        match self.document.operation(self.name.as_deref()) {
            Some(operation) => operation.ty == OperationType::Query,
            None => self
                .document
                .parsed
                .operations
                .iter()
                .all(|(_, operation)| operation.node.ty == OperationType::Query),
        }
    }

    /// Whether it was checked before, and its variables can make no difference.
    fn is_known_valid(&self) -> bool {
        let operation = self.document.operation(self.name.as_deref());
        self.document.is_valid()
            && operation.is_some_and(|operation| variables::are_plain(operation, self.given.as_ref()))
    }

    /// Whether it goes on, and is answered with each event.
    pub(super) fn is_subscription(&self) -> bool {
        let operation = self.document.operation(self.name.as_deref());
        operation.is_some_and(|operation| operation.ty == OperationType::Subscription)
    }

    /// The variables that were given with it.
    pub(super) fn variables(&self) -> Variables {
        Variables::from_json(self.given.clone().map_or(Json::Null, Json::Object))
    }

    /// What the library executes, in this context. The text is not looked at again: the parsed document goes with it.
    pub(super) fn request(&self, variables: Variables, context: RequestContext) -> Request {
        let mut request = Request::new("").variables(variables).data(context);
        request.operation_name.clone_from(&self.name);
        request.set_parsed_query(self.document.parsed.clone());
        match self.document.nothing_to_merge {
            Some(nothing_to_merge) => request.data(nothing_to_merge),
            None => request,
        }
    }

    /// The variables that were given with it, by name.
    pub(super) fn given(&self) -> Option<&Map<String, Json>> {
        self.given.as_ref()
    }

    /// Whether somebody signs in by it.
    pub(super) fn signs_in(&self) -> bool {
        self.cost.sign_ins > 0
    }

    /// How many files it takes.
    pub(super) fn uploads(&self) -> usize {
        self.cost.uploads as usize
    }

    /// Tells this operation and its variables from others.
    pub(super) fn fingerprint(&self) -> String {
        let whole = json!([self.document.text, self.name, self.given]);
        hex::encode(hash_of(&whole.to_string()))
    }
}

impl PersistedQuery {
    fn hash(&self) -> Result<Hash, Refusal> {
        if self.version != 1 {
            return Err(Refusal::bad_request(format!(
                "extensions.persistedQuery.version is {}; only 1 is supported",
                self.version
            )));
        }
        read_hash(&self.sha256_hash).ok_or_else(|| {
            Refusal::bad_request(format!(
                "extensions.persistedQuery.sha256Hash is '{}'; send 64 hexadecimal digits",
                self.sha256_hash.chars().take(80).collect::<String>()
            ))
        })
    }
}

/// Where the event log stands, if the operation asks for it and its caller may know. A snapshot is only
/// good beside a cursor that was read before it, and the fields of a query are resolved at the same time.
async fn began_at(domain: &Domain, caller: &Caller, operation: &Operation) -> Result<Option<EventCursor>, Refusal> {
    let is_asked_for = operation
        .document
        .selects_at_root(operation.name.as_deref(), EVENT_CURSOR);
    if is_asked_for && caller.actor.user_id().is_some() {
        Ok(Some(domain.events().head(&caller.actor).await?))
    } else {
        Ok(None)
    }
}

/// Whether execution began: the document was valid.
pub(super) fn began(response: &Response) -> bool {
    response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}

fn unusable(reason: Unusable) -> Refusal {
    let (code, error) = match reason {
        Unusable::Excess(Excess::Limit(message)) => ("LIMIT_EXCEEDED", ServerError::new(message, None)),
        Unusable::Excess(Excess::Cycle(message)) => ("GRAPHQL_VALIDATION_FAILED", ServerError::new(message, None)),
        Unusable::Syntax(error) => ("GRAPHQL_PARSE_FAILED", error),
    };
    Refusal::of(StatusCode::BAD_REQUEST, code, error)
}

fn rate_limited(what: &str, exhausted: Exhausted) -> Refusal {
    let seconds = exhausted.retry_after.as_secs();
    let message = format!(
        "You have {} of {} {what} left for this minute, which is too little: try again in {seconds} s",
        exhausted.allowance.remaining, exhausted.allowance.limit
    );
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(seconds)
}
