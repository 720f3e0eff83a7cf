//! Subscriptions: opened once, executed anew for each event. Who asks the same with the same rights shares
//! one execution and its bytes.

use std::sync::Arc;

use async_graphql::{Request, Response, Variables};
use axum::body::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use moka::future::Cache;

use super::response_sharing::{Rights, Sharing};
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::event::{EventCursor, LoggedEvent};
use crate::domain::live::{EventStream, LiveConnection, Moment, NotificationStream, VisibleTask};
use crate::domain::policy::{self, Tasks};
use crate::graphql::Schema;
use crate::graphql::context::RequestContext;
use crate::graphql::execution::executor::Executor;
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::execution::toll::Toll;
use crate::graphql::types::subscription::{EventPayload, EventSource, SubscribeRequest};
use crate::graphql::upload::Uploads;
use crate::http::caller::Caller;

/// How much memory the answers that are shared may take, in bytes.
const SHARED_BYTES: u64 = 16 * 1024 * 1024;

/// Which answer: to which operation, for which event, with which rights, and as of when if it shows the present task.
///
/// The cursor names the log as well: after a restore, new events have the places of others.
type Key = (Arc<str>, EventCursor, Rights, Option<Moment>);

/// The answers to equal questions about one event.
#[derive(Clone)]
pub(in crate::graphql) struct SharedResponses(Cache<Key, Bytes>);

impl Default for SharedResponses {
    fn default() -> Self {
        let answers = Cache::builder()
            .max_capacity(SHARED_BYTES)
            .weigher(|_, answer: &Bytes| u32::try_from(answer.len()).unwrap_or(u32::MAX));
        Self(answers.build())
    }
}

/// An operation that is executed for each event.
struct ActiveSubscription {
    schema: Schema,
    domain: Domain,
    caller: Caller,
    operation: Operation,
    variables: Variables,
}

impl ActiveSubscription {
    fn request(&self, actor: Actor) -> Request {
        let caller = Caller {
            actor: actor.without_stamp(),
            ..self.caller.clone()
        };
        let size = Arc::new(self.operation.answer_size.renew());
        let context = RequestContext::new(self.domain.clone(), caller, None, Uploads::default(), size);
        self.operation.request(self.variables.clone(), context)
    }

    /// What the subscription asks for; or the answer that says what is wrong with it.
    async fn order(&self) -> Result<EventSource, Box<Response>> {
        let order = SubscribeRequest::default();
        let request = self.request(self.caller.actor).data(order.clone());
        let refusal = self.schema.execute_stream(request).next().await;
        match (refusal, order.take()) {
            (None, Some(wanted)) => Ok(wanted),
            (refusal, _) => Err(Box::new(refusal.unwrap_or_default())),
        }
    }

    /// The answer; as an error if it has errors, which may be those of a moment and are not shared with later receivers.
    async fn execute(&self, actor: Actor, delivered: EventPayload) -> Result<Bytes, Bytes> {
        let request = self.request(actor).data(delivered);
        let response = self.schema.execute_stream(request).next().await.unwrap_or_default();
        let is_whole = response.errors.is_empty();
        let answer = Body::from(response).to_json().into();
        if is_whole { Ok(answer) } else { Err(answer) }
    }
}

/// From where a subscription is fed.
enum Source {
    Events(Box<EventStream>),
    Notifications(Box<NotificationStream>),
}

/// A subscription that has begun.
struct Subscription {
    active: ActiveSubscription,
    shared: SharedResponses,
    sharing: Sharing,
    source: Source,
    live_connection: Arc<LiveConnection>,
    toll: Option<Toll>,
}

/// The answers of a subscription as JSON, until it ends. After an error there is none.
pub(in crate::graphql) type Answers = BoxStream<'static, Result<Bytes, Body>>;

/// Why a subscription did not begin.
pub(in crate::graphql) enum Unbegun {
    /// It was not looked at, or could not be begun.
    Refused(Refusal),
    /// The document or its variables are not valid, or whoever asks may not watch this.
    Invalid(Body),
}

