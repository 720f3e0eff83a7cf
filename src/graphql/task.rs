//! Tasks in GraphQL.

mod bulk;
mod filter;
mod history;
mod input;
pub(super) mod list;
mod mutation;
mod payload;
mod snapshot;

use std::sync::Arc;

use async_graphql::{Context, ContextSelectionSet, ID, Object};
use chrono::{DateTime, Utc};

pub use self::bulk::TaskBulkMutation;
pub use self::filter::{TagFilter, TaskFilter, TaskPriorityFilter, TaskStatusFilter, UserIdFilter};
pub use self::history::{TaskEvent, TaskEventTotals};
pub(super) use self::list::task_list;
pub use self::list::{TaskOrder, TaskTotals};
pub use self::mutation::TaskMutation;
use super::attachment::Attachment;
use super::connection::{Connection, PageArguments};
use super::context::ContextExt as _;
use super::error::Result;
use super::guard::SignedIn;
use super::node::GlobalId as _;
use super::row::{AtHand, Held, One, Row, Rows, Selected, hold, rows_with};
use super::scalar::{Date, TaskPriority, TaskStatus};
use super::user::User;
use crate::domain;
use crate::domain::error::Error;
use crate::domain::id::TaskId;
use crate::domain::live::VisibleTask;
use crate::domain::tag::Tags;
use crate::domain::task::{FullTask, People, Snapshot};

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    inner: Arc<domain::task::Task>,
    owner: Held<Arc<domain::user::User>>,
    assignee: Held<Arc<domain::user::User>>,
    tags: Held<Tags>,
    attachments: Held<Vec<domain::attachment::Attachment>>,
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
            owner: Held::default(),
            assignee: Held::default(),
            tags: Held::default(),
            attachments: Held::default(),
        }
    }
}

impl From<(domain::task::Task, People)> for Task {
    fn from((task, people): (domain::task::Task, People)) -> Self {
        Self {
            owner: Arc::new(people.owner).into(),
            assignee: people.assignee.map(Arc::new).map(Held::from).unwrap_or_default(),
            ..task.into()
        }
    }
}

impl From<FullTask> for Task {
    fn from((task, tags): FullTask) -> Self {
        Self {
            tags: tags.into(),
            ..task.into()
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

impl From<Snapshot> for Task {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            tags: snapshot.tags.into(),
            attachments: snapshot.attachments.into(),
            ..snapshot.task.into()
        }
    }
}

/// A task with a workflow status, an owner and an assignee.
#[Object]
impl Task {
    /// The global id.
    pub(super) async fn id(&self) -> ID {
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
    async fn owner(&self, ctx: &Context<'_>) -> Result<One<User>> {
        let id = self.inner.owner_id;
        let owner = self.owner.or_load(ctx.loaders().users(), id).await?;
        let owner = owner.ok_or_else(|| Error::internal(anyhow::anyhow!("a task's owner {id} is missing")))?;
        Ok(One(User(owner)))
    }

    /// The user who should do the task; null if nobody. Assignees have the rights of the owner, except that they can
    /// assign the task to nobody else.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<One<User>>> {
        let Some(id) = self.inner.assignee_id else {
            return Ok(None);
        };
        let assignee = self.assignee.or_load(ctx.loaders().users(), id).await?;
        Ok(assignee.map(User).map(One))
    }

    /// The key that its creator gave it in `TaskCreateInput`, to find the row of an optimistic update. Null if there was
    /// none, and when the task was transferred to another owner.
    async fn client_key(&self) -> Option<&str> {
        self.inner.client_key.as_deref()
    }

    /// Its tags, in alphabetical order.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let tags = self.tags.or_load(ctx.loaders().tags(), self.inner.id).await?;
        Ok(tags.unwrap_or_default().into_iter().collect())
    }

    /// Its files, up to 20, the oldest first.
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Rows<Attachment>> {
        let loader = ctx.loaders().attachments_of_tasks();
        let files = self.attachments.or_load(loader, self.inner.id).await?;
        Ok(Rows(
            files.unwrap_or_default().into_iter().map(Attachment::from).collect(),
        ))
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
        history::of(ctx, self.clone(), page).await
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
    fn at_hand<'a>(&'a self, field: Selected<'a>) -> Option<AtHand<'a>> {
        let task = &self.inner;
        Some(match field.name() {
            "id" => task.id.to_global().into(),
            "databaseId" => task.id.0.into(),
            "title" => task.title.as_str().into(),
            "description" => task.description.as_deref().into(),
            "status" => AtHand::name(TaskStatus::from(task.status)),
            "priority" => AtHand::name(TaskPriority::from(task.priority)),
            "dueDate" => task.due_date.into(),
            "dueOn" => task.due_on.into(),
            "isOverdue" => field.ctx.domain().tasks().is_overdue(field.ctx.actor(), task).into(),
            "completedAt" => task.completed_at.into(),
            "version" => task.version.into(),
            "createdAt" => task.created_at.into(),
            "updatedAt" => task.updated_at.into(),
            "deletedAt" => task.deleted_at.into(),
            "clientKey" => task.client_key.as_deref().into(),
            "owner" => AtHand::object(User(self.owner.get()??.clone())),
            "assignee" if task.assignee_id.is_none() => AtHand::Null,
            "assignee" => self.assignee.get()?.cloned().map(User).map(AtHand::object).into(),
            "tags" => self.tags.get()?.into_iter().flatten().map(String::as_str).collect(),
            _ => return None,
        })
    }

    async fn gather<'a>(rows: &'a [&'a Self], fields: &'a [Selected<'a>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let loaders = ctx.loaders();
        let owners = rows_for("owner").iter().map(|row| (row.inner.owner_id, &row.owner));
        let assignees = rows_for("assignee").iter();
        let assignees = assignees.filter_map(|row| Some((row.inner.assignee_id?, &row.assignee)));
        let tags = rows_for("tags").iter().map(|row| (row.inner.id, &row.tags));
        let attachments = rows_for("attachments").iter();
        let attachments = attachments.map(|row| (row.inner.id, &row.attachments));
        tokio::join!(
            hold(|| loaders.users(), owners.chain(assignees)),
            hold(|| loaders.tags(), tags),
            hold(|| loaders.attachments_of_tasks(), attachments),
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
    async fn task(&self, ctx: &Context<'_>, #[graphql(desc = "Which task.")] id: ID) -> Option<Result<One<Task>>> {
        let task = find(ctx, &id).await.transpose()?;
        Some(task.map(One))
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
    Ok(if list::names_suffice(&[ctx.look_ahead()]) {
        tasks.find_with_people(ctx.actor(), id).await?.map(Task::from)
    } else {
        tasks.find(ctx.actor(), id).await?.map(Task::from)
    })
}
