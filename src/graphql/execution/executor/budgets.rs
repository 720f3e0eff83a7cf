//! Rate limits of operations: points, and the request limits that GraphQL shares with REST.

use std::sync::Arc;

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
use crate::graphql::execution::toll::Toll;
use crate::http::caller::Caller;
use crate::rate_limit::{Client, Exhausted, RateLimiter, RequestLimits, Tier};
use crate::redis::Redis;

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
        let (cost, now) = (operation.prepared.cost, domain.clock().now());
        if operation.prepared.operation.selects_at_root(REFRESH) {
            let token = refresh_token(operation);
            let address = caller.device.ip;
            let spent = self.requests.spend_refresh(domain, token.as_ref(), address).await?;
            spent.map_err(|exhausted| rate_limited("refreshes", exhausted))?;
        } else if cost.credentials > 0 {
            let spent = self.requests.spend(Tier::Strict, caller, cost.credentials, now).await;
            spent.map_err(|exhausted| {
                rate_limited(
                    "times to register, log in, change a password or verify an address",
                    exhausted,
                )
            })?;
        }
        if cost.uploads > 0 {
            let spent = self.requests.spend(Tier::Upload, caller, cost.uploads, now).await;
            spent.map_err(|exhausted| rate_limited("uploads", exhausted))?;
        }
        Ok(())
    }
}

impl Executor {
    /// The budget for the events of a subscription with this cost. `None` if rate limits are disabled.
    pub(in crate::graphql) fn toll(&self, caller: &Caller, cost: Cost, domain: &Domain) -> Option<Toll> {
        let points = Arc::clone(&self.budgets.as_ref()?.points);
        let price = points_of(cost_for(caller, cost));
        Some(Toll::new(points, Client::of(caller.into()), price, domain.clone()))
    }

    /// Takes the cost from the client's budgets, at least 1 point. `None` if rate limits are disabled.
    pub(in crate::graphql) async fn spend(
        &self,
        domain: &Domain,
        caller: &Caller,
        operation: &Operation,
    ) -> Result<Option<Spending>, Refusal> {
        let Some(budgets) = &self.budgets else {
            return Ok(None);
        };
        budgets.spend_requests(domain, caller, operation).await?;
        let points = points_of(cost_for(caller, operation.prepared.cost));
        let allowance = budgets
            .points
            .spend(Client::of(caller.into()), points, domain.clock().now())
            .await
            .map_err(|exhausted| rate_limited("points", exhausted))?;
        Ok(Some(Spending {
            cost: points,
            allowance,
        }))
    }
}

/// Allows one credential operation per request: each can guess a password, and computes a password hash.
pub(super) fn check_credentials<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> Result<(), Refusal> {
    let counts = operations
        .into_iter()
        .map(|operation| operation.prepared.cost.credentials);
    let count = counts.fold(0, u32::saturating_add);
    if count <= 1 {
        return Ok(());
    }
    let message = format!(
        "The request passes the limit of operations on credentials ({} with currentPassword): {count}; 1 is allowed. Send one request for each",
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

fn rate_limited(what: &str, exhausted: Exhausted) -> Refusal {
    let seconds = exhausted.retry_after.as_secs();
    let message = format!(
        "You have {} of {} {what} left for this minute, which is too little: try again in {seconds} s",
        exhausted.allowance.remaining, exhausted.allowance.limit
    );
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(seconds)
}
