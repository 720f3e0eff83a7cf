//! `skip-limit`: roles, `skip` and `limit`, an error envelope, a demo of background work.

use super::{BASE, Dialect, Failures, Invalid, List, Shape, TaskForm};
use crate::domain::task::Moves;
use crate::rest::rules::Rules;

pub(super) const DIALECT: Dialect = Dialect {
    rules: Rules {
        moves: Moves::ThroughTodo,
        put_is_partial: true,
        is_background_open: true,
        ..BASE.rules
    },
    list: List {
        parameters: "skip limit status sort_by",
        page_size: ("limit", "10"),
        rows: Some("tasks"),
        is_own_only: true,
        ..BASE.list
    },
    all_tasks: Some(1_000),
    task: TaskForm {
        create: "title description status",
        update: "title description status",
        keeps_null: true,
        ..BASE.task
    },
    required: &[("POST /async/background-task", "task_name")],
    answers: &[
        ("POST /auth/register", None, Shape::Only("access_token token_type user")),
        ("POST /async/background-task", Some(200), Shape::Whole),
        (
            "GET /async/external",
            None,
            Shape::With(&[
                ("source", "/data/source"),
                ("repository", "/data/full_name"),
                ("stars", "/data/stargazers_count"),
                ("description", "/data/description"),
            ]),
        ),
    ],
    failures: Failures {
        statuses: &[("TAKEN", 400)],
        codes: &[
            (400, "BAD_REQUEST"),
            (401, "UNAUTHORIZED"),
            (403, "FORBIDDEN"),
            (404, "NOT_FOUND"),
            (422, "VALIDATION_ERROR"),
            (429, "RATE_LIMIT_EXCEEDED"),
            (500, "INTERNAL_SERVER_ERROR"),
        ],
        taken: Some("User with this {field} already exists"),
        invalid: Invalid::List,
        hidden: &["GET /async/external"],
        ..BASE.failures
    },
    ..BASE
};
