//! Lists of tasks: the parameters that ask for one, and the answer.

use serde::Deserialize;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::output::TaskBody;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::clock::check_moment;
use crate::domain::error::{Result, Violations};
use crate::domain::id::UserId;
use crate::domain::page::{Direction, Sort};
use crate::domain::tag;
use crate::domain::task::{
    BoundedFilter, Comparison, CountedPage, NEWEST_FIRST, TaskFilter, TaskList, TaskSort, TaskSortField, TaskTime,
};
use crate::rest::openapi::schema;
use crate::rest::page::{ListBody, PageParameters, Part, name_cursor, rows};
use crate::rest::value::{Flag, Moment, Number, PriorityNames, StatusNames, Words, one_of};

/// Which tasks, in which order, and which part of them. Of several values in one filter a task
/// needs one; of several filters it must pass all.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::rest) struct ListParameters {
    /// How many rows to leave out first. Not together with `page` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 0, example = 0)]
    skip: Option<Number>,
    /// How many rows there may be. Not together with `per_page`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50, example = 10)]
    limit: Option<Number>,
    /// Which page, counted from 1. Not together with `skip` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 1)]
    page: Option<Number>,
    /// How many rows a page has. Not together with `limit`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50)]
    per_page: Option<Number>,
    /// `next_cursor` of the answer before, for what follows it.
    cursor: Option<String>,
    /// Only with one of these statuses.
    #[param(value_type = Option<schema::StatusNames>, inline)]
    status: Option<StatusNames>,
    /// Only with one of these priorities.
    #[param(value_type = Option<schema::PriorityNames>, inline)]
    priority: Option<PriorityNames>,
    /// Only with one of these tags.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tag: Option<Words>,
    /// The same as `tag`; with both, a task needs one of each.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tags: Option<Words>,
    /// Only those in whose title or description every one of these words occurs, in part or in whole, in any case.
    #[param(value_type = Option<schema::Search>, inline)]
    search: Option<String>,
    /// Only those that are `done`, or that are not.
    #[param(value_type = Option<schema::Flag>, inline)]
    completed: Option<Flag>,
    /// Only those that should have been done by now, or the others.
    #[param(value_type = Option<schema::Flag>, inline)]
    overdue: Option<Flag>,
    /// Only those of this assignee.
    #[param(value_type = Option<i32>, minimum = 0, example = 1)]
    assignee_id: Option<Number>,
    /// Only those of this owner.
    #[param(value_type = Option<i32>, minimum = 0, example = 1)]
    owner_id: Option<Number>,
    /// Only those due before this moment.
    #[param(value_type = Option<schema::Moment>, inline)]
    due_before: Option<Moment>,
    /// Only those due after this moment.
    #[param(value_type = Option<schema::Moment>, inline)]
    due_after: Option<Moment>,
    /// What to sort by: `created_at` without it.
    #[param(inline)]
    sort_by: Option<SortColumn>,
    /// Which way to sort: `desc` without it.
    #[param(inline)]
    sort_order: Option<SortOrder>,
}

/// A column to sort by.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct SortColumn(TaskSortField);

impl TryFrom<String> for SortColumn {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        one_of(&name, &TaskSortField::ALL, column_name).map(Self)
    }
}

impl PartialSchema for SortColumn {
    fn schema() -> RefOr<Schema> {
        let names = TaskSortField::ALL.map(column_name);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names))
            .into()
    }
}

impl ToSchema for SortColumn {}

fn column_name(field: TaskSortField) -> &'static str {
    match field {
        TaskSortField::CreatedAt => "created_at",
        TaskSortField::UpdatedAt => "updated_at",
        TaskSortField::DueDate => "due_date",
        TaskSortField::Priority => "priority",
        TaskSortField::Status => "status",
        TaskSortField::Title => "title",
        TaskSortField::DeletedAt => "deleted_at",
        TaskSortField::Id => "id",
    }
}

/// Both ways to sort.
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// Which way to sort.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct SortOrder(Direction);

impl TryFrom<String> for SortOrder {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        one_of(&name, &DIRECTIONS, direction_name).map(Self)
    }
}

impl PartialSchema for SortOrder {
    fn schema() -> RefOr<Schema> {
        let names = DIRECTIONS.map(direction_name);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names))
            .into()
    }
}

impl ToSchema for SortOrder {}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    }
}

