//! Tasks in GraphQL.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::connection::{PageArguments, connection};
use super::context::ContextExt as _;
use super::error::Result;
use super::guard::SignedIn;
use super::node::GlobalId as _;
use super::scalar::{OrderDirection, TaskOrderField, TaskPriority, TaskStatus};
use super::task_filter::TaskFilter;
use super::task_payload::{
    TaskAddTagsPayload, TaskAssignPayload, TaskCreatePayload, TaskDeletePayload, TaskPurgePayload,
    TaskRemoveTagsPayload, TaskRestorePayload, TaskTransitionPayload, TaskUpdatePayload,
};
use super::user::{User, patch};
use crate::domain;
use crate::domain::id::{TaskId, UserId};
use crate::domain::patch::Patch;
use crate::domain::statistics::Statistics;
use crate::domain::tag::Tags;
use crate::domain::task::{NEWEST_FIRST, Snapshot, TaskChange, TaskDraft, TaskList, TaskSort};

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    task: domain::task::Task,
    /// Its tags, where they are known already.
    tags: Option<Tags>,
}

impl From<domain::task::Task> for Task {
    fn from(task: domain::task::Task) -> Self {
        Self { task, tags: None }
    }
}

impl From<Snapshot> for Task {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            task: snapshot.task,
            tags: Some(snapshot.tags),
        }
    }
}

/// A task.
#[Object]
impl Task {
    /// The global id.
    async fn id(&self) -> ID {
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
        let tags = match &self.tags {
            Some(tags) => tags.clone(),
            None => ctx.loaders().tags.load_one(self.task.id).await?.unwrap_or_default(),
        };
        Ok(tags.into_iter().collect())
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

/// One step of a task list's order; ties go by number.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskOrder {
    /// What is compared.
    field: TaskOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Ascending")]
    direction: OrderDirection,
}

impl From<TaskOrder> for TaskSort {
    fn from(order: TaskOrder) -> Self {
        Self {
            field: order.field.into(),
            direction: order.direction.into(),
        }
    }
}

/// What a connection of tasks knows beside its page.
#[derive(Debug)]
pub struct TaskTotals {
    list: TaskList,
}

#[Object]
impl TaskTotals {
    /// How many tasks there are on all pages together; counted only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.domain().tasks().count(ctx.actor(), &self.list).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// How many tasks have one status.
#[derive(Debug, SimpleObject)]
struct StatusCount {
    /// The status.
    status: TaskStatus,
    /// How many tasks have it.
    count: u64,
}

/// How many tasks have one priority.
#[derive(Debug, SimpleObject)]
struct PriorityCount {
    /// The priority.
    priority: TaskPriority,
    /// How many tasks have it.
    count: u64,
}

/// How many tasks have one tag.
#[derive(Debug, SimpleObject)]
struct TagCount {
    /// The tag.
    tag: String,
    /// How many tasks have it.
    count: u64,
}

/// Counts over the tasks that you may see, without the trash.
#[derive(Debug, SimpleObject)]
struct TaskStatistics {
    /// How many tasks there are.
    total: u64,
    /// How many are done.
    completed: u64,
    /// Which part of all tasks is done, from 0 to 1; 0 without tasks.
    completion_rate: f64,
    /// How many are past their due date and still open.
    overdue: u64,
    /// By status; every status is listed.
    by_status: Vec<StatusCount>,
    /// By priority; every priority is listed.
    by_priority: Vec<PriorityCount>,
    /// By tag, the most used first, up to 100.
    tags: Vec<TagCount>,
}

impl From<Statistics> for TaskStatistics {
    fn from(statistics: Statistics) -> Self {
        let status_count = |(status, count): (domain::workflow::Status, u64)| StatusCount {
            status: status.into(),
            count,
        };
        let priority_count = |(priority, count): (domain::task::Priority, u64)| PriorityCount {
            priority: priority.into(),
            count,
        };
        Self {
            total: statistics.total,
            completed: statistics.completed(),
            completion_rate: statistics.completion_rate(),
            overdue: statistics.overdue,
            by_status: statistics.by_status.into_iter().map(status_count).collect(),
            by_priority: statistics.by_priority.into_iter().map(priority_count).collect(),
            tags: statistics
                .tags
                .into_iter()
                .map(|(tag, count)| TagCount { tag, count })
                .collect(),
        }
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
        }
        .into_request(ctx)?;
        let list = task_list(filter, order_by)?;
        let found = ctx.domain().tasks().list(ctx.actor(), &list, &page).await?;
        Ok(connection(found, TaskTotals { list }, Task::from))
    }

