//! The workflow: which status may follow which. This table is the only place that knows.

use std::fmt;

use crate::domain::error::{Error, Result};

/// How far a task has come. Lists sort it in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Not begun.
    Todo,
    /// Being worked on.
    InProgress,
    /// Finished.
    Done,
    /// Given up.
    Cancelled,
}

impl Status {
    /// Every status, in the order in which lists sort.
    pub const ALL: [Self; 4] = [Self::Todo, Self::InProgress, Self::Done, Self::Cancelled];

    /// The name that REST and messages show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// The number it is stored and sorted by, 1 to 4.
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

    /// Whether nothing is left to do: such a task is never overdue.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }

    /// `to` if it may follow; staying where one is is always allowed and changes nothing.
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
