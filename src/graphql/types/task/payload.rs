//! Payloads of task mutations. Each mutation has its own type, so that fields can be added to one of them alone.

use async_graphql::{MergedObject, SimpleObject};

use super::Task;
use crate::domain;
use crate::domain::task::WrittenTask;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::row::Single;

/// Fields that all payloads have.
#[derive(Debug, SimpleObject)]
pub(super) struct TaskPayload {
    /// The task after the change. With the errors `CONFLICT` and `INVALID_TRANSITION`, the current task, so
    /// that clients can show its `version` and `allowedTransitions`. Null with other errors.
    pub(super) task: Option<Single<Task>>,
    /// Position of the change in the event log: the `cursor` of its `TaskEvent`. Null if nothing changed. Use it to
    /// recognise the event. Do not resume after it: a change that is committed later can have an earlier position.
    pub(super) cursor: Option<String>,
    /// Errors the client can fix; empty on success.
    pub(super) user_errors: Vec<UserError>,
}

impl TaskPayload {
    /// `input` is the path to the input fields, for errors. A conflict and an invalid transition have a task and
    /// errors.
    pub(super) fn of(result: domain::error::Result<WrittenTask>, input: &[&str]) -> Result<Self> {
        Ok(match result {
            Ok(WrittenTask { snapshot, cursor }) => Self {
                task: Some(Single(snapshot.into())),
                cursor: cursor.map(|cursor| cursor.encode()),
                user_errors: Vec::new(),
            },
            Err(error) => Self {
                task: error.current_task().cloned().map(|task| Single(task.into())),
                cursor: None,
                user_errors: user_errors(error, input)?,
            },
        })
    }
}

/// Payload of `taskCreate`.
#[derive(Debug, MergedObject)]
pub struct TaskCreatePayload(pub(super) TaskPayload);

/// Payload of `taskUpdate`.
#[derive(Debug, MergedObject)]
pub struct TaskUpdatePayload(pub(super) TaskPayload);

/// Payload of `taskAssign`.
#[derive(Debug, MergedObject)]
pub struct TaskAssignPayload(pub(super) TaskPayload);

/// Payload of `taskTransition`.
#[derive(Debug, MergedObject)]
pub struct TaskTransitionPayload(pub(super) TaskPayload);

/// Payload of `taskAddTags`.
#[derive(Debug, MergedObject)]
pub struct TaskAddTagsPayload(pub(super) TaskPayload);

/// Payload of `taskRemoveTags`.
#[derive(Debug, MergedObject)]
pub struct TaskRemoveTagsPayload(pub(super) TaskPayload);

/// Payload of `taskDelete`.
#[derive(Debug, MergedObject)]
pub struct TaskDeletePayload(pub(super) TaskPayload);

/// Payload of `taskRestore`.
#[derive(Debug, MergedObject)]
pub struct TaskRestorePayload(pub(super) TaskPayload);

/// Payload of `taskPurge`. `task` is the task before it was deleted.
#[derive(Debug, MergedObject)]
pub struct TaskPurgePayload(pub(super) TaskPayload);
