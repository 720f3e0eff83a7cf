//! GraphQL types of tasks.

mod bulk;
mod filter;
mod history;
mod input;
pub(in crate::graphql) mod list;
mod mutation;
mod payload;
mod snapshot;

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, ID, Object, Positioned};
use chrono::{DateTime, Utc};
use taskwire_macros::plain_fields;

pub use self::bulk::TaskBulkMutation;
pub use self::filter::{TagFilter, TaskFilter, TaskPriorityFilter, TaskStatusFilter, UserIdFilter};
pub use self::history::{TaskEvent, TaskEventTotals};
pub(in crate::graphql) use self::list::task_list;
pub use self::list::{TaskOrder, TaskTotals};
pub use self::mutation::TaskMutation;
use super::attachment::{Attachment, AttachmentsOfTask};
use super::user::{User, UserById};
use crate::domain;
use crate::domain::id::TaskId;
use crate::domain::live::VisibleTask;
use crate::domain::task::Snapshot;
use crate::graphql::connection::{Connection, PageArguments};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Required, Row, Rows, Single, preload, rows_with};
use crate::graphql::scalar::{Date, TaskPriority, TaskStatus};

/// A task, with its preloaded references.
#[derive(Clone, Debug)]
pub struct Task {
    inner: Arc<domain::task::Task>,
    owner: Preloaded<Arc<domain::user::User>>,
    assignee: Preloaded<Arc<domain::user::User>>,
    attachments: Preloaded<Vec<domain::attachment::Attachment>>,
}

impl From<domain::task::Task> for Task {
    fn from(task: domain::task::Task) -> Self {
        Arc::new(task).into()
    }
}

impl From<Arc<domain::task::Task>> for Task {
    fn from(task: Arc<domain::task::Task>) -> Self {
        Self {
            inner: task,
            owner: Preloaded::default(),
            assignee: Preloaded::default(),
            attachments: Preloaded::default(),
        }
    }
}

impl From<VisibleTask> for Task {
    fn from(task: VisibleTask) -> Self {
        match task {
            VisibleTask::Logged(event) => event.event.task.clone().into(),
            VisibleTask::Read(task) => task.into(),
        }
    }
}

impl Task {
    pub(in crate::graphql) fn single(task: Arc<domain::task::Task>) -> Single<Self> {
        Single(task.into())
    }
}

impl From<Snapshot> for Task {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            attachments: snapshot.attachments.into(),
            ..snapshot.task.into()
        }
    }
}

/// A task with a workflow status, an owner and an assignee. Visible to its owner, its assignee and administrators.
#[plain_fields]
#[Object]
impl Task {
    /// Global id: opaque, unique over all types, accepted by `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.inner.id.to_global()
    }

    /// Numeric id of the task in the REST API.
    async fn database_id(&self) -> i32 {
        self.inner.id.0
    }

    /// Title, 1 to 255 characters.
    async fn title(&self) -> &str {
        &self.inner.title
    }

    /// Description, up to 5,000 characters. Null if the task has none.
    async fn description(&self) -> Option<&str> {
        self.inner.description.as_deref()
    }

    /// Workflow status. `allowedTransitions` lists the statuses that may follow.
    async fn status(&self) -> TaskStatus {
        self.inner.status.into()
    }

    /// Priority, from `LOW` to `URGENT`.
    async fn priority(&self) -> TaskPriority {
        self.inner.priority.into()
    }

    /// Due date and time (UTC). Null if the task has `dueOn`, or neither of the two.
    async fn due_date(&self) -> Option<DateTime<Utc>> {
        self.inner.due_date
    }

    /// Due day, such as 2026-12-31. Null if the task has `dueDate`, or neither of the two.
    async fn due_on(&self) -> Option<Date> {
        self.inner.due_on.map(Date)
    }

    /// Whether the task is `TODO` or `IN_PROGRESS`, and past its due date, or past its due day in your time zone
    /// (`User.timeZone`).
    async fn is_overdue(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().is_overdue(ctx.actor(), &self.inner)
    }

    /// Date and time of completion (UTC). Null unless the status is `DONE`.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.inner.completed_at
    }

    /// Version, 1 for a new task; each change adds 1. Pass it as `expectedVersion` to change only the version that you
    /// have seen.
    async fn version(&self) -> i32 {
        self.inner.version
    }

    /// Date and time of creation (UTC).
    async fn created_at(&self) -> DateTime<Utc> {
        self.inner.created_at
    }

    /// Date and time of the last change (UTC).
    async fn updated_at(&self) -> DateTime<Utc> {
        self.inner.updated_at
    }

    /// Date and time at which the task was moved to the trash (UTC). Null unless it is in the trash. After
    /// `TRASH_RETENTION_DAYS` (30 days) the server deletes it permanently.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.inner.deleted_at
    }

    /// The user who owns the task: its creator, or the user who received it in a transfer.
    async fn owner(&self) -> Required<'_, UserById, Single<User>> {
        Lookup::new(self.inner.owner_id, &self.owner, User::single)
    }

    /// The user who should do the task. Null if the task is unassigned. Assignees have the rights of the owner, but
    /// cannot assign the task to other users.
    async fn assignee(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.inner.assignee_id, &self.assignee, User::single)
    }

    /// Key from `TaskCreateInput.clientKey`, to match the task with an optimistic update. Null if none was given, or
    /// after a transfer to another owner.
    async fn client_key(&self) -> Option<&str> {
        self.inner.client_key.as_deref()
    }

    /// Tags in lower case and alphabetical order, up to 20.
    async fn tags(&self) -> Vec<&str> {
        self.inner.tags.iter().map(String::as_str).collect()
    }

    /// Attached files, oldest first, up to 20.
    async fn attachments(&self) -> Required<'_, AttachmentsOfTask, Rows<Attachment>> {
        Lookup::new(self.inner.id, &self.attachments, Attachment::rows)
    }

    /// Events of the task, oldest first. They are kept for `EVENT_RETENTION_DAYS` (30 days).
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N events, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns events after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N events, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns events before this cursor.")] before: Option<String>,
    ) -> Result<Connection<TaskEvent, TaskEventTotals>> {
        let page = PageArguments(first, after, last, before);
        // Boxed: otherwise this future enlarges that of every field of a task.
        Box::pin(history::of(ctx, self.clone(), page)).await
    }

    /// Whether you may change the task. True for its owner, its assignee and administrators.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_update(ctx.actor(), &self.inner)
    }

    /// Whether you may move the task to the trash and restore it. True for its owner, its assignee and administrators.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_delete(ctx.actor(), &self.inner)
    }

    /// Whether you may assign the task to any user. True for its owner and administrators; an assignee may only
    /// unassign themselves.
    async fn viewer_can_assign(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_assign(ctx.actor(), &self.inner)
    }

    /// Whether you may delete the task permanently. True for its owner, its assignee and administrators.
    async fn viewer_can_purge(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_purge(ctx.actor(), &self.inner)
    }

    /// Statuses that may follow the current one, in workflow order.
    async fn allowed_transitions(&self) -> Vec<TaskStatus> {
        self.inner
            .status
            .allowed_transitions()
            .iter()
            .copied()
            .map(TaskStatus::from)
            .collect()
    }
}

