//! Dialects: older APIs whose clients REST serves unmodified.
//!
//! A dialect is data: one table each. One layer reads it. It turns a request into a canonical one and the canonical
//! response back. Handlers and the domain know nothing of dialects; the few rules that they follow are [`Rules`].
//!
//! | module | contents |
//! |---|---|
//! | `skip_limit`, `accounts`, `due_dates`, `tags_files`, `workflow` | the tables |
//! | `exchange` | one request and its response |
//! | `request` | queries and bodies on their way in |
//! | `response` | bodies on their way out |
//! | `failure` | errors on their way out |
//! | `document` | the OpenAPI document of a dialect |

mod accounts;
mod document;
mod due_dates;
mod exchange;
mod failure;
mod request;
mod response;
mod skip_limit;
mod tags_files;
mod workflow;

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

pub(super) use self::exchange::Exchange;
use super::error::{Problem, Result};
use super::rules::Rules;
use super::value::{Named, unmarked};
use crate::config::RestDialect;
use crate::state::AppState;

/// Chooses a dialect for one request.
const HEADER: HeaderName = HeaderName::from_static("x-rest-dialect");
/// How long the server took, in seconds.
pub(crate) const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");
/// Where an early version of one API had its files.
pub(super) const EARLY_FILES: &str = "/files/files/{id}";

/// Names, separated by blanks.
type NameList = &'static str;

fn has(words: NameList, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// An older API.
#[derive(Debug)]
struct Dialect {
    /// What handlers do differently.
    rules: Rules,
    /// `GET /tasks`.
    list: List,
    /// Rows of `GET /tasks/admin/all`, which is a bare array of all tasks, the oldest first.
    all_tasks: Option<u32>,
    /// Tasks in bodies.
    task: TaskForm,
    /// Parameters that an operation needs, by method and path.
    required: &'static [(&'static str, &'static str)],
    /// Successful responses that differ, by method and path: the status, where that is another one, and the body.
    answers: &'static [(&'static str, Option<u16>, Shape)],
    /// Errors.
    failures: Failures,
    /// Whether [`EARLY_FILES`] is a path.
    has_early_files: bool,
}

/// `GET /tasks` of a dialect.
#[derive(Debug)]
struct List {
    /// Its parameters; others are ignored.
    parameters: NameList,
    /// The parameter for the number of rows, and its default.
    page_size: (&'static str, &'static str),
    /// Parameters that are added where `sort_by` is not given.
    order: &'static [(&'static str, &'static str)],
    /// `sort_order` where only `sort_by` is given.
    sort_order: Option<&'static str>,
    /// The member with the rows; none for a bare array.
    rows: Option<&'static str>,
    /// Whether everyone sees only their own tasks, administrators too.
    is_own_only: bool,
    /// Whether a task needs all tags of `tags`.
    needs_all_tags: bool,
}

/// Tasks in the bodies of a dialect.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact of an API")]
struct TaskForm {
    /// Fields of a new task; others are ignored.
    create: NameList,
    /// Fields of an update; others are ignored.
    update: NameList,
    /// Names of statuses: the canonical one and that of the dialect. Both are read.
    statuses: &'static [(&'static str, &'static str)],
    /// Whether a missing text is an empty one: a new description, and a full name.
    has_blank_texts: bool,
    /// Whether null in an update means unchanged.
    keeps_null: bool,
    /// Whether an update without any field is refused.
    refuses_empty: bool,
    /// Whether `due_date` is a day.
    is_due_by_day: bool,
    /// Whether tags without any character are dropped.
    drops_blank_tags: bool,
}

