//! What a request carries to its resolvers.

use std::sync::Arc;

use async_graphql::{ContextBase, Value, value};
use chrono::SecondsFormat;

use super::answer_size::AnswerSize;
use super::loader::Loaders;
use super::upload::Uploads;
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::event::EventCursor;
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::rate_limit::Allowance;

/// What belongs to one request: who asks, the look-ups made for them, what it cost, and its files.
pub struct RequestContext {
    domain: Domain,
    caller: Caller,
    loaders: Loaders,
    spending: Option<Spending>,
    event_cursor: Option<EventCursor>,
    uploads: Uploads,
    answer_size: Arc<AnswerSize>,
}

/// What an operation took from its client's budget, and what that left.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    /// The points that were taken.
    pub cost: u32,
    /// What is left.
    pub allowance: Allowance,
}

/// As `extensions.cost` of an answer.
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
    /// A context for one request of this caller.
    #[must_use]
    pub fn new(
        domain: Domain,
        caller: Caller,
        spending: Option<Spending>,
        uploads: Uploads,
        answer_size: Arc<AnswerSize>,
    ) -> Self {
        let loaders = Loaders::new(&domain, caller.actor);
        Self {
            domain,
            caller,
            loaders,
            spending,
            event_cursor: None,
            uploads,
            answer_size,
        }
    }

    /// How large the answer may still become.
    #[must_use]
    pub fn answer_size(&self) -> &AnswerSize {
        &self.answer_size
    }

    /// The same with the place in the event log where the request began.
    #[must_use]
    pub fn beginning_at(mut self, cursor: Option<EventCursor>) -> Self {
        self.event_cursor = cursor;
        self
    }
}

/// Short names for what resolvers need.
pub trait ContextExt {
    /// The use cases.
    fn domain(&self) -> &Domain;
    /// Who asks.
    fn actor(&self) -> &Actor;
    /// From which device.
    fn device(&self) -> Device;
    /// The request's batched look-ups.
    fn loaders(&self) -> &Loaders;
    /// What the operation cost, where there is a limit.
    fn spending(&self) -> Option<Spending>;
    /// Where the event log stood when the request began, if that was asked for.
    fn event_cursor(&self) -> Option<&EventCursor>;
    /// The files that came with the request.
    fn uploads(&self) -> &Uploads;
}

impl<T> ContextExt for ContextBase<'_, T> {
    fn domain(&self) -> &Domain {
        &self.data_unchecked::<RequestContext>().domain
    }

    fn actor(&self) -> &Actor {
        &self.data_unchecked::<RequestContext>().caller.actor
    }

    fn device(&self) -> Device {
        self.data_unchecked::<RequestContext>().caller.device.clone()
    }

    fn loaders(&self) -> &Loaders {
        &self.data_unchecked::<RequestContext>().loaders
    }

    fn spending(&self) -> Option<Spending> {
        self.data_unchecked::<RequestContext>().spending
    }

    fn event_cursor(&self) -> Option<&EventCursor> {
        self.data_unchecked::<RequestContext>().event_cursor.as_ref()
    }

    fn uploads(&self) -> &Uploads {
        &self.data_unchecked::<RequestContext>().uploads
    }
}