impl From<Refusal> for Unbegun {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unbegun> for Body {
    fn from(unbegun: Unbegun) -> Self {
        match unbegun {
            Unbegun::Refused(refusal) => refusal.into(),
            Unbegun::Invalid(body) => body,
        }
    }
}

impl Executor {
    /// Pays for a subscription and begins it, with the answers that it shares with others. Its user is the one of the attendance; without one nobody is signed in.
    pub(in crate::graphql) async fn subscribe(
        &self,
        shared: &SharedResponses,
        domain: &Domain,
        caller: Caller,
        live_connection: Option<Arc<LiveConnection>>,
        operation: Operation,
    ) -> Result<Answers, Unbegun> {
        self.spend(domain, &caller, &operation).await?;
        let sharing = Sharing::of(&operation, self.model());
        let toll = self.toll(&caller, operation.prepared.cost, domain);
        let active = ActiveSubscription {
            schema: self.schema().clone(),
            domain: domain.clone(),
            caller,
            variables: operation.variables(),
            operation,
        };
        let wanted = match active.order().await {
            Ok(wanted) => wanted,
            Err(response) => return Err(Unbegun::Invalid(Body::refused(*response))),
        };
        let Some(live_connection) = live_connection else {
            return Err(Refusal::from(Error::Unauthenticated(SignedOut::NoToken)).into());
        };
        let source = open(domain, &live_connection, wanted).await.map_err(Refusal::from)?;
        let subscription = Subscription {
            active,
            shared: shared.clone(),
            sharing,
            source,
            live_connection,
            toll,
        };
        Ok(subscription.answers())
    }
}

async fn open(domain: &Domain, live_connection: &LiveConnection, wanted: EventSource) -> Result<Source> {
    let live = domain.live();
    match wanted {
        EventSource::Notifications { after } => {
            let notifications = live.notifications(live_connection, after.as_ref()).await?;
            Ok(Source::Notifications(Box::new(notifications)))
        }
        EventSource::Events { watch, after, must_see } => {
            if let Some(task) = must_see {
                live.check_sight(&live_connection.actor(), task).await?;
            }
            let events = live.events(live_connection, watch, after.as_ref()).await?;
            Ok(Source::Events(Box::new(events)))
        }
    }
}

/// Pays for an event, where events have a price.
async fn pay(toll: &mut Option<Toll>) {
    if let Some(toll) = toll {
        toll.pay().await;
    }
}

impl Subscription {
    /// As a stream, which holds what it is about to answer when whoever polls it turns to something else.
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

    /// The next answer; `None` once the subscription has ended.
    async fn next(&mut self) -> Option<Result<Bytes>> {
        match &mut self.source {
            Source::Notifications(notifications) => match notifications.next().await? {
                Ok(notification) => {
                    pay(&mut self.toll).await;
                    let delivered = EventPayload::Notification(notification);
                    let answer = self.active.execute(self.live_connection.actor(), delivered).await;
                    Some(Ok(answer.unwrap_or_else(|with_errors| with_errors)))
                }
                Err(error) => Some(Err(error)),
            },
            Source::Events(events) => match events.next().await? {
                Ok(event) => Some(self.answer(event).await),
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// The answer to one event, from the first subscription that asks for it. Fails if the present task cannot be read: the
    /// subscription ends then, and its client resumes before this event.
    async fn answer(&mut self, event: Arc<LoggedEvent>) -> Result<Bytes> {
        let live_connection = Arc::clone(&self.live_connection);
        let _turn = if self.sharing.shows_task() {
            Some(live_connection.turn().await)
        } else {
            None
        };
        let (_, key) = self.shown(&event).await?;
        if let Some(answer) = self.shared.0.get(&key).await {
            return Ok(answer);
        }
        pay(&mut self.toll).await;
        // The task may have changed while there were no points left.
        let (task, key) = self.shown(&event).await?;
        let actor = live_connection.actor();
        let delivered = EventPayload::Event { event, task };
        let answer = self.active.execute(actor, delivered);
        let answer = self.shared.0.try_get_with(key, answer).await;
        Ok(answer.unwrap_or_else(|with_errors| with_errors.as_ref().clone()))
    }

    /// The present task of an event if it is selected and visible, and which answer shows it.
    async fn shown(&self, event: &Arc<LoggedEvent>) -> Result<(Option<VisibleTask>, Key)> {
        let actor = self.live_connection.actor();
        let (task, moment) = if self.sharing.shows_task() {
            let (task, moment) = self.active.domain.live().present_task(event).await?;
            let scope = policy::scope::<Tasks>(&actor).ok();
            (scope.and_then(|scope| task.visible_to(&scope)), Some(moment))
        } else {
            (None, None)
        };
        let rights = self.sharing.rights(&actor, task.is_some());
        let key = (self.sharing.fingerprint(), event.event.cursor.clone(), rights, moment);
        Ok((task, key))
    }
}
