//! Tasks in GraphQL.

mod bulk;
mod filter;
mod history;
mod input;
pub(super) mod list;
mod mutation;
mod payload;

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

pub use self::bulk::TaskBulkMutation;
pub use self::filter::TaskFilter;
pub use self::history::{TaskEvent, TaskEventTotals};
pub use self::list::{TaskOrder, TaskTotals};
pub use self::mutation::TaskMutation;
use super::attachment::Attachment;
use super::connection::PageArguments;
use super::context::ContextExt as _;
use super::error::Result;
use super::guard::SignedIn;
use super::node::GlobalId as _;
use super::scalar::{TaskPriority, TaskStatus};
use super::user::User;
use crate::domain;
use crate::domain::id::TaskId;
use crate::domain::tag::Tags;
use crate::domain::task::Snapshot;

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    task: domain::task::Task,
    /// Its tags and files, where they are known already.
    lists: Option<(Tags, Vec<domain::attachment::Attachment>)>,
}

impl From<domain::task::Task> for Task {
    fn from(task: domain::task::Task) -> Self {
        Self { task, lists: None }
    }
}

impl From<Snapshot> for Task {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            task: snapshot.task,
            lists: Some((snapshot.tags, snapshot.attachments)),
        }
    }
}

/// A task.
#[Object]
impl Task {
    /// The global id.
    pub(super) async fn id(&self) -> ID {
        self.task.id.to_global()
    }

    /// The number by which REST knows the task.
    async fn database_id(&self) -> i32 {
        self.task.id.0
    }

    /// What is to be done, in a line.
    async fn title(&self) -> &str {
        &self.task.title
    }

    /// What is to be done, at length.
    async fn description(&self) -> Option<&str> {
        self.task.description.as_deref()
    }

    /// How far it has come.
    async fn status(&self) -> TaskStatus {
        self.task.status.into()
    }

    /// How urgent it is.
    async fn priority(&self) -> TaskPriority {
        self.task.priority.into()
    }

    /// Until when it should be done.
    async fn due_date(&self) -> Option<DateTime<Utc>> {
        self.task.due_date
    }

    /// Whether it is past its due date and still open.
    async fn is_overdue(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().is_overdue(&self.task)
    }

    /// When it was done; only while it is.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.task.completed_at
    }

    /// Counts the changes, from 1. Send it as `expectedVersion` to change only what you have seen.
    async fn version(&self) -> i32 {
        self.task.version
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.task.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.task.updated_at
    }

    /// When it was put in the trash; only while it is there.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.task.deleted_at
    }

    /// Whose it is.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.loaders().users.load_one(self.task.owner_id).await?.map(User))
    }

    /// Who should do it.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match self.task.assignee_id {
            Some(id) => Ok(ctx.loaders().users.load_one(id).await?.map(User)),
            None => Ok(None),
        }
    }

    /// Its tags, in alphabetical order.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let tags = match &self.lists {
            Some((tags, _)) => tags.clone(),
            None => ctx.loaders().tags.load_one(self.task.id).await?.unwrap_or_default(),
        };
        Ok(tags.into_iter().collect())
    }

    /// Its files, up to 20, the oldest first.
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Vec<Attachment>> {
        let loader = &ctx.loaders().attachments_of_tasks;
        let files = match &self.lists {
            Some((_, files)) => files.clone(),
            None => loader.load_one(self.task.id).await?.unwrap_or_default(),
        };
        Ok(files.into_iter().map(Attachment).collect())
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
    ) -> Result<Connection<String, TaskEvent, TaskEventTotals>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        history::of(ctx, self.task.id, page).await
    }

    /// Whether you may change it.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_update(ctx.actor(), &self.task)
    }

    /// Whether you may delete it.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        ctx.domain().tasks().may_delete(ctx.actor(), &self.task)
    }

    /// The statuses that may follow the present one.
    async fn allowed_transitions(&self) -> Vec<TaskStatus> {
        self.task
            .status
            .allowed_transitions()
            .iter()
            .copied()
            .map(TaskStatus::from)
            .collect()
    }
}

/// What can be read of tasks.
#[derive(Debug, Default)]
pub struct TaskQuery;

#[Object]
impl TaskQuery {
    /// The task with this id; null when there is none, it is in the trash, or it is not yours to see.
    #[graphql(guard = "SignedIn")]
    async fn task(&self, ctx: &Context<'_>, #[graphql(desc = "Which task.")] id: ID) -> Option<Result<Task>> {
        find(ctx, &id).await.transpose()
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
    ) -> Option<Result<Connection<String, TaskEvent, TaskEventTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        match find(ctx, &id).await.transpose()? {
            Ok(task) => Some(history::of(ctx, task.task.id, page).await),
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
        #[graphql(desc = "Which of them.")] filter: Option<TaskFilter>,
        #[graphql(desc = "By what they are sorted, the most important first; up to 5 steps.")] order_by: Option<
            Vec<TaskOrder>,
        >,
    ) -> Result<Connection<String, Task, TaskTotals>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        list::all(ctx, page, filter, order_by).await
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Task>> {
    let id = TaskId::from_global("id", id)?;
    Ok(ctx.domain().tasks().find(ctx.actor(), id).await?.map(Task::from))
}
