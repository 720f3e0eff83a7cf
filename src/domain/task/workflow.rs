//! The workflow: the allowed transitions between statuses, as one table.

use std::fmt;

use crate::domain::error::{Error, Result};
use crate::domain::named_enum::named_enum;

named_enum! {
    /// Workflow status of a task, with its name in REST and in messages. Lists sort in this order.
    #[derive(PartialOrd, Ord)]
    Status {
        /// Not started.
        Todo = "todo",
        /// In progress.
        InProgress = "in_progress",
        /// Finished.
        Done = "done",
        /// Cancelled.
        Cancelled = "cancelled",
    }
}

impl Status {
    /// The stored number, 1 to 4; also the sort key.
    pub(crate) fn rank(self) -> i16 {
        match self {
            Self::Todo => 1,
            Self::InProgress => 2,
            Self::Done => 3,
            Self::Cancelled => 4,
        }
    }

    /// The statuses that may follow this one.
    #[must_use]
    pub fn allowed_transitions(self) -> &'static [Self] {
        match self {
            Self::Todo => &[Self::InProgress, Self::Done, Self::Cancelled],
            Self::InProgress => &[Self::Todo, Self::Done, Self::Cancelled],
            Self::Done | Self::Cancelled => &[Self::Todo],
        }
    }

    /// Whether no work is left; closed tasks are never overdue.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }

    /// Returns `to` if the transition is allowed. A transition to the current status is always allowed and changes
    /// nothing.
    pub fn transition(self, to: Self) -> Result<Self> {
        if self == to || self.allowed_transitions().contains(&to) {
            Ok(to)
        } else {
            Err(Error::InvalidTransition {
                from: self,
                to,
                current: None,
            })
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
