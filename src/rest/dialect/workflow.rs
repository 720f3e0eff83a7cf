//! `workflow`: `page` and `per_page`, assignment, transitions, bulk changes of status.

use super::{BASE, Dialect, Failures, Invalid, List, Shape, TaskForm};

pub(super) const DIALECT: Dialect = Dialect {
    list: List {
        parameters: "page per_page status priority assignee_id owner_id search",
        page_size: ("per_page", "20"),
        ..BASE.list
    },
    task: TaskForm {
        create: "title description priority assignee_id status",
        update: "title description priority status",
        keeps_null: true,
        ..BASE.task
    },
    answers: &[(
        "POST /auth/register",
        None,
        Shape::Only("access_token refresh_token token_type"),
    )],
    failures: Failures {
        statuses: &[("INVALID_TRANSITION", 400), ("UNKNOWN_USER", 404)],
        codes: &[
            (400, "BAD_REQUEST"),
            (401, "UNAUTHORIZED"),
            (403, "FORBIDDEN"),
            (404, "NOT_FOUND"),
            (405, "METHOD_NOT_ALLOWED"),
            (409, "CONFLICT"),
            (422, "VALIDATION_ERROR"),
            (500, "INTERNAL_ERROR"),
        ],
        other_code: Some("HTTP_ERROR"),
        invalid: Invalid::Beside(None),
        has_details: true,
        ..BASE.failures
    },
    ..BASE
};