impl Row for Task {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let owners = rows_for("owner").iter().map(|row| (row.inner.owner_id, &row.owner));
        let assignees = rows_for("assignee").iter();
        let assignees = assignees.filter_map(|row| Some((row.inner.assignee_id?, &row.assignee)));
        let attachments = rows_for("attachments").iter();
        let attachments = attachments.map(|row| (row.inner.id, &row.attachments));
        tokio::join!(
            preload::<UserById>(ctx, owners.chain(assignees)),
            preload::<AttachmentsOfTask>(ctx, attachments),
        );
    }
}

/// Queries for tasks.
#[derive(Debug, Default)]
pub struct TaskQuery;

#[Object]
impl TaskQuery {
    /// The task with this id. Null if it does not exist, is in the trash, or is not visible to you.
    #[graphql(guard = "SignedIn")]
    async fn task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
    ) -> Option<Result<Single<Task>>> {
        let task = find(ctx, &id).await.transpose()?;
        Some(task.map(Single))
    }

    /// Events of the task with this id, oldest first. Null if the task does not exist, is in the trash, or is not
    /// visible to you.
    #[graphql(guard = "SignedIn")]
    async fn task_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Returns the first N events, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns events after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N events, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns events before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<TaskEvent, TaskEventTotals>>> {
        let page = PageArguments(first, after, last, before);
        match find(ctx, &id).await.transpose()? {
            Ok(task) => Some(history::of(ctx, task, page).await),
            Err(error) => Some(Err(error)),
        }
    }

    /// Tasks that you own or are assigned to; for administrators all tasks. Newest first by default.
    #[graphql(guard = "SignedIn")]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N tasks, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns tasks after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N tasks, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions that the tasks must meet. Default: all tasks outside the trash.")] filter: Option<
            Box<TaskFilter>,
        >,
        #[graphql(desc = "Sort keys, the most significant first, up to 5. Default: `CREATED_AT`, `DESC`.")]
        order_by: Option<Vec<TaskOrder>>,
    ) -> Option<Result<Connection<Task, TaskTotals>>> {
        let page = PageArguments(first, after, last, before);
        // Boxed: otherwise this future enlarges that of every field of `Query`.
        Some(Box::pin(list::all(ctx, page, filter, order_by)).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Task>> {
    let id = TaskId::from_global("id", id)?;
    let tasks = ctx.domain().tasks();
    Ok(tasks.find(ctx.actor(), id).await?.map(Task::from))
}

pub(super) struct TaskById;

impl Batch for TaskById {
    type Key = TaskId;
    type Value = Arc<domain::task::Task>;

    const NAME: &'static str = "tasks";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[TaskId]) -> Loaded<Self> {
        let tasks = domain.tasks().find_many(actor, keys).await?;
        Ok(tasks.into_iter().map(|task| (task.id, Arc::new(task))).collect())
    }
}