    /// Counts over the tasks that you may see, without the trash.
    #[graphql(guard = "SignedIn")]
    async fn task_statistics(&self, ctx: &Context<'_>) -> Result<TaskStatistics> {
        Ok(ctx.domain().tasks().statistics(ctx.actor()).await?.into())
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Task>> {
    let id = TaskId::from_global("id", id)?;
    Ok(ctx.domain().tasks().find(ctx.actor(), id).await?.map(Task::from))
}

/// The most steps of an order: more would make the condition of a page long for nothing.
const MAX_ORDER_STEPS: usize = 5;

fn task_list(filter: Option<TaskFilter>, order_by: Option<Vec<TaskOrder>>) -> domain::error::Result<TaskList> {
    let steps = order_by.unwrap_or_default();
    if steps.len() > MAX_ORDER_STEPS {
        return Err(domain::error::Error::BadInput {
            field: "orderBy",
            message: format!("orderBy has {} steps; up to {MAX_ORDER_STEPS} are allowed", steps.len()),
        });
    }
    let order = if steps.is_empty() {
        vec![NEWEST_FIRST]
    } else {
        steps.into_iter().map(TaskSort::from).collect()
    };
    let include_deleted = filter.as_ref().is_some_and(TaskFilter::includes_deleted);
    let filter = filter.map(TaskFilter::into_domain).transpose()?.unwrap_or_default();
    Ok(TaskList {
        filter,
        include_deleted,
        order,
    })
}

/// A task to be made.
#[derive(Debug, InputObject)]
pub struct TaskCreateInput {
    /// 1 to 255 characters.
    title: String,
    /// Up to 5,000 characters.
    description: Option<String>,
    /// Where it starts; TODO when left out.
    status: Option<TaskStatus>,
    /// MEDIUM when left out.
    priority: Option<TaskPriority>,
    /// Until when it should be done.
    due_date: Option<DateTime<Utc>>,
    /// Who should do it.
    assignee_id: Option<ID>,
    /// Up to 20 tags of 1 to 50 characters; upper and lower case are the same.
    #[graphql(default)]
    tags: Vec<String>,
}

impl TaskCreateInput {
    fn into_draft(self) -> domain::error::Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: self.status.map(Into::into),
            priority: self.priority.map(Into::into),
            due_date: self.due_date,
            assignee: self
                .assignee_id
                .map(|id| UserId::from_global("assigneeId", &id))
                .transpose()?,
            tags: self.tags,
        })
    }
}

/// What to change of a task; a field that is left out stays as it is, null clears it.
#[derive(Debug, InputObject)]
pub struct TaskUpdateInput {
    /// 1 to 255 characters; cannot be null.
    title: MaybeUndefined<String>,
    /// Up to 5,000 characters.
    description: MaybeUndefined<String>,
    /// By the workflow; cannot be null.
    status: MaybeUndefined<TaskStatus>,
    /// How urgent it is; cannot be null.
    priority: MaybeUndefined<TaskPriority>,
    /// Until when it should be done.
    due_date: MaybeUndefined<DateTime<Utc>>,
    /// Who should do it. An assignee may only set it to null.
    assignee_id: MaybeUndefined<ID>,
    /// All tags anew; null takes all away.
    tags: MaybeUndefined<Vec<String>>,
}

