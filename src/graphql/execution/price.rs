//! Prices of fields and arguments, in thousandths of a point.
//!
//! A point is up to 50 microseconds of server and database time, measured with 100,000 tasks:
//! `cargo xtask bench cost` searches for documents that take longer.

use std::cell::Cell;
use std::collections::HashSet;

use crate::domain::task::words;
use crate::graphql::connection::ROWS;

#[derive(Clone, Copy, Default)]
pub(super) struct Price {
    pub(super) all: u64,
    /// The part that grows with the number of visible tasks.
    pub(super) scans: u64,
}

impl Price {
    pub(super) fn new(price: u64, scans: bool) -> Self {
        Self {
            all: price,
            scans: if scans { price } else { 0 },
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            all: self.all.saturating_add(other.all),
            scans: self.scans.saturating_add(other.scans),
        }
    }

    pub(super) fn times(self, times: u64) -> Self {
        Self {
            all: self.all.saturating_mul(times),
            scans: self.scans.saturating_mul(times),
        }
    }

    pub(super) fn max(self, other: Self) -> Self {
        Self {
            all: self.all.max(other.all),
            scans: self.scans.max(other.scans),
        }
    }
}

pub(super) const POINT: u64 = 1_000;
/// Base price of every operation: session check, rate limits, and writing the response.
pub(super) const OPERATION: u64 = 3 * POINT;

/// The price of a list with any filter, beside those of its conditions: rows are read until enough of them match.
pub(super) const SCAN: u64 = 15 * POINT;

/// The price of a row that is read for `pageInfo` only.
pub(super) const ROW_READ: u64 = 7 * POINT / 10;

/// Maximum bytes of searches whose words are counted for one operation.
const MAX_SEARCHES: usize = 16 * 1024;

pub(super) fn is_rows(parent: &str, field: &str) -> bool {
    parent.ends_with("Connection") && ROWS.contains(&field)
}

/// The price of a field without its selection set.
pub(super) fn field(parent: &str, field: &str, is_leaf: bool) -> Price {
    let price = match (parent, field) {
        // Groups the tags of all visible tasks, once for the page and once for the count.
        ("Query", "tags") | ("TagConnection", "totalCount") => 300 * POINT,
        // Reads the names of all users.
        ("Query", "people") => 50 * POINT,
        // With a filter there is no cached result: all matching tasks are grouped.
        ("Query", "taskStatistics") => 180 * POINT,
        // Joins all tags of all visible tasks. The usual length of 5 multiplies this price.
        ("TaskStatistics", "tags") => 60 * POINT,
        // Up to 5,000 characters.
        ("Task", "description") => POINT + POINT / 4,
        // The URL is signed.
        ("Attachment", "url") => POINT / 5,
        // Each change has the old and the new value, which can be a description.
        ("TaskEvent", "changes") => POINT / 2,
        ("Mutation", _) => 20 * POINT,
        (_, "totalCount" | "unreadCount" | "unreadNotificationCount" | "taskCount") => 40 * POINT,
        // Reads two ranges of an index for an ordinary user, and at least ten rows of each.
        ("Query", "tasks" | "notifications" | "users") => 8 * POINT,
        // Of another user's tasks, those that the viewer may not see are read too.
        ("User", "ownedTasks" | "assignedTasks") => 16 * POINT,
        // Also reads the task, to check that it is visible.
        ("Query", "taskHistory") | ("Task", "history") => 3 * POINT,
        // Each takes a statement.
        ("Query", "eventCursor" | "node" | "nodes" | "task") => 2 * POINT,
        // Introspection reads only memory.
        (parent, _) if parent.starts_with("__") => POINT / 50,
        (_, _) if is_leaf => POINT / 20,
        (_, _) => POINT,
    };
    let scans = matches!(
        (parent, field),
        ("Query", "taskStatistics" | "tags")
            | ("TaskStatistics", "tags")
            | (
                _,
                "totalCount" | "unreadCount" | "unreadNotificationCount" | "taskCount"
            )
    );
    Price::new(price, scans)
}

/// Estimated length of a list without the argument `first`.
pub(super) fn usual_length(parent: &str, field: &str) -> u64 {
    match (parent, field) {
        ("__Schema", "types") => 100,
        ("__Type", "fields") => 12,
        ("__Type", "inputFields") => 8,
        ("__Type", "enumValues") => 6,
        ("__Type", "possibleTypes") => 4,
        ("__Field" | "__Directive", "args") | ("__Schema", "directives") => 3,
        ("Query", "sessions") => 10,
        ("Task", "attachments") | ("TaskStatistics", _) => 5,
        _ => 1,
    }
}

/// The price of an argument, or of a field of the input type `of`.
pub(super) fn input(of: &str, name: &str, text: Option<&str>, words: &SearchWords) -> Price {
    let price = match (of, name) {
        ("TaskFilter", "search") => words.count(text.unwrap_or_default()).saturating_mul(100 * POINT),
        ("TagFilter", _) => 50 * POINT,
        // Every list has an index for the default order. Without any index, all tasks of the list are sorted.
        ("TaskOrder", "field") => match text {
            Some("CREATED_AT") => 0,
            Some("UPDATED_AT" | "DUE_DATE" | "PRIORITY" | "STATUS" | "TITLE" | "ID") => 100 * POINT,
            _ => 150 * POINT,
        },
        (of, _) if of.ends_with("Filter") => 10 * POINT,
        _ => 0,
    };
    Price::new(price, of.ends_with("Filter") || of == "TaskOrder")
}

/// Counts the words in the searches of an operation.
pub(super) struct SearchWords {
    /// Number of bytes that may still be read.
    bytes_left: Cell<usize>,
}

impl Default for SearchWords {
    fn default() -> Self {
        let bytes_left = Cell::new(MAX_SEARCHES);
        Self { bytes_left }
    }
}

impl SearchWords {
    /// The number of different words. Above the limit the text is not read, because each field with the same text would
    /// read it again: it counts as the greatest number of words of its length.
    fn count(&self, text: &str) -> u64 {
        let Some(left) = self.bytes_left.get().checked_sub(text.len()) else {
            return text.len().div_ceil(2) as u64;
        };
        self.bytes_left.set(left);
        // Equal words are looked up once.
        words(text).collect::<HashSet<String>>().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_searches_are_counted_up_to_a_limit_of_their_bytes() {
        let words = SearchWords::default();
        assert_eq!(words.count("to do To"), 2);
        // Half of the limit.
        let long = "x ".repeat(MAX_SEARCHES / 4);
        assert_eq!(words.count(&long), 1);
        assert_eq!(words.count(&long), MAX_SEARCHES as u64 / 4);
    }
}
