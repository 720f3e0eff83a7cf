//! Task lists: query parameters and response.

use serde::Deserialize;
use utoipa::IntoParams;

use super::output::{self, TaskBody};
use crate::domain::actor::Actor;
use crate::domain::clock::{Timestamp, check_moment};
use crate::domain::error::{Error, Result, Violations};
use crate::domain::id::UserId;
use crate::domain::local_time::end_of;
use crate::domain::page::{Direction, Sort};
use crate::domain::tag;
use crate::domain::task::workflow::Status;
use crate::domain::task::{
    BoundedFilter, Comparison, NEWEST_FIRST, Priority, TaskFilter, TaskList, TaskSort, TaskSortField, TaskTime,
};
use crate::rest::openapi::schema;
use crate::rest::page::{ListBody, PageParameters, PageSelection, name_cursor, rows};
use crate::rest::rules::Rules;
use crate::rest::value::{Flag, LastMoment, Moment, Name, Named, Names, Number};
use crate::state::AppState;

/// The values of one filter are alternatives; a task must match all filters.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::rest) struct ListParameters {
    /// Only tasks with one of these statuses.
    #[param(value_type = Option<schema::StatusNames>, inline)]
    status: Option<Names<Status>>,
    /// Only tasks with one of these priorities.
    #[param(value_type = Option<schema::PriorityNames>, inline)]
    priority: Option<Names<Priority>>,
    /// Only tasks with one of these tags, or with all of them if `tag_mode` is `all`. Can be repeated.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tag: Option<String>,
    /// A second tag filter, like `tag`. If both are given, a task must match both.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tags: Option<String>,
    /// `any`: a task needs one of the tags of a parameter; `all`: it needs all of them. Default `any`.
    #[param(value_type = Option<schema::TagMode>, inline)]
    tag_mode: Option<Name<TagMode>>,
    /// Only tasks whose title or description contains each of these words, also inside longer words, ignoring case.
    #[param(value_type = Option<schema::Search>, inline)]
    search: Option<String>,
    /// `true`: only tasks that are `done`; `false`: only the others.
    #[param(value_type = Option<schema::Flag>, inline)]
    completed: Option<Flag>,
    /// `true`: only overdue tasks; `false`: only the others.
    #[param(value_type = Option<schema::Flag>, inline)]
    overdue: Option<Flag>,
    /// Only tasks assigned to the user with this id.
    #[param(value_type = Option<i32>, minimum = 0, example = 1)]
    assignee_id: Option<Number>,
    /// Only tasks owned by the user with this id.
    #[param(value_type = Option<i32>, minimum = 0, example = 1)]
    owner_id: Option<Number>,
    /// Only tasks due before this time. A due day counts as its end in UTC.
    #[param(value_type = Option<schema::Moment>, inline)]
    due_before: Option<Moment>,
    /// Only tasks due after this time. A due day counts as its end in UTC.
    #[param(value_type = Option<schema::Moment>, inline)]
    due_after: Option<Moment>,
    /// Only tasks created at or after this time.
    #[param(value_type = Option<schema::Moment>, inline)]
    created_after: Option<Moment>,
    /// Only tasks created at or before this time. A date without a time includes the whole day.
    #[param(value_type = Option<schema::Moment>, inline)]
    created_before: Option<LastMoment>,
    /// Sort column; default `created_at`. A leading `-` reverses the default order: `-created_at` lists the oldest task
    /// first. Not together with `sort_order`.
    #[param(value_type = Option<schema::SortBy>, inline)]
    sort_by: Option<SortBy>,
    /// Sort direction; default `desc`.
    #[param(value_type = Option<schema::SortOrder>, inline)]
    sort_order: Option<Name<Direction>>,
}

const COLUMNS: [(&str, TaskSortField); 16] = [
    ("created_at", TaskSortField::CreatedAt),
    ("updated_at", TaskSortField::UpdatedAt),
    ("due_date", TaskSortField::DueDate),
    ("due_on", TaskSortField::DueDate),
    ("priority", TaskSortField::Priority),
    ("status", TaskSortField::Status),
    ("title", TaskSortField::Title),
    ("deleted_at", TaskSortField::DeletedAt),
    ("id", TaskSortField::Id),
    ("completed", TaskSortField::Completed),
    ("completed_at", TaskSortField::CompletedAt),
    ("owner_id", TaskSortField::Owner),
    ("user_id", TaskSortField::Owner),
    ("assignee_id", TaskSortField::Assignee),
    ("description", TaskSortField::Description),
    ("version", TaskSortField::Version),
];

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::rest) struct SortBy {
    column: TaskSortField,
    is_reversed: bool,
}

impl TryFrom<String> for SortBy {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let column = TaskSortField::read(name.strip_prefix('-').unwrap_or(&name))?;
        let is_reversed = name.starts_with('-');
        Ok(Self { column, is_reversed })
    }
}

impl Named for TaskSortField {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        COLUMNS.into_iter()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::rest) enum TagMode {
    Any,
    All,
}

impl Named for TagMode {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        [("any", Self::Any), ("all", Self::All)].into_iter()
    }
}

