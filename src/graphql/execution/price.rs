//! What things cost, in thousandths of a point.
//!
//! A point stands for up to 50 microseconds of the server and its database together, at 100,000 tasks:
//! `cargo xtask bench cost` searches for documents that take more.

use std::collections::HashSet;

/// A point.
pub(super) const POINT: u64 = 1_000;
/// Every operation, whatever it selects: the session is checked, limits are counted, an answer is written.
pub(super) const OPERATION: u64 = 3 * POINT;

/// The fields of a connection that hold its rows.
const ROWS: [&str; 2] = ["nodes", "edges"];

/// Whether the field holds the rows of a connection.
pub(super) fn is_rows(parent: &str, field: &str) -> bool {
    parent.ends_with("Connection") && ROWS.contains(&field)
}

/// A field without what is selected below it.
pub(super) fn field(parent: &str, field: &str, is_leaf: bool) -> u64 {
    match (parent, field) {
        // The tags of all visible tasks are grouped: for a page, and again for how many there are.
        ("Query", "tags") | ("TagConnection", "totalCount") => 300 * POINT,
        // The names of all users are read.
        ("Query", "people") => 50 * POINT,
        // With a filter nothing is remembered: all tasks that pass it are grouped.
        ("Query", "taskStatistics") => 180 * POINT,
        // Joined with all tags of all visible tasks. It counts for five.
        ("TaskStatistics", "tags") => 60 * POINT,
        // Up to 5,000 characters.
        ("Task", "description") => POINT + POINT / 4,
        // It is signed.
        ("Attachment", "url") => POINT / 5,
        // Each has the value before and after, a description perhaps.
        ("TaskEvent", "changes") => POINT / 2,
        ("Mutation", _) | (_, "totalCount" | "unreadCount" | "unreadNotificationCount" | "taskCount") => 20 * POINT,
        // Introspection reads only memory.
        (parent, _) if parent.starts_with("__") => POINT / 50,
        (_, _) if is_leaf => POINT / 20,
        (_, _) => POINT,
    }
}

/// Whether the work of a field grows with the tasks that its asker may see.
pub(super) fn scans(parent: &str, field: &str) -> bool {
    matches!(
        (parent, field),
        ("Query", "taskStatistics" | "tags")
            | ("TaskStatistics", "tags")
            | (
                _,
                "totalCount" | "unreadCount" | "unreadNotificationCount" | "taskCount"
            )
    )
}

/// Whether the work of a value does: it is a condition or an order.
pub(super) fn input_scans(of: &str) -> bool {
    of.ends_with("Filter") || of == "TaskOrder"
}

/// How many items a list has that takes no `first`, by a rough count.
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

/// A value of an argument, or of the field of an input type.
pub(super) fn input(of: &str, name: &str, text: Option<&str>) -> u64 {
    match (of, name) {
        ("TaskFilter", "search") => {
            // Equal words are looked up once.
            let text = text.unwrap_or_default().to_lowercase();
            let words: HashSet<&str> = text.split_whitespace().collect();
            (words.len() as u64).saturating_mul(100 * POINT)
        }
        ("TagFilter", _) => 50 * POINT,
        // The default order has an index for every list.
        ("TaskOrder", "field") if text == Some("CREATED_AT") => 0,
        ("TaskOrder", "field") => 100 * POINT,
        (of, _) if of.ends_with("Filter") => 10 * POINT,
        _ => 0,
    }
}
