//! `due-dates`: usernames, due dates, statistics, files by name. `due-dates-bare` is an earlier version of it.

use super::{BASE, Dialect, Failures, Invalid, List, Shape, TaskForm};
use crate::domain::task::Moves;
use crate::rest::rules::Rules;

pub(super) const DIALECT: Dialect = Dialect {
    rules: Rules {
        moves: Moves::ThroughTodo,
        put_is_partial: true,
        deletes_all_versions: true,
        ..BASE.rules
    },
    list: List {
        parameters: "skip limit priority status search",
        page_size: ("limit", "10"),
        rows: Some("tasks"),
        is_own_only: true,
        ..BASE.list
    },
    task: TaskForm {
        create: "title description priority due_date status",
        update: "title description priority status due_date",
        statuses: &[("todo", "pending"), ("done", "completed")],
        ..BASE.task
    },
    answers: &[
        ("POST /auth/register", None, Shape::At("/user")),
        (
            "DELETE /tasks/{id}",
            Some(200),
            Shape::Message("Task deleted successfully"),
        ),
        ("POST /upload", Some(200), Shape::Whole),
        (
            "DELETE /delete/{filename}",
            Some(200),
            Shape::Message("File deleted successfully"),
        ),
        ("GET /monitoring/metrics", None, Shape::TaskCounts),
    ],
    failures: Failures {
        statuses: &[
            ("TAKEN", 400),
            ("UNAUTHENTICATED", 403),
            ("UNSUPPORTED_MEDIA_TYPE", 400),
            ("PAYLOAD_TOO_LARGE", 400),
        ],
        taken: Some("{Field} already registered"),
        invalid: Invalid::List,
        ..BASE.failures
    },
    ..BASE
};

pub(super) const BARE: Dialect = Dialect {
    list: List {
        parameters: "skip limit priority status",
        page_size: ("limit", "100"),
        rows: None,
        ..DIALECT.list
    },
    ..DIALECT
};
