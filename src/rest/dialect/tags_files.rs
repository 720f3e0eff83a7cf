//! `tags-files`: `completed`, tags, bulk changes, files of tasks. `tags-files-paged` is a later version, for which its
//! front ends were written.

use super::{BASE, Dialect, Failures, Invalid, List, Shape, TaskForm};
use crate::domain::task::ErrorPolicy;
use crate::rest::rules::Rules;

pub(super) const DIALECT: Dialect = Dialect {
    rules: Rules {
        bulk_errors: ErrorPolicy::AllOrNothing,
        untag_shows_task: true,
        max_file: 10 * 1024 * 1024,
        ..BASE.rules
    },
    list: List {
        parameters: "completed priority tag overdue search created_after created_before sort_by sort_order skip limit",
        page_size: ("limit", "100"),
        order: &[("sort_by", "id"), ("sort_order", "asc")],
        sort_order: Some("asc"),
        rows: None,
        is_own_only: true,
        needs_all_tags: false,
    },
    task: TaskForm {
        create: "title description completed priority due_date tags",
        update: "title description completed priority due_date tags",
        refuses_empty: true,
        is_due_by_day: true,
        drops_blank_tags: true,
        ..BASE.task
    },
    answers: &[
        ("POST /auth/register", None, Shape::At("/user")),
        ("PATCH /tasks/bulk", None, Shape::BulkTasks),
        ("GET /tasks/{id}/files", None, Shape::At("/items")),
        ("GET /tasks/stats", None, Shape::Occurring("by_priority")),
    ],
    failures: Failures {
        statuses: &[("UNSUPPORTED_MEDIA_TYPE", 400), ("PAYLOAD_TOO_LARGE", 400)],
        texts: Some(&[
            ("NOT_FOUND task", "Task Not Found"),
            ("NOT_FOUND tag", "Tag Not Found"),
            ("FORBIDDEN", "Unauthorized Access"),
            ("TAKEN", "Duplicate User"),
            ("INVALID_CREDENTIALS", "Authentication Failed"),
            ("RATE_LIMITED", "Rate limit exceeded: {limit} per 1 minute"),
        ]),
        invalid: Invalid::Beside(None),
        ..BASE.failures
    },
    has_early_files: true,
    ..BASE
};

pub(super) const PAGED: Dialect = Dialect {
    list: List {
        parameters: "completed priority tags overdue search created_after created_before due_after due_before \
            sort_by sort_order skip limit",
        rows: Some("tasks"),
        needs_all_tags: true,
        ..DIALECT.list
    },
    has_early_files: false,
    ..DIALECT
};
