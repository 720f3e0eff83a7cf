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
            /// What the client can mend.
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
    /// What became of making a task.
    TaskCreatePayload
);
payload!(
    /// What became of changing a task.
    TaskUpdatePayload
);
payload!(
    /// What became of handing a task to somebody.
    TaskAssignPayload
);
payload!(
    /// What became of moving a task along the workflow.
    TaskTransitionPayload
);
payload!(
    /// What became of adding tags.
    TaskAddTagsPayload
);
payload!(
    /// What became of taking tags away.
    TaskRemoveTagsPayload
);
payload!(
    /// What became of putting a task in the trash.
    TaskDeletePayload
);
payload!(
    /// What became of taking a task out of the trash.
    TaskRestorePayload
);
payload!(
    /// What became of deleting a task for good; `task` is how it last was.
    TaskPurgePayload
);
