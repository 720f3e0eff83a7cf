//! The tables of the dialects.

use super::{Dialect, Invalid, OLDEST_FIRST, Pairs, Shape};
use crate::config::RestDialect;
use crate::domain::task::{ErrorPolicy, Moves};
use crate::rest::rules::Rules;

/// `None` for the canonical dialect.
pub(super) fn table(dialect: RestDialect) -> Option<&'static Dialect> {
    match dialect {
        RestDialect::Taskwire => None,
        RestDialect::SkipLimit => Some(&SKIP_LIMIT),
        RestDialect::Accounts => Some(&ACCOUNTS),
        RestDialect::DueDates => Some(&DUE_DATES),
        RestDialect::DueDatesBare => Some(&DUE_DATES_BARE),
        RestDialect::TagsFiles => Some(&TAGS_FILES),
        RestDialect::TagsFilesPaged => Some(&TAGS_FILES_PAGED),
        RestDialect::Workflow => Some(&WORKFLOW),
    }
}

/// Defaults of all dialects.
const BASE: Dialect = Dialect {
    rules: Rules {
        ignores_form_parts: true,
        ..Rules::CANONICAL
    },
    parameters: "",
    page_size: ("limit", "50"),
    order: &[],
    sort_order: None,
    rows: Some("items"),
    is_own_only: false,
    needs_all_tags: false,
    all_tasks: None,
    register: "",
    create: "",
    update: "",
    statuses: &[],
    has_blank_texts: false,
    keeps_null: false,
    refuses_empty: false,
    is_due_by_day: false,
    drops_blank_tags: false,
    required: &[],
    required_fields: &[],
    answers: &[],
    error_statuses: &[],
    error_codes: &[],
    other_code: None,
    error_texts: None,
    taken: None,
    invalid: Invalid::List,
    has_details: false,
    hidden: &[],
    has_early_files: false,
};

/// Required fields where users sign in by username.
const BY_USERNAME: Pairs = &[
    ("POST /auth/register", "email username password"),
    ("POST /auth/login", "username password"),
    ("PATCH /tasks/bulk", "task_ids updates"),
];

/// Required fields where users sign in by e-mail address.
const BY_EMAIL: Pairs = &[("POST /auth/login", "email password")];

