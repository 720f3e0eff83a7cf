//! Executes subscriptions: once per event for all that have the same operation and the same rights. They share the
//! bytes of the response.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request, Variables};
use axum::body::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use moka::future::Cache;
use tokio::sync::MutexGuard;

use super::response_sharing::{Rights, Sharing};
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::event::{EventCursor, LoggedEvent};
use crate::domain::live::{EventStream, LiveConnection, Moment, NotificationStream, VisibleTask};
use crate::domain::notification::LoggedNotification;
use crate::domain::policy::{self, Tasks};
use crate::graphql::Schema;
use crate::graphql::context::RequestContext;
use crate::graphql::execution::document::Normalized;
use crate::graphql::execution::executor::{EventBudget, Executor};
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::response_size::ResponseSize;
use crate::graphql::types::subscription::{EventPayload, EventSource, SubscribeRequest};
use crate::graphql::upload::Uploads;
use crate::http::caller::Caller;

/// Capacity of the cache of shared responses, in bytes.
const SHARED_BYTES: u64 = 16 * 1024 * 1024;
/// Lifetime of a shared response, and how long users in memory are used for an event. Names of users, `isOverdue` and
/// signed URLs change without an event of the task.
const SHARED_FOR: Duration = Duration::from_secs(2);

/// Fingerprint of the operation, event, rights, and the validity of the current task if the response contains it.
///
/// The cursor includes the id of the event log: after a restore, new events reuse positions.
type Key = (Arc<str>, EventCursor, Rights, Option<Moment>);

/// Responses that subscriptions share.
#[derive(Clone)]
pub(in crate::graphql) struct SharedResponses(Cache<Key, Bytes>);

impl Default for SharedResponses {
    fn default() -> Self {
        let answers = Cache::builder()
            .max_capacity(SHARED_BYTES)
            .time_to_live(SHARED_FOR)
            .weigher(|_, answer: &Bytes| u32::try_from(answer.len()).unwrap_or(u32::MAX));
        Self(answers.build())
    }
}

/// What each execution needs. The document and the variables as the client sent them are not kept: they can be large.
struct ActiveSubscription {
    schema: Schema,
    domain: Domain,
    caller: Caller,
    operation: Arc<Normalized>,
    variables: Variables,
    response_size: Arc<ResponseSize>,
}

impl ActiveSubscription {
    fn request(&self, actor: Actor) -> Request {
        let caller = Caller {
            actor,
            ..self.caller.clone()
        };
        let size = Arc::new(self.response_size.renew());
        let context = RequestContext::new(self.domain.clone(), caller, None, Uploads::default(), size);
        self.operation.request(self.variables.clone(), context)
    }

    /// Resolves the root field. Fails with the response that contains the errors.
    async fn event_source(&self) -> Result<EventSource, Refusal> {
        let subscribe = SubscribeRequest::default();
        let actor = self.caller.actor.without_stamp();
        let request = self.request(actor).data(subscribe.clone());
        let refusal = self.schema.execute_stream(request).next().await;
        match (refusal, subscribe.take()) {
            (None, Some(source)) => Ok(source),
            (refusal, _) => Err(Refusal::of_subscription(refusal.unwrap_or_default())),
        }
    }

    /// The response as JSON. One with errors is an `Err`, because errors can be temporary and must not be shared.
    async fn execute(&self, actor: Actor, delivered: EventPayload) -> Result<Bytes, Bytes> {
        let request = self.request(actor).data(delivered);
        let response = self.schema.execute_stream(request).next().await.unwrap_or_default();
        let is_whole = response.errors.is_empty();
        let answer = Body::from(response).to_json().into();
        if is_whole { Ok(answer) } else { Err(answer) }
    }
}

enum Source {
    Events(Box<EventStream>),
    Notifications(Box<NotificationStream>),
}

struct Subscription {
    active: ActiveSubscription,
    shared: SharedResponses,
    sharing: Sharing,
    source: Source,
    live_connection: Arc<LiveConnection>,
    event_budget: Option<EventBudget>,
}

/// The responses of a subscription, as JSON. An error is the last item.
pub(in crate::graphql) type Answers = BoxStream<'static, Result<Bytes, Body>>;

