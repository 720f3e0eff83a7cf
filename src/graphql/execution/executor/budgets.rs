//! Rate limits of operations: points, and the request limits that GraphQL shares with REST.

use std::sync::Arc;
use std::time::Duration;

use async_graphql_value::{ConstValue, Value};
use axum::http::StatusCode;
use secrecy::SecretString;

use super::{Executor, Operation};
use crate::config::GraphqlConfig;
use crate::domain::Domain;
use crate::domain::actor::{Actor, Role};
use crate::graphql::context::Spending;
use crate::graphql::execution::cost::{CREDENTIALS, Cost, REFRESH};
use crate::graphql::execution::response::Refusal;
use crate::http::caller::Caller;
use crate::rate_limit::{Client, Exhausted, RateLimiter, RequestLimits, Tier};
use crate::redis::Redis;

/// Number of events that are paid at once, so that a busy subscription does not call Redis for each.
const BLOCK: u32 = 10;
/// The time between two attempts to pay.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Budgets {
    points: Arc<RateLimiter>,
    /// Limits of credential operations and uploads, shared with REST.
    requests: Arc<RequestLimits>,
}

impl Budgets {
    pub(super) fn new(config: &GraphqlConfig, redis: Option<&Redis>, requests: Arc<RequestLimits>) -> Self {
        Self {
            points: Arc::new(RateLimiter::new("points", config.points_per_minute, redis)),
            requests,
        }
    }

    async fn spend_requests(&self, domain: &Domain, caller: &Caller, operation: &Operation) -> Result<(), Refusal> {
        let cost = operation.prepared.cost;
        let now = || domain.clock().now();
        if operation.prepared.operation.root_field(REFRESH).is_some() {
            let token = refresh_token(operation);
            let address = caller.device.ip;
            let spent = self.requests.spend_refresh(domain, token.as_ref(), address).await?;
            spent.map_err(rate_limited("refreshes"))?;
        } else if cost.credentials > 0 {
            let spent = self.requests.spend(Tier::Strict, caller, cost.credentials, now()).await;
            spent.map_err(rate_limited(
                "times to register, log in, change a password or verify an address",
            ))?;
        }
        if cost.uploads > 0 {
            let spent = self.requests.spend(Tier::Upload, caller, cost.uploads, now()).await;
            spent.map_err(rate_limited("uploads"))?;
        }
        Ok(())
    }
}

impl Executor {
    /// The budget for the events of a subscription with this cost. `None` if rate limits are disabled.
    pub(in crate::graphql) fn event_budget(&self, caller: &Caller, cost: Cost) -> Option<EventBudget> {
        Some(EventBudget {
            points: Arc::clone(&self.budgets.as_ref()?.points),
            client: Client::of(caller.into()),
            price: points_of(cost_for(caller, cost)),
            prepaid: 0,
            domain: self.domain.clone(),
        })
    }

    /// Takes the cost from the client's budgets, at least 1 point. `None` if rate limits are disabled.
    pub(in crate::graphql) async fn spend(
        &self,
        caller: &Caller,
        operation: &Operation,
    ) -> Result<Option<Spending>, Refusal> {
        let Some(budgets) = &self.budgets else {
            return Ok(None);
        };
        budgets.spend_requests(&self.domain, caller, operation).await?;
        let points = points_of(cost_for(caller, operation.prepared.cost));
        let allowance = budgets
            .points
            .spend(Client::of(caller.into()), points, self.domain.clock().now())
            .await
            .map_err(rate_limited("points"))?;
        Ok(Some(Spending {
            cost: points,
            allowance,
        }))
    }
}

/// The budget for the events of a subscription: each event takes points from the budget of the client.
pub(in crate::graphql) struct EventBudget {
    points: Arc<RateLimiter>,
    client: Client,
    /// Points per event.
    price: u32,
    /// Number of events that are already paid.
    prepaid: u32,
    domain: Domain,
}

impl EventBudget {
    /// Whether the next event is already paid.
    pub(in crate::graphql) fn is_prepaid(&self) -> bool {
        self.prepaid > 0
    }

    /// Waits until the client has the points for an event: delivery slows down and does not fail. A client that falls
    /// too far behind is disconnected, like every slow client.
    pub(in crate::graphql) async fn prepay(&mut self) {
        while !self.is_prepaid() {
            for events in [BLOCK, 1] {
                let price = self.price.saturating_mul(events);
                match self.points.spend(self.client, price, self.domain.clock().now()).await {
                    Ok(_) => {
                        self.prepaid = events;
                        break;
                    }
                    Err(_) if events == 1 => tokio::time::sleep(RETRY).await,
                    Err(_) => {}
                }
            }
        }
    }

    /// Uses the points of one event, which must be prepaid.
    pub(in crate::graphql) fn take(&mut self) {
        self.prepaid -= 1;
    }
}

/// Allows one credential operation per request: each can guess a password, and computes a password hash.
pub(super) fn check_credentials<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> Result<(), Refusal> {
    let operations = operations.into_iter();
    let counts = operations.map(|operation| operation.prepared.cost.credentials);
    let count = counts.fold(0, u32::saturating_add);
    if count <= 1 {
        return Ok(());
    }
    let message = format!(
        "The request exceeds the limit of operations on credentials ({} with currentPassword): {count}; 1 is allowed. Send one request for each",
        CREDENTIALS.join(", ")
    );
    Err(Refusal::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message))
}

fn refresh_token(operation: &Operation) -> Option<SecretString> {
    let field = operation.prepared.operation.root_field(REFRESH)?;
    let token = match &field.get_argument("refreshToken")?.node {
        Value::String(token) => token,
        Value::Variable(name) => match operation.prepared.values.get(name)? {
            ConstValue::String(token) => token,
            _ => return None,
        },
        _ => return None,
    };
    Some(token.as_str().into())
}

/// Scans cost administrators more, because they see all tasks.
pub(super) fn cost_for(caller: &Caller, cost: Cost) -> Cost {
    match caller.actor {
        Actor::User(user) if user.role == Role::Admin => cost.of_administrator(),
        _ => cost,
    }
}

fn points_of(cost: Cost) -> u32 {
    u32::try_from(cost.points.max(1)).unwrap_or(u32::MAX)
}

fn rate_limited(what: &str) -> impl Fn(Exhausted) -> Refusal {
    move |exhausted: Exhausted| {
        let seconds = exhausted.retry_after.as_secs();
        let message = format!(
            "You have {} of {} {what} left for this minute, which is too little: try again in {seconds} s",
            exhausted.allowance.remaining, exhausted.allowance.limit
        );
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(seconds)
    }
}
