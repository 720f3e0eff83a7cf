//! Events of a task.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, ID, Object, Positioned};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use taskwire_macros::plain_fields;

use super::snapshot::TaskSnapshot;
use super::{Task, TaskById};
use crate::domain::error::Result as DomainResult;
use crate::domain::event::{self as domain, FieldChange};
use crate::domain::id::{TaskId, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::user as domain_user;
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, camel_case};
use crate::graphql::loader::{Batch, Loaded, LoaderContext, load_by_arguments};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Row, Rows, Single, preload, rows_with};
use crate::graphql::scalar::{TaskEventType, TaskStatus};
use crate::graphql::types::user::{User, UserById};

/// An event of a task, with its actor and the current task.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    event: domain::TaskEvent,
    actor: Preloaded<Arc<domain_user::User>>,
    /// The current task; `None` if the viewer may not see it or it no longer exists.
    task: Option<Task>,
}

impl TaskEvent {
    pub(in crate::graphql) fn new(event: domain::TaskEvent, task: Option<Task>) -> Self {
        Self {
            event,
            actor: Preloaded::default(),
            task,
        }
    }

    /// The current task, unless it is older than the event: it may have changed after it was read for this request.
    fn task_after(&self) -> Option<&Task> {
        let task = self.task.as_ref()?;
        (task.inner.version >= self.event.task.task.version).then_some(task)
    }
}

/// An event of a task. It is identified by `cursor`: use this as the key in a normalised cache.
#[plain_fields]
#[Object]
impl TaskEvent {
    /// Position of the event in the log; unique. Pass it as `after` to resume a subscription after this event.
    async fn cursor(&self) -> String {
        self.event.cursor.encode()
    }

    /// The kind of change.
    #[graphql(name = "type")]
    async fn kind(&self) -> TaskEventType {
        self.event.kind.into()
    }

    /// Date and time of the change (UTC).
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.event.occurred_at
    }

    /// The user who changed the task. Null if the server changed it, or if the account no longer exists.
    async fn actor(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.event.actor_id, &self.actor, User::single)
    }

    /// Global id of the task. The task itself may no longer exist.
    async fn task_id(&self) -> ID {
        self.event.task_id.to_global()
    }

    /// The current task, never older than the event; it may be in the trash. Null if it was deleted permanently, or is
    /// no longer visible to you. For the task directly after the event, see `snapshot`.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Single<Task>>> {
        if self.task.is_none() || self.task_after().is_some() {
            return Ok(self.task.clone().map(Single));
        }
        let task = ctx.loaders().load::<TaskById>(self.event.task_id).await?;
        Ok(task.map(Task::from).map(Single))
    }

    /// The task directly after the event.
    async fn snapshot(&self) -> Single<TaskSnapshot> {
        Single(self.event.task.clone().into())
    }

    /// Status before the event. Null if the event created the task.
    async fn previous_status(&self) -> Option<TaskStatus> {
        self.event.previous_status.map(Into::into)
    }

    /// Status after the event.
    async fn status(&self) -> TaskStatus {
        self.event.status.into()
    }

    /// Changed fields, sorted by name. Empty for `CREATED` and `PURGED`.
    async fn changes(&self) -> Rows<TaskEventChange> {
        Rows(self.event.changes.iter().map(Into::into).collect())
    }
}

impl Row for TaskEvent {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let actors = rows_with("actor", fields, rows).iter();
        let actors = actors.filter_map(|row| Some((row.event.actor_id?, &row.actor)));
        preload::<UserById>(ctx, actors).await;
    }
}

/// Value of a task field before and after an event.
#[derive(Clone, Debug)]
pub struct TaskEventChange {
    field: String,
    before: Option<Json>,
    after: Option<Json>,
}

/// Value of a task field before and after an event.
#[plain_fields]
#[Object]
impl TaskEventChange {
    /// Name of the field of `Task`, such as `dueDate`.
    async fn field(&self) -> &str {
        &self.field
    }

    /// Value before the event, in the format of `Task`, but a user is a global id, and a file is its name. Null if the
    /// field was empty.
    async fn before(&self) -> Option<&Json> {
        self.before.as_ref()
    }

    /// Value after the event, in the format of `Task`, but a user is a global id, and a file is its name. Null if the
    /// field is empty.
    async fn after(&self) -> Option<&Json> {
        self.after.as_ref()
    }
}

impl Row for TaskEventChange {}

impl From<&FieldChange> for TaskEventChange {
    fn from(change: &FieldChange) -> Self {
        let name = change.field.strip_suffix("_id").unwrap_or(&change.field);
        Self {
            field: camel_case(name),
            before: schema_value(&change.field, &change.from),
            after: schema_value(&change.field, &change.to),
        }
    }
}

/// Converts a value of the event log to the format of the schema.
fn schema_value(field: &str, stored: &Json) -> Option<Json> {
    let converted = match field {
        "status" | "priority" => stored.as_str().map(|name| name.to_uppercase().into()),
        "due_date" | "deleted_at" => DateTime::parse_from_rfc3339(stored.as_str()?)
            .ok()
            .map(|moment| moment.to_rfc3339().into()),
        "owner_id" | "assignee_id" => {
            let number = stored.as_i64().and_then(|number| i32::try_from(number).ok());
            number.map(|number| UserId(number).to_global().0.into())
        }
        _ => None,
    };
    converted
        .or_else(|| Some(stored.clone()))
        .filter(|value| !value.is_null())
}

/// Totals of a list of task events.
#[derive(Debug)]
pub struct TaskEventTotals {
    task: TaskId,
}

#[Object]
impl TaskEventTotals {
    /// Number of events on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.loaders().load::<HistoryCountOfTask>(self.task).await?;
        Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
    }
}

/// A page of a task's events. Requests for the same page of other tasks share the statement.
pub(super) async fn of(
    ctx: &Context<'_>,
    task: Task,
    page: PageArguments,
) -> Result<Connection<TaskEvent, TaskEventTotals>> {
    let page = page.into_request(ctx)?;
    let id = task.inner.id;
    let events = ctx.loaders().load::<HistoryOfTask>((id, page)).await?;
    let events = events.transpose()?.unwrap_or_default();
    let event = |event| TaskEvent::new(event, Some(task.clone()));
    Ok(connection(events, TaskEventTotals { task: id }, event))
}

struct HistoryOfTask;

impl Batch for HistoryOfTask {
    type Key = (TaskId, PageRequest);
    type Value = DomainResult<Page<domain::TaskEvent>>;

    const NAME: &'static str = "histories";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[Self::Key]) -> Loaded<Self> {
        let load = |tasks: Vec<TaskId>, page| async move { domain.tasks().histories(actor, &tasks, &page).await };
        Ok(load_by_arguments(keys, load).await)
    }
}

struct HistoryCountOfTask;

impl Batch for HistoryCountOfTask {
    type Key = TaskId;
    type Value = u64;

    const NAME: &'static str = "history_counts";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[TaskId]) -> Loaded<Self> {
        let counts = domain.tasks().history_counts(actor, keys).await?;
        Ok(counts.into_iter().collect())
    }
}
