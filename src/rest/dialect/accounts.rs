//! `accounts`: e-mail accounts, two tokens, small tasks.

use super::{BASE, Dialect, Failures, Invalid, List, Shape, TaskForm};
use crate::rest::rules::Rules;

pub(super) const DIALECT: Dialect = Dialect {
    rules: Rules {
        max_rows: 1_000,
        put_is_partial: true,
        ..BASE.rules
    },
    list: List {
        parameters: "skip limit",
        page_size: ("limit", "100"),
        order: &[("sort_by", "id"), ("sort_order", "asc")],
        rows: Some("tasks"),
        ..BASE.list
    },
    task: TaskForm {
        create: "title description",
        update: "title description",
        has_blank_texts: true,
        ..BASE.task
    },
    answers: &[("POST /auth/register", None, Shape::At("/user"))],
    failures: Failures {
        statuses: &[("TAKEN", 400)],
        taken: Some("Email already registered"),
        invalid: Invalid::Beside(Some("Validation error")),
        ..BASE.failures
    },
    ..BASE
};
