//! What can be watched. The fields do not watch themselves: for one event they are resolved like the fields of
//! a query, with loaders and rights of that moment. `subscription/delivery.rs` says when, and to whom.

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

/// The most tasks that one subscription names.
const MAX_TASKS: usize = 100;

/// Which events of the tasks that you may see; all that is given must hold. The conditions on the task hold if all of them
/// hold for the task before the event or all for the task after it, so that a task that leaves a list is announced too.
#[derive(Debug, Default, InputObject)]
pub struct TaskEventFilter {
    /// Only those of these tasks, up to 100.
    task_ids: Option<Vec<ID>>,
    /// Only those of these types.
    types: Option<Vec<TaskEventType>>,
    /// Status before or after the change: `eq`, `neq`, `in`, `nin`.
    status: Option<TaskStatusFilter>,
    /// Priority before or after the change: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`.
    priority: Option<TaskPriorityFilter>,
    /// Owner before or after the change: `eq`, `neq`, `in`, `nin` with global ids of users.
    owner: Option<UserIdFilter>,
    /// Assignee before or after the change: `eq`, `neq`, `in`, `nin` with global ids of users, `isNull`.
    assignee: Option<UserIdFilter>,
    /// Tags before or after the change: `any`, `all`.
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
                return Err(Error::BadInput {
                    field: "taskIds",
                    message,
                });
            }
            ids.iter()
                .enumerate()
                .map(|(position, id)| TaskId::from_global(format_args!("filter.taskIds.{position}"), id))
                .collect()
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

/// What a subscription asks for.
#[derive(Clone, Debug)]
pub(in crate::graphql) enum EventSource {
    /// Events of tasks.
    Events {
        watch: Watch,
        after: Option<EventCursor>,
        /// A task that must be there to be watched.
        must_see: Option<TaskId>,
    },
    /// Notifications.
    Notifications { after: Option<NotificationCursor> },
}

/// Where a field leaves what it asks for.
#[derive(Clone, Debug, Default)]
pub(in crate::graphql) struct SubscribeRequest(Arc<Mutex<Option<EventSource>>>);

impl SubscribeRequest {
    fn place(&self, wanted: EventSource) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
    }

    /// What was asked for.
    pub(in crate::graphql) fn take(&self) -> Option<EventSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is delivered.
#[derive(Clone, Debug)]
pub(in crate::graphql) enum EventPayload {
    /// An event of a task, and the task as it is now if the receiver may see it.
    Event {
        event: Arc<LoggedEvent>,
        task: Option<VisibleTask>,
    },
    /// Somebody is notified.
    Notification(Arc<LoggedNotification>),
}

/// What a field shows of what is delivered: one thing, or nothing.
type Shown<T> = stream::Iter<option::IntoIter<T>>;

/// Takes the order, or gives what is delivered.
fn take_or_give<T: Send + Sync + 'static>(
    ctx: &Context<'_>,
    wanted: impl FnOnce() -> DomainResult<EventSource>,
    show: impl FnOnce(EventPayload) -> Option<T>,
) -> Result<Shown<T>> {
    if let Some(order) = ctx.data_opt::<SubscribeRequest>() {
        order.place(wanted()?);
    }
    let delivered = ctx.data_opt::<EventPayload>().cloned();
    Ok(stream::iter(delivered.and_then(show)))
}

fn cursor(after: Option<String>) -> DomainResult<Option<EventCursor>> {
    after.map(|after| EventCursor::decode("after", &after)).transpose()
}

fn event(delivered: EventPayload) -> Option<TaskEvent> {
    match delivered {
        EventPayload::Event { event, task } => Some(TaskEvent::new(event.event.clone(), task.map(Into::into))),
        EventPayload::Notification(_) => None,
    }
}

/// Everything that can be watched.
#[derive(Debug, Default)]
pub struct Subscription;

/// Everything that can be watched, over WebSocket, server-sent events or multipart responses.
#[expect(
    clippy::unused_async,
    reason = "the library awaits what a field of a subscription gives"
)]
#[SubscriptionFields]
impl Subscription {
    /// Events of the tasks that you may see, each once, in order. If an event takes a task from your view, you receive
    /// that event, with `task: null`, and no later one.
    #[graphql(guard = "SignedIn")]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events.")] filter: Option<TaskEventFilter>,
        #[graphql(
            desc = "Begins with what happened behind this cursor of an event, or `eventCursor`; `RESYNC_REQUIRED` when that is not known any more."
        )]
        after: Option<String>,
    ) -> Result<Shown<TaskEvent>> {
        let wanted = || {
            Ok(EventSource::Events {
                watch: filter.unwrap_or_default().into_watch()?,
                after: cursor(after)?,
                must_see: None,
            })
        };
        take_or_give(ctx, wanted, event)
    }

    /// Each move of one task along the workflow. The task must be yours to see, unless `after` is given.
    #[graphql(guard = "SignedIn")]
    async fn task_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] task_id: ID,
        #[graphql(
            desc = "Begins with what happened behind this cursor of an event, or `eventCursor`; `RESYNC_REQUIRED` when that is not known any more."
        )]
        after: Option<String>,
    ) -> Result<Shown<TaskEvent>> {
        let wanted = || {
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
        take_or_give(ctx, wanted, event)
    }

    /// Each notification for you, once, in order. Those from before are in `notifications`.
    #[graphql(guard = "SignedIn")]
    async fn notification_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Begins with the notifications after this cursor of a `NotificationEvent` or `TaskEvent`, or `eventCursor`; `RESYNC_REQUIRED` when that is not known any more. Without it, with those from now on."
        )]
        after: Option<String>,
    ) -> Result<Shown<NotificationEvent>> {
        let wanted = || {
            let after = after.map(|after| NotificationCursor::decode("after", &after));
            Ok(EventSource::Notifications {
                after: after.transpose()?,
            })
        };
        take_or_give(ctx, wanted, |delivered| match delivered {
            EventPayload::Notification(notification) => Some(notification.as_ref().clone().into()),
            EventPayload::Event { .. } => None,
        })
    }
}
