//! What the mutations of tasks answer: one type a mutation, all of one shape, so that a field can be
//! added to one of them without the others.

use async_graphql::SimpleObject;

use super::Task;
use crate::domain;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::row::One;

/// The task after a mutation, or the errors that the client can fix. A conflict and an invalid transition have both.
fn outcome(
    result: domain::error::Result<domain::task::Snapshot>,
    input: &[&str],
) -> Result<(Option<Task>, Vec<UserError>)> {
    match result {
        Ok(snapshot) => Ok((Some(snapshot.into()), Vec::new())),
        Err(error) => {
            let current = error.current_task().cloned().map(Task::from);
            Ok((current, user_errors(error, input)?))
        }
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
            task: Option<One<Task>>,
            /// Errors the client can fix; empty on success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// The payload for what the domain answered; `input` is the path to the mutation's fields.
            pub(super) fn of(result: domain::error::Result<domain::task::Snapshot>, input: &[&str]) -> Result<Self> {
                let (task, user_errors) = outcome(result, input)?;
                let task = task.map(One);
                Ok(Self { task, user_errors })
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