impl ListParameters {
    pub(super) async fn answer(
        self,
        page: PageParameters,
        rules: Rules,
        app: &AppState,
        actor: &Actor,
    ) -> Result<ListBody<TaskBody>> {
        let (list, part) = self.read(page, rules)?;
        let found = app.domain().tasks().list_with_total(actor, &list, &part.request);
        let (page, total) = found.await.map_err(name_cursor)?;
        let (rows, next) = rows(page);
        Ok(part.body(output::many(app, actor, rows).await?, next, total))
    }

    /// Reports all violations of the parameters in one error.
    fn read(self, page: PageParameters, rules: Rules) -> Result<(TaskList, PageSelection)> {
        let mut violations = Violations::default();
        let order = violations.check(self.order())?;
        let filter = violations.check(self.filter().and_then(BoundedFilter::try_from))?;
        let part = page.read(rules, &mut violations);
        violations.into_result()?;
        let list = TaskList {
            filter: filter.unwrap_or_default(),
            order: order.into_iter().collect(),
            ..TaskList::default()
        };
        Ok((list, part))
    }

    fn order(&self) -> Result<TaskSort> {
        let direction = match (self.sort_order, &self.sort_by) {
            (Some(_), Some(by)) if by.is_reversed => {
                let message = "sort_by has a leading '-', and sort_order is given too; use one of them";
                return Err(Error::invalid("sort_order", message));
            }
            (Some(Name(direction)), _) => direction,
            (None, Some(by)) if by.is_reversed => Direction::Ascending,
            (None, _) => NEWEST_FIRST.direction,
        };
        let field = self.sort_by.as_ref().map_or(NEWEST_FIRST.field, |by| by.column);
        Ok(Sort { field, direction })
    }

    fn filter(self) -> Result<TaskFilter> {
        let needs_all = self.tag_mode == Some(Name(TagMode::All));
        let tagged = |names: String| {
            let names: Vec<String> = names.split(',').map(str::to_owned).collect();
            let tags = tag::normalise(&names)?;
            Ok::<_, Error>(if needs_all {
                TaskFilter::TaggedAll(tags)
            } else {
                TaskFilter::TaggedAny(tags)
            })
        };
        let user = |Number(id): Number| Comparison::Equal(UserId(id));
        let bound = |field, moment: Option<Timestamp>| moment.map(|moment| check_moment(field, moment)).transpose();
        let given = |moment: Option<Moment>| moment.map(|Moment(moment)| moment);
        let last = self.created_before.map(|LastMoment(moment)| moment);
        let created = |comparison| TaskFilter::Time(TaskTime::Created, comparison);
        let filters = [
            self.status.map(|Names(all)| TaskFilter::Status(Comparison::In(all))),
            self.priority
                .map(|Names(all)| TaskFilter::Priority(Comparison::In(all))),
            self.tag.map(tagged).transpose()?,
            self.tags.map(tagged).transpose()?,
            self.search.map(TaskFilter::Search),
            self.completed.map(|Flag(completed)| TaskFilter::Completed(completed)),
            self.overdue.map(|Flag(overdue)| TaskFilter::Overdue(overdue)),
            self.assignee_id.map(|id| TaskFilter::Assignee(user(id))),
            self.owner_id.map(|id| TaskFilter::Owner(user(id))),
            bound("due_before", given(self.due_before))?.map(due_before),
            bound("due_after", given(self.due_after))?.map(due_after),
            bound("created_after", given(self.created_after))?.map(|first| created(Comparison::GreaterOrEqual(first))),
            bound("created_before", last)?.map(|last| created(Comparison::LessOrEqual(last))),
        ];
        Ok(TaskFilter::All(filters.into_iter().flatten().collect()))
    }
}

/// A due day counts as its end in UTC, as in the order by due date.
fn due_before(moment: Timestamp) -> TaskFilter {
    TaskFilter::Any(vec![
        TaskFilter::Time(TaskTime::Due, Comparison::Less(moment)),
        TaskFilter::DueOn(Comparison::Less(moment.date_naive())),
    ])
}

fn due_after(moment: Timestamp) -> TaskFilter {
    let day = moment.date_naive();
    let days = if end_of(day) > moment {
        Comparison::GreaterOrEqual(day)
    } else {
        Comparison::Greater(day)
    };
    TaskFilter::Any(vec![
        TaskFilter::Time(TaskTime::Due, Comparison::Greater(moment)),
        TaskFilter::DueOn(days),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<TaskList, String> {
        let parameters: ListParameters = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
        let page = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
        let request = parameters.read(page, Rules::CANONICAL);
        request.map(|(list, _)| list).map_err(|error| error.to_string())
    }

    #[test]
    fn every_column_sorts_by_its_name_and_a_minus_reverses_the_order() {
        for (name, field) in COLUMNS {
            for (query, direction) in [
                (format!("sort_by={name}"), Direction::Descending),
                (format!("sort_by={name}&sort_order=asc"), Direction::Ascending),
                (format!("sort_by=-{name}"), Direction::Ascending),
            ] {
                assert_eq!(read(&query).unwrap().order, [Sort { field, direction }], "{query}");
            }
        }
        let sorted: Vec<_> = COLUMNS.iter().map(|(_, field)| field).collect();
        assert!(TaskSortField::ALL.iter().all(|field| sorted.contains(&field)));
    }
}
