//! The subscription fields.
//!
//! A field resolves one event like a field of a query, with new loaders and the current permissions of the receiver.
//! `subscription/delivery.rs` decides when it is resolved, and for which receivers.

use std::option;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, ID, InputObject, Subscription as SubscriptionFields};
use futures_util::stream;

use super::notification::NotificationEvent;
use super::task::{TagFilter, TaskEvent, TaskFilter, TaskPriorityFilter, TaskStatusFilter, UserIdFilter};
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::event::{EventCursor, LoggedEvent};
use crate::domain::id::TaskId;
use crate::domain::live::{VisibleTask, Watch};
use crate::domain::notification::{LoggedNotification, NotificationCursor};
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::TaskEventType;

/// Maximum of `TaskEventFilter.taskIds`.
const MAX_TASKS: usize = 100;

/// Conditions on events; an event must meet all of them. The task must meet all conditions on it before the event, or
/// all of them after it. So you also receive the event that removes a task from a filtered list.
#[derive(Debug, Default, InputObject)]
pub struct TaskEventFilter {
    /// Global ids of tasks, up to 100. Default: all tasks that are visible to you.
    task_ids: Option<Vec<ID>>,
    /// Types of events. Default: all types.
    types: Option<Vec<TaskEventType>>,
    /// Status before or after the change: `eq`, `neq`, `in`, `nin`.
    status: Option<TaskStatusFilter>,
    /// Priority before or after the change: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`.
    priority: Option<TaskPriorityFilter>,
    /// Owner before or after the change: `eq`, `neq`, `in`, `nin` with global ids of users.
    owner: Option<UserIdFilter>,
    /// Assignee before or after the change: `eq`, `neq`, `in`, `nin` with global ids of users, `isNull`.
    assignee: Option<UserIdFilter>,
    /// Tags before or after the change: `any`, `all`, with up to 20 names each.
    tag: Option<TagFilter>,
}

impl TaskEventFilter {
    fn into_watch(self) -> DomainResult<Watch> {
        let tasks = self.task_ids.map(|ids| {
            if ids.len() > MAX_TASKS {
                let message = format!(
                    "filter.taskIds: {} ids were given; up to {MAX_TASKS} are allowed",
                    ids.len()
                );
                return Err(Error::bad_input("taskIds", message));
            }
            TaskId::all_from_global("filter.taskIds", &ids)
        });
        Ok(Watch {
            tasks: tasks.transpose()?,
            types: self.types.map(|types| types.into_iter().map(Into::into).collect()),
            filter: TaskFilter::of_events(self.status, self.priority, self.owner, self.assignee, self.tag)
                .into_domain()?
                .try_into()?,
            moves_only: false,
        })
    }
}

/// The log that a subscription reads, and from which position.
#[derive(Clone, Debug)]
pub(in crate::graphql) enum EventSource {
    Events {
        watch: Watch,
        after: Option<EventCursor>,
        /// The subscription fails if this task is not visible.
        must_see: Option<TaskId>,
    },
    Notifications {
        after: Option<NotificationCursor>,
    },
}

/// Slot in the context, in which a field stores its source when a subscription starts.
#[derive(Clone, Debug, Default)]
pub(in crate::graphql) struct SubscribeRequest(Arc<Mutex<Option<EventSource>>>);

impl SubscribeRequest {
    fn set(&self, source: EventSource) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    pub(in crate::graphql) fn take(&self) -> Option<EventSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is delivered to a subscriber.
#[derive(Clone, Debug)]
pub(in crate::graphql) enum EventPayload {
    Event {
        event: Arc<LoggedEvent>,
        /// The current task; `None` if the receiver may not see it.
        task: Option<VisibleTask>,
    },
    Notification(Arc<LoggedNotification>),
}

/// At most one value.
type FieldStream<T> = stream::Iter<option::IntoIter<T>>;

/// When a subscription starts, stores its source. When an event is delivered, resolves it.
fn register_or_resolve<T: Send + Sync + 'static>(
    ctx: &Context<'_>,
    source: impl FnOnce() -> DomainResult<EventSource>,
    convert: impl FnOnce(EventPayload) -> Option<T>,
) -> Result<FieldStream<T>> {
    if let Some(request) = ctx.data_opt::<SubscribeRequest>() {
        request.set(source()?);
    }
    let payload = ctx.data_opt::<EventPayload>().cloned();
    Ok(stream::iter(payload.and_then(convert)))
}

fn cursor(after: Option<String>) -> DomainResult<Option<EventCursor>> {
    after.map(|after| EventCursor::decode("after", &after)).transpose()
}

fn event(payload: EventPayload) -> Option<TaskEvent> {
    match payload {
        EventPayload::Event { event, task } => Some(TaskEvent::new(event.event.clone(), task.map(Into::into))),
        EventPayload::Notification(_) => None,
    }
}

/// Root type of subscriptions.
#[derive(Debug, Default)]
pub struct Subscription;

/// Live updates over WebSocket, server-sent events or multipart responses.
#[expect(
    clippy::unused_async,
    reason = "the library awaits the stream of a subscription field"
)]
#[SubscriptionFields]
impl Subscription {
    /// Events of the tasks that are visible to you, each once and in order. When a task becomes invisible to you, you
    /// receive that event with `task: null`, and no later events of the task.
    #[graphql(guard = "SignedIn")]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions that events must meet. Default: all events of tasks that are visible to you.")]
        filter: Option<TaskEventFilter>,
        #[graphql(
            desc = "Cursor of an event, or `eventCursor`: the subscription starts with the events after it. `RESYNC_REQUIRED` if the log no longer has it. Default: only new events."
        )]
        after: Option<String>,
    ) -> Result<FieldStream<TaskEvent>> {
        let source = || {
            Ok(EventSource::Events {
                watch: filter.unwrap_or_default().into_watch()?,
                after: cursor(after)?,
                must_see: None,
            })
        };
        register_or_resolve(ctx, source, event)
    }

    /// Status changes of one task, each once and in order. Without `after`, the task must be visible to you.
    #[graphql(guard = "SignedIn")]
    async fn task_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] task_id: ID,
        #[graphql(
            desc = "Cursor of an event, or `eventCursor`: the subscription starts with the events after it. `RESYNC_REQUIRED` if the log no longer has it. Default: only new events."
        )]
        after: Option<String>,
    ) -> Result<FieldStream<TaskEvent>> {
        let source = || {
            let task = TaskId::from_global("taskId", &task_id)?;
            let after = cursor(after)?;
            Ok(EventSource::Events {
                watch: Watch {
                    tasks: Some(vec![task]),
                    moves_only: true,
                    ..Watch::default()
                },
                must_see: after.is_none().then_some(task),
                after,
            })
        };
        register_or_resolve(ctx, source, event)
    }

    /// Your notifications, each once and in order. Earlier notifications are in `notifications`.
    #[graphql(guard = "SignedIn")]
    async fn notification_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Cursor of a `NotificationEvent` or `TaskEvent`, or `eventCursor`: the subscription starts with the notifications after it. `RESYNC_REQUIRED` if the log no longer has it. Default: only new notifications."
        )]
        after: Option<String>,
    ) -> Result<FieldStream<NotificationEvent>> {
        let source = || {
            let after = after.map(|after| NotificationCursor::decode("after", &after));
            Ok(EventSource::Notifications {
                after: after.transpose()?,
            })
        };
        register_or_resolve(ctx, source, |payload| match payload {
            EventPayload::Notification(notification) => Some(notification.as_ref().clone().into()),
            EventPayload::Event { .. } => None,
        })
    }
}
