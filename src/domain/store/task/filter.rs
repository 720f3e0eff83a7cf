//! Translates a list's filter to SQL conditions.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{Condition, DbBackend, Value};

use super::Column;
use crate::domain::local_time::{LocalNow, start_of};
use crate::domain::tag::Tags;
use crate::domain::task::workflow::Status;
use crate::domain::task::{self, Comparison, TaskFilter, TaskTime};

/// Minimum length of words that the trigram index finds.
const TRIGRAM: usize = 3;

/// The tasks that a filter applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum Range {
    /// Tasks of few users. Their index leaves so few rows that checking each beats any other index.
    Users,
    /// Tasks of all users.
    Everything,
}

pub(in crate::domain::store) fn condition(
    filter: &TaskFilter,
    range: Range,
    now: LocalNow,
    backend: DbBackend,
) -> Condition {
    let all = |filters: &[TaskFilter], none: Condition| {
        filters.iter().fold(none, |condition, filter| {
            condition.add(self::condition(filter, range, now, backend))
        })
    };
    match filter {
        TaskFilter::All(filters) => all(filters, Condition::all()),
        // An empty "any" matches nothing; an empty condition would match everything.
        TaskFilter::Any(filters) if filters.is_empty() => Condition::all().add(Expr::val(false)),
        TaskFilter::Any(filters) => all(filters, Condition::any()),
        TaskFilter::Not(filter) => condition(filter, range, now, backend).not(),
        TaskFilter::Status(comparison) => compare(Column::Status, comparison, |status| status.rank().into()),
        TaskFilter::Priority(comparison) => compare(Column::Priority, comparison, |priority| priority.rank().into()),
        TaskFilter::Owner(comparison) => compare(Column::OwnerId, comparison, |user| user.0.into()),
        TaskFilter::Assignee(comparison) => compare(Column::AssigneeId, comparison, |user| user.0.into()),
        TaskFilter::Time(time, comparison) => compare(column_of(*time), comparison, |moment| (*moment).into()),
        TaskFilter::DueOn(comparison) => compare(Column::DueOn, comparison, |day| (*day).into()),
        TaskFilter::TaggedAny(tags) => tagged(tags, Quantity::Any, range, backend),
        TaskFilter::TaggedAll(tags) => tagged(tags, Quantity::All, range, backend),
        TaskFilter::Overdue(expected) => matches(overdue(now), *expected),
        TaskFilter::Completed(expected) => matches(Column::Status.eq(Status::Done.rank()), *expected),
        TaskFilter::Search(text) => search(text, range, backend),
    }
}

fn column_of(time: TaskTime) -> Column {
    match time {
        TaskTime::Due => Column::DueDate,
        TaskTime::Created => Column::CreatedAt,
        TaskTime::Updated => Column::UpdatedAt,
        TaskTime::Completed => Column::CompletedAt,
        TaskTime::Deleted => Column::DeletedAt,
    }
}

fn matches(condition: Expr, expected: bool) -> Condition {
    let condition = Condition::all().add(condition);
    if expected { condition } else { condition.not() }
}

/// Open and past its due date or due day. It is never NULL, so that it can be negated. A due day is past when the next
/// day has begun. Its key is its end in UTC, so it is compared with the start of today in UTC. The first comparison is
/// the index range.
pub(in crate::domain::store) fn overdue(now: LocalNow) -> Expr {
    let open = Status::ALL
        .into_iter()
        .filter(|status| !status.is_closed())
        .map(Status::rank);
    let today = start_of(now.today);
    let by_moment = Column::DueOn.is_null().and(Column::DueKey.lt(now.moment));
    let by_day = Column::DueOn.is_not_null().and(Column::DueKey.lt(today));
    Column::DueKey
        .lt(Ord::max(now.moment, today))
        .and(by_moment.or(by_day))
        .and(Column::Status.is_in(open))
}

