//! What the mutations of tasks answer: one type a mutation, all of one shape, so that a field can be
//! added to one of them without the others.

use async_graphql::SimpleObject;

use super::Task;
use crate::domain;
use crate::domain::task::WrittenTask;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::row::Single;

/// What the schema shows of a write.
pub(super) struct Shown {
    pub(super) task: Option<Single<Task>>,
    pub(super) cursor: Option<String>,
    pub(super) user_errors: Vec<UserError>,
}

impl Shown {
    /// The task after a write with the cursor of its event, or the errors that the client can fix. A conflict and an
    /// invalid transition have the task and errors.
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
            /// The task as it is now: after the change, or unchanged with the errors `CONFLICT` and
            /// `INVALID_TRANSITION`, so that a client can show it and its `allowedTransitions`. Null with other errors.
            task: Option<Single<Task>>,
            /// Place of the change in the event log: the `cursor` of the `TaskEvent` that subscribers receive for it, and
            /// an `after` for subscriptions. Null when nothing changed.
            cursor: Option<String>,
            /// Errors the client can fix; empty on success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// The payload for what the domain answered; `input` is the path to the mutation's fields.
            pub(super) fn of(result: domain::error::Result<WrittenTask>, input: &[&str]) -> Result<Self> {
                let Shown {
                    task,
                    cursor,
                    user_errors,
                } = Shown::of(result, input)?;
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
    /// Payload of `taskPurge`; `task` is the task as it last was.
    TaskPurgePayload
);
