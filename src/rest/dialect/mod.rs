//! Dialects: older APIs whose clients work unmodified.
//!
//! A dialect is a table of data. One layer translates its requests to canonical ones, and canonical responses back.
//! Handlers know only the few [`Rules`]; the domain knows no dialect.
//!
//! | module | contents |
//! |---|---|
//! | `tables` | the table of each dialect |
//! | `exchange` | one request and its response |
//! | `request` | queries and bodies of requests |
//! | `response` | bodies of responses |
//! | `failure` | error responses |
//! | `violation` | the list of errors of a 422 response |
//! | `document` | the OpenAPI document of a dialect |

mod document;
mod exchange;
mod failure;
mod request;
mod response;
mod tables;
mod violation;

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

pub(super) use self::exchange::{Exchange, path_of};
use self::tables::table;
pub(super) use self::violation::without_secret;
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
const ALL_TASKS: &str = "/tasks/admin/all";

/// Separated by spaces.
type NameList = &'static str;
type Pairs = &'static [(&'static str, &'static str)];

/// Follows a day: its last second, so that a task is not overdue on that day.
const END_OF_DAY: &str = "T23:59:59Z";
const OLDEST_FIRST: [(&str, &str); 2] = [("sort_by", "id"), ("sort_order", "asc")];

fn has(words: NameList, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact of an API")]
struct Dialect {
    rules: Rules,

    /// Parameters of `GET /tasks`; others are ignored.
    parameters: NameList,
    /// The parameter for the number of rows, and its default.
    page_size: (&'static str, &'static str),
    /// Added if `sort_by` is not given.
    order: Pairs,
    /// `sort_order` if only `sort_by` is given.
    sort_order: Option<&'static str>,
    /// The member with the rows; `None` for a bare array.
    rows: Option<&'static str>,
    /// Administrators see only their own tasks, too.
    is_own_only: bool,
    needs_all_tags: bool,
    /// Maximum rows of `GET /tasks/admin/all`, a bare array with the oldest task first.
    all_tasks: Option<u32>,

    /// Fields of a registration; others are ignored.
    register: NameList,
    /// Fields of a new task; others are ignored.
    create: NameList,
    update: NameList,
    /// The canonical name and that of the dialect. Requests may use both.
    statuses: Pairs,
    /// A missing description or full name is an empty string.
    has_blank_texts: bool,
    /// Null in an update means unchanged.
    keeps_null: bool,
    refuses_empty: bool,
    /// `due_date` is a day without a time.
    is_due_by_day: bool,
    drops_blank_tags: bool,

    /// Required parameters, by operation.
    required: Pairs,
    /// Required fields of a body, by operation, if they are not the canonical ones. Errors name them.
    required_fields: Pairs,
    /// Successful responses that differ, by operation.
    answers: &'static [(&'static str, Shape)],

    /// Statuses of errors that differ, by canonical code, or `UNKNOWN_USER` or `INACTIVE`.
    error_statuses: &'static [(&'static str, u16)],
    /// `error.code` by status. `INVALID_TRANSITION` keeps its name.
    error_codes: &'static [(u16, &'static str)],
    /// `error.code` of all other statuses.
    other_code: Option<&'static str>,
    /// `error` as a string, by canonical code; `None` for an object.
    error_texts: Option<Pairs>,
    /// The message for a taken username or address. `{field}` and `{Field}` are placeholders.
    taken: Option<&'static str>,
    invalid: Invalid,
    /// Details name the missing resource, the taken value or the invalid fields.
    has_details: bool,
    /// Operations that respond with 200 on failure.
    hidden: &'static [&'static str],
    has_early_files: bool,
}

impl Dialect {
    /// The successful response of an operation; `None` if it is canonical.
    fn shape(&self, operation: &str) -> Option<Shape> {
        match (operation, self.rows) {
            ("GET /tasks", Some(name)) => Some(Shape::Rows(name)),
            ("GET /tasks", None) => Some(Shape::Items("Task")),
            ("GET /tasks/admin/all", _) if self.all_tasks.is_some() => Some(Shape::Items("Task")),
            _ => lookup(self.answers, &operation),
        }
    }
}

fn lookup<K: PartialEq, V: Copy>(table: &[(K, V)], key: &K) -> Option<V> {
    table.iter().find(|(known, _)| known == key).map(|(_, value)| *value)
}

/// The body of a successful response.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The canonical body, of this schema, with the status 200.
    Ok(&'static str),
    /// A message with the status 200.
    Message(&'static str),
    Only(NameList),
    /// The canonical body with another `status`.
    Status(&'static str),
    /// The member `user`.
    User,
    /// The rows of a list, of this schema.
    Items(&'static str),
    /// A list with this name for its rows.
    Rows(&'static str),
    /// The tasks of a bulk change, or 404 if one of them failed.
    BulkTasks,
    /// With more members, each from a JSON pointer; null if there is no value.
    With(Pairs),
    /// Without zero counts in this member.
    Occurring(&'static str),
    /// With counts of the tasks of all users.
    TaskCounts,
}

/// The body of a 422 response.
#[derive(Clone, Copy, Debug)]
enum Invalid {
    /// `detail` is the list of errors.
    List,
    /// `detail` is this text or the message; the list of errors is in `errors`.
    Beside(Option<&'static str>),
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
    let mut response = match chosen(&app, request.headers()).map(|dialect| (dialect, table(dialect))) {
        Ok((name, Some(dialect))) => {
            let exchange = Exchange::new(name, dialect, &request);
            exchange.answer(&app, request, next).await
        }
        Ok((_, None)) if path_of(request.extensions()) == EARLY_FILES => super::not_found(request.uri().path()),
        Ok((_, None)) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if let Ok(seconds) = HeaderValue::from_str(&format!("{:.6}", began.elapsed().as_secs_f64())) {
        response.headers_mut().insert(PROCESS_TIME, seconds);
    }
    response
}