impl Executor {
    /// Takes the cost from the budget and starts the subscription. `live_connection` is `None` for anonymous clients,
    /// whose subscription is refused.
    pub(in crate::graphql) async fn subscribe(
        &self,
        shared: &SharedResponses,
        caller: Caller,
        live_connection: Option<Arc<LiveConnection>>,
        operation: Operation,
    ) -> Result<Answers, Refusal> {
        self.spend(&caller, &operation).await?;
        let sharing = Sharing::of(&operation, &self.front.model);
        let event_budget = self.event_budget(&caller, operation.prepared.cost);
        let active = ActiveSubscription {
            schema: self.schema.clone(),
            domain: self.domain.clone(),
            caller,
            variables: operation.variables(),
            operation: operation.prepared.operation,
            response_size: operation.response_size,
        };
        let event_source = active.event_source().await?;
        let Some(live_connection) = live_connection else {
            return Err(Error::Unauthenticated(SignedOut::NoToken).into());
        };
        let live = self.domain.live();
        let source = match event_source {
            EventSource::Notifications { after } => {
                let notifications = live.notifications(&live_connection, after.as_ref()).await?;
                Source::Notifications(Box::new(notifications))
            }
            EventSource::Events { watch, after, must_see } => {
                if let Some(task) = must_see {
                    live.check_sight(&live_connection.actor(), task).await?;
                }
                let events = live.events(&live_connection, watch, after.as_ref()).await?;
                Source::Events(Box::new(events))
            }
        };
        let subscription = Subscription {
            active,
            shared: shared.clone(),
            sharing,
            source,
            live_connection,
            event_budget,
        };
        Ok(subscription.answers())
    }
}

impl Subscription {
    /// The stream owns the future of the next response, so a cancelled poll loses no event.
    fn answers(self) -> Answers {
        stream::unfold(Some(self), async |subscription| {
            let mut subscription = subscription?;
            match subscription.next().await? {
                Ok(answer) => Some((Ok(answer), Some(subscription))),
                Err(error) => Some((Err(Body::from(Refusal::from(error))), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        match &mut self.source {
            Source::Notifications(notifications) => match notifications.next().await? {
                Ok(notification) => Some(Ok(self.notify(notification).await)),
                Err(error) => Some(Err(error)),
            },
            Source::Events(events) => match events.next().await? {
                Ok(event) => Some(self.answer(event).await),
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// Waits for other subscriptions of the connection, if the response contains tasks.
    async fn turn<'a>(&self, live_connection: &'a LiveConnection) -> Option<MutexGuard<'a, ()>> {
        if self.sharing.reads_tasks {
            Some(live_connection.turn().await)
        } else {
            None
        }
    }

    /// The response to one notification.
    async fn notify(&mut self, notification: Arc<LoggedNotification>) -> Bytes {
        if let Some(budget) = &mut self.event_budget {
            budget.prepay().await;
            budget.take();
        }
        let live_connection = Arc::clone(&self.live_connection);
        let _turn = self.turn(&live_connection).await;
        let delivered = EventPayload::Notification(notification);
        let answer = self.active.execute(live_connection.actor(), delivered).await;
        answer.unwrap_or_else(|with_errors| with_errors)
    }

    /// The response to one event, shared by all equal subscriptions. Fails if the current task cannot be read: the
    /// subscription then ends, and its client resumes before this event.
    async fn answer(&mut self, event: Arc<LoggedEvent>) -> Result<Bytes> {
        let live_connection = Arc::clone(&self.live_connection);
        let mut turn = self.turn(&live_connection).await;
        let (mut task, mut actor, mut key) = self.shown(&event).await?;
        if let Some(budget) = &mut self.event_budget
            && !budget.is_prepaid()
        {
            if let Some(answer) = self.shared.0.get(&key).await {
                return Ok(answer);
            }
            // The other subscriptions of the connection do not wait for these points.
            drop(turn);
            budget.prepay().await;
            turn = self.turn(&live_connection).await;
            // The task may have changed during the wait for points.
            (task, actor, key) = self.shown(&event).await?;
        }
        let (active, event_budget) = (&self.active, &mut self.event_budget);
        let execution = async {
            // Subscriptions that wait for this response do not pay.
            if let Some(budget) = event_budget {
                budget.take();
            }
            let users = event.users.and_then(|users| users.within(SHARED_FOR));
            let delivered = EventPayload::Event { event, task };
            active.execute(actor.with_stamp(users), delivered).await
        };
        let answer = self.shared.0.try_get_with_by_ref(&key, execution).await;
        drop(turn);
        Ok(answer.unwrap_or_else(|with_errors| with_errors.as_ref().clone()))
    }

    /// The current task of an event, if it is selected and visible, the receiver, and the key of the response.
    async fn shown(&self, event: &Arc<LoggedEvent>) -> Result<(Option<VisibleTask>, Actor, Key)> {
        let present = if self.sharing.shows_task {
            Some(self.active.domain.live().present_task(event).await?)
        } else {
            None
        };
        // The role may have changed during the wait. The key must have the rights with which the operation is executed.
        let actor = self.live_connection.actor();
        let (task, moment) = present.map_or((None, None), |(task, moment)| {
            let scope = policy::scope::<Tasks>(&actor).ok();
            (scope.and_then(|scope| task.visible_to(&scope)), Some(moment))
        });
        let rights = self.sharing.rights(&actor, task.is_some());
        let fingerprint = Arc::clone(&self.sharing.fingerprint);
        let key = (fingerprint, event.event.cursor.clone(), rights, moment);
        Ok((task, actor, key))
    }
}
