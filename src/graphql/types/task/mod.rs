//! Tasks in GraphQL.

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

/// A task.
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
    /// For look-ups.
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

/// A task with a workflow status, an owner and an assignee.
#[plain_fields]
#[Object]
impl Task {
    /// The global id.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.inner.id.to_global()
    }

    /// The number by which REST knows the task.
    async fn database_id(&self) -> i32 {
        self.inner.id.0
    }

    /// What is to be done, in a line.
    async fn title(&self) -> &str {
        &self.inner.title
    }

    /// What is to be done, at length.
    async fn description(&self) -> Option<&str> {
        self.inner.description.as_deref()
    }

    /// How far it has come.
    async fn status(&self) -> TaskStatus {
        self.inner.status.into()
    }

    /// How urgent it is.
    async fn priority(&self) -> TaskPriority {
        self.inner.priority.into()
    }

    /// Until when it should be done. Null if the task has a due day, or is not due.
    async fn due_date(&self) -> Option<DateTime<Utc>> {
        self.inner.due_date
    }

    /// On which day it should be done. Null if the task has a due date, or is not due.
    async fn due_on(&self) -> Option<Date> {
        self.inner.due_on.map(Date)
    }

    /// Whether it is still open and past its due date, or past its due day in your time zone (`User.timeZone`).
    async fn is_overdue(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().is_overdue(ctx.actor(), &self.inner)
    }

    /// When it was done; only while it is.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.inner.completed_at
    }

    /// Counts the changes, from 1. Send it as `expectedVersion` to change only what you have seen.
    async fn version(&self) -> i32 {
        self.inner.version
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.inner.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.inner.updated_at
    }

    /// When it was put in the trash; only while it is there.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.inner.deleted_at
    }

    /// The user who owns the task.
    async fn owner(&self) -> Required<Lookup<'_, UserById, Single<User>>> {
        Lookup::new(self.inner.owner_id, &self.owner, User::single).required()
    }

    /// The user who should do the task; null if nobody. Assignees have the rights of the owner, except that they can
    /// assign the task to nobody else.
    async fn assignee(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.inner.assignee_id, &self.assignee, User::single)
    }

    /// The key that its creator gave it in `TaskCreateInput`, to find the row of an optimistic update. Null if there was
    /// none, and when the task was transferred to another owner.
    async fn client_key(&self) -> Option<&str> {
        self.inner.client_key.as_deref()
    }

    /// Its tags, in alphabetical order.
    async fn tags(&self) -> Vec<&str> {
        self.inner.tags.iter().map(String::as_str).collect()
    }

    /// Its files, up to 20, the oldest first.
    async fn attachments(&self) -> Required<Lookup<'_, AttachmentsOfTask, Rows<Attachment>>> {
        Lookup::new(self.inner.id, &self.attachments, Attachment::rows).required()
    }

    /// What happened to it, the oldest first.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only events behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
    ) -> Result<Connection<TaskEvent, TaskEventTotals>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        // On the heap, so that every field of a task does not carry room for it.
        Box::pin(history::of(ctx, self.clone(), page)).await
    }

    /// Whether you may change it: its owner, its assignee and administrators may.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_update(ctx.actor(), &self.inner)
    }

    /// Whether you may put it in the trash and take it out again: its owner, its assignee and administrators may.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_delete(ctx.actor(), &self.inner)
    }

    /// Whether you may assign it to anybody: its owner and administrators may. The assignee may only unassign themselves.
    async fn viewer_can_assign(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_assign(ctx.actor(), &self.inner)
    }

    /// Whether you may delete it for good: its owner, its assignee and administrators may.
    async fn viewer_can_purge(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_purge(ctx.actor(), &self.inner)
    }

    /// The statuses that may follow the present one.
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

/// What can be read of tasks.
#[derive(Debug, Default)]
pub struct TaskQuery;

#[Object]
impl TaskQuery {
    /// The task with this id; null when there is none, it is in the trash, or it is not yours to see.
    #[graphql(guard = "SignedIn")]
    async fn task(&self, ctx: &Context<'_>, #[graphql(desc = "Which task.")] id: ID) -> Option<Result<Single<Task>>> {
        let task = find(ctx, &id).await.transpose()?;
        Some(task.map(Single))
    }

    /// What happened to the task with this id, the oldest first; null when there is none, it is in the
    /// trash, or it is not yours to see.
    #[graphql(guard = "SignedIn")]
    async fn task_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only events behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<TaskEvent, TaskEventTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        match find(ctx, &id).await.transpose()? {
            Ok(task) => Some(history::of(ctx, task, page).await),
            Err(error) => Some(Err(error)),
        }
    }

    /// The tasks that you own or are assigned to, newest first unless ordered otherwise; administrators see all.
    #[graphql(guard = "SignedIn")]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only tasks behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of them.")] filter: Option<Box<TaskFilter>>,
        #[graphql(desc = "By what they are sorted, the most important first; up to 5 steps.")] order_by: Option<
            Vec<TaskOrder>,
        >,
    ) -> Option<Result<Connection<Task, TaskTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        // On the heap, so that every field of `Query` does not carry room for it.
        Some(Box::pin(list::all(ctx, page, filter, order_by)).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Task>> {
    let id = TaskId::from_global("id", id)?;
    let tasks = ctx.domain().tasks();
    Ok(tasks.find(ctx.actor(), id).await?.map(Task::from))
}

/// Tasks by id, as far as the actor sees them.
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
