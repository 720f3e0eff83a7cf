//! What happened to a task, in GraphQL.

use std::sync::Arc;

use async_graphql::{Context, ContextSelectionSet, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::Task;
use crate::domain::event::{self as domain, FieldChange};
use crate::domain::id::{TaskId, UserId};
use crate::domain::user as domain_user;
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, camel_case};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{AtHand, Held, One, Row, Selected, hold};
use crate::graphql::scalar::{TaskEventType, TaskStatus};
use crate::graphql::user::User;

/// Something that happened to a task.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    event: domain::TaskEvent,
    actor: Held<Arc<domain_user::User>>,
    /// Whether whoever is told may still see the task as it is told.
    sees_task: bool,
}

impl TaskEvent {
    /// As it is told to somebody who sees the task.
    fn of_seen(event: domain::TaskEvent) -> Self {
        Self::delivered(event, true)
    }

    /// As it is told to somebody who may have lost sight of the task by it.
    pub(in crate::graphql) fn delivered(event: domain::TaskEvent, sees_task: bool) -> Self {
        Self {
            event,
            actor: Held::default(),
            sees_task,
        }
    }
}

/// Something that happened to a task.
#[Object]
impl TaskEvent {
    /// Its place in the log.
    async fn cursor(&self) -> String {
        self.event.cursor.encode()
    }

    /// What happened.
    #[graphql(name = "type")]
    async fn kind(&self) -> TaskEventType {
        self.event.kind.into()
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.event.occurred_at
    }

    /// Who did it; null for the server itself, and when the account is gone.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<One<User>>> {
        let Some(id) = self.event.actor_id else {
            return Ok(None);
        };
        let actor = self.actor.or_load(ctx.loaders().users(), id).await?;
        Ok(actor.map(User).map(One))
    }

    /// To which task.
    async fn task_id(&self) -> ID {
        self.event.task_id.to_global()
    }

    /// The task as the event left it: `version` tells which one it is. Null for somebody who lost sight of it
    /// by the event.
    async fn task(&self) -> Option<One<Task>> {
        self.sees_task.then(|| One(self.event.task.clone().into()))
    }

    /// The status before; null when the task was made.
    async fn previous_status(&self) -> Option<TaskStatus> {
        self.event.previous_status.map(Into::into)
    }

    /// The status after.
    async fn status(&self) -> TaskStatus {
        self.event.status.into()
    }

    /// What changed, by name; empty when the task was made or deleted for good.
    async fn changes(&self) -> Vec<TaskEventChange> {
        self.event.changes.iter().map(Into::into).collect()
    }
}

impl Row for TaskEvent {
    fn at_hand<'a>(&'a self, field: Selected<'a>) -> Option<AtHand<'a>> {
        let event = &self.event;
        Some(match field.name() {
            "cursor" => event.cursor.encode().into(),
            "type" => AtHand::name(TaskEventType::from(event.kind)),
            "occurredAt" => event.occurred_at.into(),
            "actor" if event.actor_id.is_none() => AtHand::Null,
            "actor" => self.actor.get()?.cloned().map(User).map(AtHand::object).into(),
            "taskId" => event.task_id.to_global().into(),
            "task" if !self.sees_task => AtHand::Null,
            "task" => AtHand::object(Task::from(event.task.clone())),
            "previousStatus" => event.previous_status.map(TaskStatus::from).map(AtHand::name).into(),
            "status" => AtHand::name(TaskStatus::from(event.status)),
            _ => return None,
        })
    }

    async fn gather<'a>(rows: &'a [&'a Self], fields: &'a [Selected<'a>], ctx: &'a ContextSelectionSet<'a>) {
        if fields.iter().any(|field| field.name() == "actor") {
            let actors = rows.iter().filter_map(|row| Some((row.event.actor_id?, &row.actor)));
            hold(|| ctx.loaders().users(), actors).await;
        }
    }
}

/// A field of a task with its values before and after an event.
#[derive(Clone, Debug, SimpleObject)]
pub struct TaskEventChange {
    /// The field, as `Task` has it.
    field: String,
    /// The value before, as `Task` shows it; a user is a global id.
    from: Option<Json>,
    /// The value after, as `Task` shows it; a user is a global id.
    to: Option<Json>,
}

impl From<&FieldChange> for TaskEventChange {
    fn from(change: &FieldChange) -> Self {
        let name = change.field.strip_suffix("_id").unwrap_or(&change.field);
        Self {
            field: camel_case(name),
            from: shown(&change.field, &change.from),
            to: shown(&change.field, &change.to),
        }
    }
}

/// A value of the log as the schema shows it.
fn shown(field: &str, stored: &Json) -> Option<Json> {
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

/// What a connection of a task's events knows beside its page.
#[derive(Debug)]
pub struct TaskEventTotals {
    task: TaskId,
}

#[Object]
impl TaskEventTotals {
    /// How many events there are on all pages together; counted only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.loaders().history_counts().load_one(self.task).await?;
        Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
    }
}

/// A page of what happened to a task. The same page of other tasks is read in the same statement.
pub(super) async fn of(
    ctx: &Context<'_>,
    task: TaskId,
    page: PageArguments,
) -> Result<Connection<TaskEvent, TaskEventTotals>> {
    let page = page.into_request(ctx)?;
    let events = ctx.loaders().histories().load_one((task, page)).await?;
    let events = events.transpose()?.unwrap_or_default();
    Ok(connection(events, TaskEventTotals { task }, TaskEvent::of_seen))
}