impl ListParameters {
    /// The list, or all that is wrong with the parameters.
    pub(super) fn read(self) -> Result<ListRequest> {
        let mut violations = Violations::default();
        let order = vec![self.order()];
        let filter = violations.check(self.filter().and_then(BoundedFilter::try_from))?;
        let page = PageParameters {
            skip: self.skip,
            limit: self.limit,
            page: self.page,
            per_page: self.per_page,
            cursor: self.cursor,
        };
        let part = page.read(&mut violations);
        violations.into_result()?;
        let list = TaskList {
            filter: filter.unwrap_or_default(),
            order,
            ..TaskList::default()
        };
        Ok(ListRequest { list, part })
    }

    fn order(&self) -> TaskSort {
        Sort {
            field: self.sort_by.map_or(NEWEST_FIRST.field, |SortColumn(field)| field),
            direction: self
                .sort_order
                .map_or(NEWEST_FIRST.direction, |SortOrder(direction)| direction),
        }
    }

    fn filter(&self) -> Result<TaskFilter> {
        let tagged = |words: &Words| tag::normalise(&words.0).map(TaskFilter::TaggedAny);
        let user = |Number(id): Number| Comparison::Equal(UserId(id));
        let filters = [
            self.status
                .as_ref()
                .map(|names| TaskFilter::Status(Comparison::In(names.0.clone()))),
            self.priority
                .as_ref()
                .map(|names| TaskFilter::Priority(Comparison::In(names.0.clone()))),
            self.tag.as_ref().map(tagged).transpose()?,
            self.tags.as_ref().map(tagged).transpose()?,
            self.search.clone().map(TaskFilter::Search),
            self.completed.map(|Flag(completed)| TaskFilter::Completed(completed)),
            self.overdue.map(|Flag(overdue)| TaskFilter::Overdue(overdue)),
            self.assignee_id.map(|id| TaskFilter::Assignee(user(id))),
            self.owner_id.map(|id| TaskFilter::Owner(user(id))),
            self.due_before
                .map(|Moment(moment)| check_moment("due_before", moment))
                .transpose()?
                .map(|moment| TaskFilter::Time(TaskTime::Due, Comparison::Less(moment))),
            self.due_after
                .map(|Moment(moment)| check_moment("due_after", moment))
                .transpose()?
                .map(|moment| TaskFilter::Time(TaskTime::Due, Comparison::Greater(moment))),
        ];
        Ok(TaskFilter::All(filters.into_iter().flatten().collect()))
    }
}

/// A part of a list of tasks that is asked for.
pub(super) struct ListRequest {
    list: TaskList,
    part: Part,
}

impl ListRequest {
    /// Reads the list.
    pub(super) async fn answer(self, app: &App, actor: &Actor) -> Result<ListBody<TaskBody>> {
        let tasks = app.domain().tasks();
        let found = tasks.list_counted(actor, &self.list, &self.part.request()).await;
        let CountedPage { page, total } = found.map_err(name_cursor)?;
        let (rows, next) = rows(page);
        let total = match total.or_else(|| self.part.total(rows.len(), next.is_some())) {
            Some(total) => total,
            None => tasks.count(actor, &self.list).await?,
        };
        let rows = rows.into_iter().map(TaskBody::from).collect();
        Ok(self.part.body(rows, next, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListRequest, String> {
        let parameters: ListParameters = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
        parameters.read().map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_come_first_when_nothing_is_said() {
        assert_eq!(read("").unwrap().list.order, [NEWEST_FIRST]);
    }

    #[test]
    fn every_column_sorts_by_its_name() {
        for field in TaskSortField::ALL {
            let request = read(&format!("sort_by={}&sort_order=asc", column_name(field))).unwrap();
            assert_eq!(
                request.list.order,
                [Sort {
                    field,
                    direction: Direction::Ascending
                }]
            );
        }
    }

    #[test]
    fn an_unknown_column_is_answered_with_those_that_there_are() {
        let message = read("sort_by=colour").err().unwrap();
        let names = "created_at, updated_at, due_date, priority, status, title, deleted_at, id";
        assert_eq!(message, format!("'colour' is not allowed; use one of {names}"));
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        assert!(
            read("colour=red")
                .err()
                .unwrap()
                .starts_with("unknown field `colour`, expected one of `skip`")
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let message = read("tag=&limit=0").err().unwrap();
        assert_eq!(
            message,
            "tags: '' is 0 characters long; 1 to 50 are allowed; limit is 0; 1 to 100 are allowed"
        );
    }
}