/// The body of a response.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The canonical one.
    Whole,
    /// Only these members.
    Only(NameList),
    /// The value at this JSON pointer.
    At(&'static str),
    /// `{"message"}`.
    Message(&'static str),
    /// The tasks of a bulk change, or 404 if one of them failed.
    BulkTasks,
    /// With more members, each from a JSON pointer; null where there is nothing.
    With(&'static [(&'static str, &'static str)]),
    /// Without the counts of these members that are zero.
    Occurring(NameList),
    /// With counts of all tasks.
    TaskCounts,
}

/// The errors of a dialect. The canonical members stay unless these say otherwise.
#[derive(Debug)]
struct Failures {
    /// Other statuses, by canonical code.
    statuses: &'static [(&'static str, u16)],
    /// `error.code` by status. `INVALID_TRANSITION` keeps its name.
    codes: &'static [(u16, &'static str)],
    /// `error.code` of other statuses.
    other_code: Option<&'static str>,
    /// `error` as a text, by canonical code, and the member that names the field or tag; none for an object.
    texts: Option<&'static [(&'static str, &'static str)]>,
    /// The message where a username or an address is taken; `{field}` and `{Field}` are replaced by the field.
    taken: Option<&'static str>,
    /// Invalid input.
    invalid: Invalid,
    /// Whether details name what was not found, what is taken and what is invalid.
    has_details: bool,
    /// Operations whose failures are answered with 200.
    hidden: &'static [&'static str],
}

/// The body of a 422.
#[derive(Clone, Copy, Debug)]
enum Invalid {
    /// `detail` is the list of the framework.
    List,
    /// `detail` is a text, this one or the message; the list is in `errors`.
    Beside(Option<&'static str>),
}

/// What dialects have in common, and where each begins.
const BASE: Dialect = Dialect {
    rules: Rules {
        ignores_form_parts: true,
        ..Rules::CANONICAL
    },
    list: List {
        parameters: "",
        page_size: ("limit", "50"),
        order: &[],
        sort_order: None,
        rows: Some("items"),
        is_own_only: false,
        needs_all_tags: false,
    },
    all_tasks: None,
    task: TaskForm {
        create: "",
        update: "",
        statuses: &[],
        has_blank_texts: false,
        keeps_null: false,
        refuses_empty: false,
        is_due_by_day: false,
        drops_blank_tags: false,
    },
    required: &[],
    answers: &[],
    failures: Failures {
        statuses: &[],
        codes: &[],
        other_code: None,
        texts: None,
        taken: None,
        invalid: Invalid::List,
        has_details: false,
        hidden: &[],
    },
    has_early_files: false,
};

/// The table of a dialect; none for the canonical one.
fn table(dialect: RestDialect) -> Option<&'static Dialect> {
    match dialect {
        RestDialect::Taskwire => None,
        RestDialect::SkipLimit => Some(&skip_limit::DIALECT),
        RestDialect::Accounts => Some(&accounts::DIALECT),
        RestDialect::DueDates => Some(&due_dates::DIALECT),
        RestDialect::DueDatesBare => Some(&due_dates::BARE),
        RestDialect::TagsFiles => Some(&tags_files::DIALECT),
        RestDialect::TagsFilesPaged => Some(&tags_files::PAGED),
        RestDialect::Workflow => Some(&workflow::DIALECT),
    }
}

/// The dialect of a request: that of its header, else that of the settings.
fn chosen(app: &AppState, headers: &HeaderMap) -> Result<RestDialect> {
    let Some(name) = headers.get(HEADER) else {
        return Ok(app.config().rest.dialect);
    };
    let name = String::from_utf8_lossy(name.as_bytes());
    RestDialect::read(&name).map_err(|text| Problem::bad_request(format!("X-Rest-Dialect: {}", unmarked(&text).1)))
}

impl Named for RestDialect {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter().map(|dialect| (dialect.as_str(), dialect))
    }
}

/// Answers a request in its dialect, and says how long that took.
pub(crate) async fn translate(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut response = match chosen(&app, request.headers()) {
        Ok(dialect) => match table(dialect) {
            Some(table) => {
                Exchange::new(dialect, table, &request)
                    .answer(&app, request, next)
                    .await
            }
            None => canonical(request, next).await,
        },
        Err(problem) => problem.into_response(),
    };
    if let Ok(seconds) = HeaderValue::from_str(&format!("{:.6}", began.elapsed().as_secs_f64())) {
        response.headers_mut().insert(PROCESS_TIME, seconds);
    }
    response
}

async fn canonical(request: Request, next: Next) -> Response {
    if exchange::path_of(&request) == EARLY_FILES {
        return super::not_found(request.uri().path());
    }
    next.run(request).await
}
