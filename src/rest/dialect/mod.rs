//! Dialects: older APIs whose clients work unmodified.
//!
//! A dialect is a table of data. One layer translates its requests to canonical ones, and canonical responses back.
//! Handlers and the domain know only the few [`Rules`].
//!
//! | module | contents |
//! |---|---|
//! | `skip_limit`, `accounts`, `due_dates`, `tags_files`, `workflow` | the tables |
//! | `exchange` | one request and its response |
//! | `request` | queries and bodies of requests |
//! | `response` | bodies of responses |
//! | `failure` | error responses |
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
/// In seconds.
pub(crate) const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");
/// The files of an early version of one API.
pub(super) const EARLY_FILES: &str = "/files/files/{id}";

/// Separated by spaces.
type NameList = &'static str;

fn has(words: NameList, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

#[derive(Debug)]
struct Dialect {
    rules: Rules,
    list: List,
    /// Maximum rows of `GET /tasks/admin/all`, a bare array with the oldest task first.
    all_tasks: Option<u32>,
    task: TaskForm,
    /// Required parameters, by operation.
    required: &'static [(&'static str, &'static str)],
    /// Successful responses that differ, by operation: the status, `None` if it is canonical, and the body.
    answers: &'static [(&'static str, Option<u16>, Shape)],
    failures: Failures,
    has_early_files: bool,
}

#[derive(Debug)]
struct List {
    /// Other parameters are ignored.
    parameters: NameList,
    /// The parameter for the number of rows, and its default.
    page_size: (&'static str, &'static str),
    /// Added if `sort_by` is not given.
    order: &'static [(&'static str, &'static str)],
    /// `sort_order` if only `sort_by` is given.
    sort_order: Option<&'static str>,
    /// The member with the rows; `None` for a bare array.
    rows: Option<&'static str>,
    /// Administrators see only their own tasks, too.
    is_own_only: bool,
    needs_all_tags: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact of an API")]
struct TaskForm {
    /// Fields of a new task; others are ignored.
    create: NameList,
    update: NameList,
    /// The canonical name and that of the dialect. Requests may use both.
    statuses: &'static [(&'static str, &'static str)],
    /// A missing description or full name is an empty string.
    has_blank_texts: bool,
    /// Null in an update means unchanged.
    keeps_null: bool,
    refuses_empty: bool,
    /// `due_date` is a day without a time.
    is_due_by_day: bool,
    drops_blank_tags: bool,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Whole,
    Only(NameList),
    /// The value at this JSON pointer.
    At(&'static str),
    Message(&'static str),
    /// The tasks of a bulk change, or 404 if one of them failed.
    BulkTasks,
    /// With more members, each from a JSON pointer; null if there is no value.
    With(&'static [(&'static str, &'static str)]),
    /// Without zero counts in these members.
    Occurring(NameList),
    /// With counts of the tasks of all users.
    TaskCounts,
}

/// Members without an entry stay canonical.
#[derive(Debug)]
struct Failures {
    /// By canonical code.
    statuses: &'static [(&'static str, u16)],
    /// `error.code` by status. `INVALID_TRANSITION` keeps its name.
    codes: &'static [(u16, &'static str)],
    /// `error.code` of all other statuses.
    other_code: Option<&'static str>,
    /// `error` as a string, by canonical code; `None` for an object.
    texts: Option<&'static [(&'static str, &'static str)]>,
    /// The message for a taken username or address. `{field}` and `{Field}` are placeholders.
    taken: Option<&'static str>,
    invalid: Invalid,
    /// Details name the missing resource, the taken value or the invalid fields.
    has_details: bool,
    /// Operations that respond with 200 on failure.
    hidden: &'static [&'static str],
}

/// The body of a 422 response.
#[derive(Clone, Copy, Debug)]
enum Invalid {
    /// `detail` is the list of errors.
    List,
    /// `detail` is this text or the message; the list of errors is in `errors`.
    Beside(Option<&'static str>),
}

/// Defaults of all dialects.
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

/// `None` for the canonical dialect.
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

/// The dialect of the header, else that of the settings.
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

/// Answers in the chosen dialect and sets [`PROCESS_TIME`].
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