/// Roles, `skip` and `limit`, an error envelope, a demo of background work.
const SKIP_LIMIT: Dialect = Dialect {
    rules: Rules {
        moves: Moves::ThroughTodo,
        put_is_partial: true,
        is_background_open: true,
        ..BASE.rules
    },
    parameters: "skip limit status sort_by",
    page_size: ("limit", "10"),
    rows: Some("tasks"),
    is_own_only: true,
    all_tasks: Some(1_000),
    register: "email username password",
    create: "title description status",
    update: "title description status",
    keeps_null: true,
    required: &[("POST /async/background-task", "task_name")],
    required_fields: BY_USERNAME,
    answers: &[
        ("POST /auth/register", Shape::Only("access_token token_type user")),
        ("POST /async/background-task", Shape::Ok("BackgroundQueued")),
        (
            "GET /async/external",
            Shape::With(&[
                ("source", "/data/source"),
                ("repository", "/data/full_name"),
                ("stars", "/data/stargazers_count"),
                ("description", "/data/description"),
            ]),
        ),
    ],
    error_statuses: &[("TAKEN", 400)],
    error_codes: &[
        (400, "BAD_REQUEST"),
        (401, "UNAUTHORIZED"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (422, "VALIDATION_ERROR"),
        (429, "RATE_LIMIT_EXCEEDED"),
        (500, "INTERNAL_SERVER_ERROR"),
    ],
    taken: Some("User with this {field} already exists"),
    hidden: &["GET /async/external"],
    ..BASE
};

/// E-mail accounts, two tokens, small tasks.
const ACCOUNTS: Dialect = Dialect {
    rules: Rules {
        max_rows: 1_000,
        put_is_partial: true,
        ..BASE.rules
    },
    parameters: "skip limit",
    page_size: ("limit", "100"),
    order: &OLDEST_FIRST,
    rows: Some("tasks"),
    register: "email password full_name",
    create: "title description",
    update: "title description",
    has_blank_texts: true,
    required_fields: BY_EMAIL,
    answers: &[("POST /auth/register", Shape::User)],
    error_statuses: &[("TAKEN", 400), ("INACTIVE", 400)],
    taken: Some("Email already registered"),
    invalid: Invalid::Beside(Some("Validation error")),
    ..BASE
};

/// Usernames, due dates, statistics, files by name.
const DUE_DATES: Dialect = Dialect {
    rules: Rules {
        moves: Moves::ThroughTodo,
        put_is_partial: true,
        deletes_all_versions: true,
        ..BASE.rules
    },
    parameters: "skip limit priority status search",
    page_size: ("limit", "10"),
    rows: Some("tasks"),
    is_own_only: true,
    register: "username email password full_name",
    create: "title description priority due_date status",
    update: "title description priority status due_date",
    statuses: &[("todo", "pending"), ("done", "completed")],
    required_fields: BY_USERNAME,
    answers: &[
        ("POST /auth/register", Shape::User),
        ("DELETE /tasks/{id}", Shape::Message("Task deleted successfully")),
        ("POST /upload", Shape::Ok("OwnFile")),
        ("DELETE /delete/{filename}", Shape::Message("File deleted successfully")),
        ("GET /monitoring/metrics", Shape::TaskCounts),
    ],
    error_statuses: &[
        ("TAKEN", 400),
        ("UNAUTHENTICATED", 403),
        ("INACTIVE", 400),
        ("UNSUPPORTED_MEDIA_TYPE", 400),
        ("PAYLOAD_TOO_LARGE", 400),
    ],
    taken: Some("{Field} already registered"),
    ..BASE
};

/// An earlier version of `due-dates`.
const DUE_DATES_BARE: Dialect = Dialect {
    parameters: "skip limit priority status",
    page_size: ("limit", "100"),
    rows: None,
    ..DUE_DATES
};

/// `completed`, tags, bulk changes, files of tasks.
const TAGS_FILES: Dialect = Dialect {
    rules: Rules {
        bulk_errors: ErrorPolicy::AllOrNothing,
        untag_shows_task: true,
        max_file: 10 * 1024 * 1024,
        ..BASE.rules
    },
    parameters: "completed priority tag overdue search created_after created_before sort_by sort_order skip limit",
    page_size: ("limit", "100"),
    order: &OLDEST_FIRST,
    sort_order: Some("asc"),
    rows: None,
    is_own_only: true,
    register: "username email password",
    create: "title description completed priority due_date tags",
    update: "title description completed priority due_date tags",
    refuses_empty: true,
    is_due_by_day: true,
    drops_blank_tags: true,
    required_fields: BY_USERNAME,
    answers: &[
        ("POST /auth/register", Shape::User),
        ("PATCH /tasks/bulk", Shape::BulkTasks),
        ("DELETE /tasks/{id}/tags/{tag}", Shape::Ok("Task")),
        ("GET /tasks/{id}/files", Shape::Items("File")),
        ("GET /tasks/stats", Shape::Occurring("by_priority")),
        // Only the later version of the API has this path.
        ("GET /health", Shape::Status("ok")),
    ],
    error_statuses: &[("UNSUPPORTED_MEDIA_TYPE", 400), ("PAYLOAD_TOO_LARGE", 400)],
    error_texts: Some(&[
        ("NOT_FOUND task", "Task Not Found"),
        ("NOT_FOUND tag", "Tag Not Found"),
        ("FORBIDDEN", "Unauthorized Access"),
        ("TAKEN", "Duplicate User"),
        ("INVALID_CREDENTIALS", "Authentication Failed"),
        ("RATE_LIMITED", "Rate limit exceeded: {limit} per 1 minute"),
    ]),
    invalid: Invalid::Beside(None),
    has_early_files: true,
    ..BASE
};

/// A later version of `tags-files`, for which its front ends were written.
const TAGS_FILES_PAGED: Dialect = Dialect {
    parameters: "completed priority tags overdue search created_after created_before due_after due_before \
        sort_by sort_order skip limit",
    rows: Some("tasks"),
    needs_all_tags: true,
    has_early_files: false,
    ..TAGS_FILES
};

/// `page` and `per_page`, assignment, transitions, bulk changes of status.
const WORKFLOW: Dialect = Dialect {
    parameters: "page per_page status priority assignee_id owner_id search",
    page_size: ("per_page", "20"),
    register: "email password full_name",
    create: "title description priority assignee_id status",
    update: "title description priority status",
    keeps_null: true,
    required_fields: BY_EMAIL,
    answers: &[(
        "POST /auth/register",
        Shape::Only("access_token refresh_token token_type"),
    )],
    error_statuses: &[("INVALID_TRANSITION", 400), ("UNKNOWN_USER", 404), ("INACTIVE", 401)],
    error_codes: &[
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
    ..BASE
};