impl TaskUpdateInput {
    fn into_change(self) -> domain::error::Result<TaskChange> {
        Ok(TaskChange {
            title: patch(self.title),
            description: patch(self.description),
            status: patch(self.status).map(Into::into),
            priority: patch(self.priority).map(Into::into),
            due_date: patch(self.due_date),
            assignee: match patch(self.assignee_id) {
                Patch::Absent => Patch::Absent,
                Patch::Null => Patch::Null,
                Patch::Value(id) => Patch::Value(UserId::from_global("assigneeId", &id)?),
            },
            tags: patch(self.tags),
        })
    }
}

/// What can be done to tasks.
#[derive(Debug, Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Makes a task that belongs to you.
    #[graphql(guard = "SignedIn")]
    async fn task_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] input: TaskCreateInput,
    ) -> Result<TaskCreatePayload> {
        let draft = input.into_draft()?;
        TaskCreatePayload::of(ctx.domain().tasks().create(ctx.actor(), draft).await, &["input"])
    }

    /// Changes a task.
    #[graphql(guard = "SignedIn")]
    async fn task_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "What to change.")] input: TaskUpdateInput,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskUpdatePayload> {
        let (id, change) = (TaskId::from_global("id", &id)?, input.into_change()?);
        let updated = ctx
            .domain()
            .tasks()
            .update(ctx.actor(), id, change, expected_version)
            .await;
        TaskUpdatePayload::of(updated, &["input"])
    }

    /// Hands a task to somebody, or to nobody. For its owner and administrators; an assignee may hand it back.
    #[graphql(guard = "SignedIn")]
    async fn task_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "To whom; null takes it from whoever has it.")] assignee_id: Option<ID>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskAssignPayload> {
        let id = TaskId::from_global("id", &id)?;
        let assignee = assignee_id
            .map(|assignee| UserId::from_global("assigneeId", &assignee))
            .transpose()?;
        let outcome = ctx
            .domain()
            .tasks()
            .assign(ctx.actor(), id, assignee, expected_version)
            .await;
        TaskAssignPayload::of(outcome, &[])
    }

    /// Moves a task along the workflow. The status it has already is no error and changes nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Where to; see allowedTransitions.")] status: TaskStatus,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskTransitionPayload> {
        let id = TaskId::from_global("id", &id)?;
        let moved = ctx
            .domain()
            .tasks()
            .transition(ctx.actor(), id, status.into(), expected_version)
            .await;
        TaskTransitionPayload::of(moved, &[])
    }

    /// Adds tags to a task; those it has already change nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_add_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "The tags, of 1 to 50 characters.")] tags: Vec<String>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskAddTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskAddTagsPayload::of(
            ctx.domain()
                .tasks()
                .add_tags(ctx.actor(), id, &tags, expected_version)
                .await,
            &[],
        )
    }

    /// Takes tags from a task; those it has not change nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_remove_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "The tags.")] tags: Vec<String>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskRemoveTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskRemoveTagsPayload::of(
            ctx.domain()
                .tasks()
                .remove_tags(ctx.actor(), id, &tags, expected_version)
                .await,
            &[],
        )
    }

    /// Puts a task in the trash, where it is out of sight until it is restored.
    #[graphql(guard = "SignedIn")]
    async fn task_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskDeletePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskDeletePayload::of(
            ctx.domain().tasks().delete(ctx.actor(), id, expected_version).await,
            &[],
        )
    }

    /// Takes a task out of the trash.
    #[graphql(guard = "SignedIn")]
    async fn task_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskRestorePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskRestorePayload::of(
            ctx.domain().tasks().restore(ctx.actor(), id, expected_version).await,
            &[],
        )
    }

    /// Deletes a task for good, from the trash or not. Its events stay in the log.
    #[graphql(guard = "SignedIn")]
    async fn task_purge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskPurgePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskPurgePayload::of(ctx.domain().tasks().purge(ctx.actor(), id, expected_version).await, &[])
    }
}
