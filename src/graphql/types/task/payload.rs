//! Payloads of task mutations. Each mutation has its own type, so that fields can be added to one of them alone.

use async_graphql::SimpleObject;

use super::Task;
use crate::domain;
use crate::domain::task::WrittenTask;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::row::Single;

/// Fields that all payloads have.
pub(super) struct PayloadFields {
    pub(super) task: Option<Single<Task>>,
    pub(super) cursor: Option<String>,
    pub(super) user_errors: Vec<UserError>,
}

impl PayloadFields {
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

/// Declares the payload of one mutation.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            /// The task after the change. With the errors `CONFLICT` and `INVALID_TRANSITION`, the current task, so
            /// that clients can show its `version` and `allowedTransitions`. Null with other errors.
            task: Option<Single<Task>>,
            /// Position of the change in the event log: the `cursor` of its `TaskEvent`, accepted as `after` by
            /// subscriptions. Null if nothing changed.
            cursor: Option<String>,
            /// Errors the client can fix; empty on success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// `input` is the path to the input fields, for errors.
            pub(super) fn of(result: domain::error::Result<WrittenTask>, input: &[&str]) -> Result<Self> {
                let PayloadFields {
                    task,
                    cursor,
                    user_errors,
                } = PayloadFields::of(result, input)?;
                Ok(Self {
                    task,
                    cursor,
                    user_errors,
                })
            }
        }
    };
}

payload!(
    /// Payload of `taskCreate`.
    TaskCreatePayload
);
payload!(
    /// Payload of `taskUpdate`.
    TaskUpdatePayload
);
payload!(
    /// Payload of `taskAssign`.
    TaskAssignPayload
);
payload!(
    /// Payload of `taskTransition`.
    TaskTransitionPayload
);
payload!(
    /// Payload of `taskAddTags`.
    TaskAddTagsPayload
);
payload!(
    /// Payload of `taskRemoveTags`.
    TaskRemoveTagsPayload
);
payload!(
    /// Payload of `taskDelete`.
    TaskDeletePayload
);
payload!(
    /// Payload of `taskRestore`.
    TaskRestorePayload
);
payload!(
    /// Payload of `taskPurge`. `task` is the task before it was deleted.
    TaskPurgePayload
);
