//! Data of a request that resolvers use.

use std::sync::Arc;

use async_graphql::{ContextBase, Value, value};
use chrono::SecondsFormat;

use super::loader::Loaders;
use super::response_size::ResponseSize;
use super::upload::Uploads;
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::event::EventCursor;
use crate::domain::session::{Device, Identity};
use crate::http::caller::Caller;
use crate::rate_limit::Allowance;

/// Data of one request: caller, loaders, cost and uploaded files.
pub struct RequestContext {
    domain: Domain,
    caller: Caller,
    loaders: Loaders,
    /// Cost of the operation; `None` without a rate limit.
    pub(super) spending: Option<Spending>,
    /// Position of the event log at the start of the request; `None` if `eventCursor` is not selected.
    pub(super) event_cursor: Option<EventCursor>,
    pub(super) uploads: Uploads,
    pub(super) response_size: Arc<ResponseSize>,
}

/// Cost of an operation, and the rest of the rate limit.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    /// Points of the operation.
    pub cost: u32,
    /// Rate limit after the operation.
    pub allowance: Allowance,
}

/// Converts to `extensions.cost` of a response.
impl From<Spending> for Value {
    fn from(spending: Spending) -> Self {
        let Allowance {
            limit,
            remaining,
            reset_at,
        } = spending.allowance;
        value!({
            "requested": spending.cost,
            "limit": limit,
            "remaining": remaining,
            "resetAt": reset_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        })
    }
}

impl RequestContext {
    /// Creates the context of one request.
    #[must_use]
    pub fn new(
        domain: Domain,
        caller: Caller,
        spending: Option<Spending>,
        uploads: Uploads,
        response_size: Arc<ResponseSize>,
    ) -> Self {
        let loaders = Loaders::new(&domain, caller.actor);
        Self {
            domain,
            caller,
            loaders,
            spending,
            event_cursor: None,
            uploads,
            response_size,
        }
    }

    /// The context of the same request for another user, with new loaders.
    #[must_use]
    pub fn signed_in_as(&self, Identity { actor, expires_at }: Identity) -> Self {
        let caller = Caller {
            actor,
            expires_at,
            ..self.caller.clone()
        };
        let size = Arc::clone(&self.response_size);
        Self {
            event_cursor: self.event_cursor.clone(),
            ..Self::new(self.domain.clone(), caller, self.spending, self.uploads.clone(), size)
        }
    }
}

/// Shortcuts to the data of the request.
pub trait ContextExt {
    /// The data of the request.
    fn request(&self) -> &RequestContext;

    /// The use cases.
    fn domain(&self) -> &Domain {
        &self.request().domain
    }

    /// The user or system that sent the request.
    fn actor(&self) -> &Actor {
        &self.request().caller.actor
    }

    /// User agent and IP address of the client.
    fn device(&self) -> Device {
        self.request().caller.device.clone()
    }

    /// Data loaders of the request.
    fn loaders(&self) -> &Loaders {
        &self.request().loaders
    }
}

impl<T> ContextExt for ContextBase<'_, T> {
    fn request(&self) -> &RequestContext {
        self.data_unchecked()
    }
}