/// Compares a column. NULL equals no value, also inside a negation.
fn compare<T>(column: Column, comparison: &Comparison<T>, value: impl Fn(&T) -> Value) -> Condition {
    let present = |condition: Expr| Condition::all().add(column.is_not_null()).add(condition);
    let absent_or = |condition: Expr| Condition::any().add(column.is_null()).add(condition);
    let values = |values: &[T]| values.iter().map(&value).collect::<Vec<_>>();
    match comparison {
        Comparison::Equal(wanted) => present(column.eq(value(wanted))),
        Comparison::NotEqual(unwanted) => absent_or(column.ne(value(unwanted))),
        Comparison::In(wanted) => present(column.is_in(values(wanted))),
        Comparison::NotIn(unwanted) => absent_or(column.is_not_in(values(unwanted))),
        Comparison::Less(bound) => present(column.lt(value(bound))),
        Comparison::LessOrEqual(bound) => present(column.lte(value(bound))),
        Comparison::Greater(bound) => present(column.gt(value(bound))),
        Comparison::GreaterOrEqual(bound) => present(column.gte(value(bound))),
        Comparison::IsNull(true) => Condition::all().add(column.is_null()),
        Comparison::IsNull(false) => Condition::all().add(column.is_not_null()),
    }
}

#[derive(Clone, Copy)]
enum Quantity {
    Any,
    All,
}

/// Matches tags by `tag_names` in the task's row, which is read anyway at a constant cost. A look-up in `task_tags`
/// would first read all users' tasks with these tags.
fn tagged(tags: &Tags, quantity: Quantity, range: Range, backend: DbBackend) -> Condition {
    if backend == DbBackend::Postgres {
        let operator = match quantity {
            Quantity::Any => "&&",
            Quantity::All => "@>",
        };
        let names: Vec<String> = tags.iter().cloned().collect();
        let column = match range {
            // The same expression as in the index `tasks_tag_names`.
            Range::Everything => "\"tasks\".\"tag_names\"",
            Range::Users => "\"tasks\".\"tag_names\" || ''",
        };
        return Condition::all().add(Expr::cust_with_values(
            format!("string_to_array({column}, chr(10)) {operator} $1"),
            [Value::from(names)],
        ));
    }
    let none = match quantity {
        // An empty condition would match everything.
        Quantity::Any => Condition::any().add(Expr::val(false)),
        Quantity::All => Condition::all(),
    };
    tags.iter().fold(none, |condition, tag| {
        // The first comparison is cheap and excludes most rows from the second, which concatenates text.
        condition.add(Expr::cust_with_values(
            "(instr(\"tasks\".\"tag_names\", ?) > 0 AND instr(char(10) || \"tasks\".\"tag_names\" || char(10), ?) > 0)",
            [tag.clone(), format!("\n{tag}\n")],
        ))
    })
}

/// Every word occurs in `search_text`, which is in lower case.
fn search(text: &str, range: Range, backend: DbBackend) -> Condition {
    let words: Vec<String> = task::words(text).collect();
    let mut condition = words
        .iter()
        .fold(Condition::all(), |all, word| all.add(contains(word, backend)));
    if backend != DbBackend::Postgres && range == Range::Everything {
        let long: Vec<&String> = words
            .iter()
            .filter(|word| is_indexed(word) && !word.contains('\0'))
            .collect();
        if !long.is_empty() {
            condition = condition.add(found_by_index(&long));
        }
    }
    condition
}

fn is_indexed(word: &str) -> bool {
    word.chars().count() >= TRIGRAM
}

/// On PostgreSQL the trigram index serves LIKE.
fn contains(word: &str, backend: DbBackend) -> Expr {
    // No text contains U+0000, and PostgreSQL rejects it in a parameter.
    if word.contains('\0') {
        return Expr::val(false);
    }
    match backend {
        DbBackend::Postgres => {
            let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let pattern = format!("%{escaped}%");
            if is_indexed(word) {
                return Column::SearchText.like(pattern);
            }
            // Without a trigram the whole index would be scanned. The index supports only the collation "C", while
            // column statistics still apply to another one.
            Expr::cust_with_values("\"tasks\".\"search_text\" COLLATE \"POSIX\" LIKE $1", [pattern])
        }
        _ => Expr::cust_with_values("instr(\"tasks\".\"search_text\", ?) > 0", [word]),
    }
}

/// SQLite: the index narrows the rows; it contains words of three or more characters.
fn found_by_index(words: &[&String]) -> Expr {
    let phrases = words.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
    let query = phrases.collect::<Vec<_>>().join(" AND ");
    Expr::cust_with_values(
        "\"tasks\".\"id\" IN (SELECT rowid FROM tasks_search WHERE tasks_search MATCH ?)",
        [query],
    )
}
