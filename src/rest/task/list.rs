//! Lists of tasks: the parameters that ask for one, and the answer.

use serde::Deserialize;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::output::{self, TaskBody};
use crate::domain::actor::Actor;
use crate::domain::clock::check_moment;
use crate::domain::error::{Error, Result, Violations};
use crate::domain::id::UserId;
use crate::domain::page::{Direction, Sort};
use crate::domain::tag;
use crate::domain::task::{
    BoundedFilter, Comparison, NEWEST_FIRST, TaskFilter, TaskList, TaskSort, TaskSortField, TaskTime,
};
use crate::rest::openapi::schema;
use crate::rest::page::{ListBody, PageParameters, Part, name_cursor, rows};
use crate::rest::rules::Rules;
use crate::rest::value::{Flag, LastMoment, Moment, Number, PriorityNames, StatusNames, Words, one_of};
use crate::state::AppState as App;

/// Which tasks, in which order, and which part of them. Of several values in one filter a task
/// needs one; of several filters it must pass all.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::rest) struct ListParameters {
    /// Only with one of these statuses.
    #[param(value_type = Option<schema::StatusNames>, inline)]
    status: Option<StatusNames>,
    /// Only with one of these priorities.
    #[param(value_type = Option<schema::PriorityNames>, inline)]
    priority: Option<PriorityNames>,
    /// Only with one of these tags. It may be repeated.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tag: Option<Words>,
    /// As `tag`. With both, a task needs one of each.
    #[param(value_type = Option<schema::TagNames>, inline)]
    tags: Option<Words>,
    /// Whether a task needs one of the tags of a parameter or all of them: `any` without it.
    #[param(inline)]
    tag_mode: Option<TagMode>,
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
    /// Only those created at this moment or after it.
    #[param(value_type = Option<schema::Moment>, inline)]
    created_after: Option<Moment>,
    /// Only those created at this moment or before it. A date alone includes its whole day.
    #[param(value_type = Option<schema::Moment>, inline)]
    created_before: Option<LastMoment>,
    /// Column to sort by: `created_at` without it. A leading `-` reverses the default order, so `-created_at` lists the
    /// oldest first; not together with `sort_order`.
    #[param(inline)]
    sort_by: Option<SortBy>,
    /// Which way to sort: `desc` without it.
    #[param(inline)]
    sort_order: Option<SortOrder>,
}

/// Columns to sort by, by the names of the fields that show them.
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

/// A column to sort by, and whether against the default order.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct SortBy {
    column: TaskSortField,
    is_reversed: bool,
}

impl TryFrom<String> for SortBy {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let column = name.strip_prefix('-').unwrap_or(&name);
        Ok(Self {
            column: one_of(column, &COLUMNS, |(name, _)| name)?.1,
            is_reversed: name.starts_with('-'),
        })
    }
}

impl PartialSchema for SortBy {
    fn schema() -> RefOr<Schema> {
        let reversed = COLUMNS.iter().map(|(name, _)| format!("-{name}"));
        names(COLUMNS.iter().map(|(name, _)| (*name).to_owned()).chain(reversed))
    }
}

impl ToSchema for SortBy {}

/// Both ways to sort.
const DIRECTIONS: [(&str, Direction); 2] = [("asc", Direction::Ascending), ("desc", Direction::Descending)];

/// The order of a list.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct SortOrder(Direction);

impl TryFrom<String> for SortOrder {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(Self(one_of(&name, &DIRECTIONS, |(name, _)| name)?.1))
    }
}

impl PartialSchema for SortOrder {
    fn schema() -> RefOr<Schema> {
        names(DIRECTIONS.iter().map(|(name, _)| (*name).to_owned()))
    }
}

impl ToSchema for SortOrder {}

/// Whether a task needs all the tags of a parameter, or one of them.
const TAG_MODES: [(&str, bool); 2] = [("any", false), ("all", true)];

/// Whether a task needs all tags.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct TagMode(bool);

impl TryFrom<String> for TagMode {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(Self(one_of(&name, &TAG_MODES, |(name, _)| name)?.1))
    }
}

impl PartialSchema for TagMode {
    fn schema() -> RefOr<Schema> {
        names(TAG_MODES.iter().map(|(name, _)| (*name).to_owned()))
    }
}

impl ToSchema for TagMode {}

fn names(names: impl IntoIterator<Item = String>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .into()
}

impl ListParameters {
    /// The list, or all that is wrong with the parameters.
    pub(super) fn read(self, page: PageParameters, rules: Rules) -> Result<ListRequest> {
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
        Ok(ListRequest { list, part })
    }

    fn order(&self) -> Result<TaskSort> {
        let by = self.sort_by.unwrap_or(SortBy {
            column: NEWEST_FIRST.field,
            is_reversed: false,
        });
        let direction = match (self.sort_order, by.is_reversed) {
            (Some(_), true) => {
                let message = "sort_by has a leading '-', and sort_order is given too; use one of them";
                return Err(Error::invalid("sort_order", message));
            }
            (Some(SortOrder(direction)), false) => direction,
            (None, true) => Direction::Ascending,
            (None, false) => NEWEST_FIRST.direction,
        };
        Ok(Sort {
            field: by.column,
            direction,
        })
    }

    fn filter(&self) -> Result<TaskFilter> {
        let needs_all = matches!(self.tag_mode, Some(TagMode(true)));
        let tagged = |words: &Words| {
            let tags = tag::normalise(&words.0)?;
            Ok::<_, Error>(if needs_all {
                TaskFilter::TaggedAll(tags)
            } else {
                TaskFilter::TaggedAny(tags)
            })
        };
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
            self.created_after
                .map(|Moment(moment)| check_moment("created_after", moment))
                .transpose()?
                .map(|moment| TaskFilter::Time(TaskTime::Created, Comparison::GreaterOrEqual(moment))),
            self.created_before
                .map(|LastMoment(moment)| check_moment("created_before", moment))
                .transpose()?
                .map(|moment| TaskFilter::Time(TaskTime::Created, Comparison::LessOrEqual(moment))),
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
        let found = tasks.list(actor, &self.list, &self.part.request()).await;
        let (rows, next) = rows(found.map_err(name_cursor)?);
        let total = match self.part.total(rows.len(), next.is_some()) {
            Some(total) => total,
            None => tasks.count(actor, &self.list).await?,
        };
        let rows = output::many(app, actor, rows).await?;
        Ok(self.part.body(rows, next, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListRequest, String> {
        let parameters: ListParameters = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
        let page = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
        let request = parameters.read(page, Rules::default());
        request.map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_come_first_when_nothing_is_said() {
        assert_eq!(read("").unwrap().list.order, [NEWEST_FIRST]);
    }

    #[test]
    fn every_column_sorts_by_its_name_and_a_minus_turns_the_order() {
        for (name, field) in COLUMNS {
            for (query, direction) in [
                (format!("sort_by={name}"), Direction::Descending),
                (format!("sort_by={name}&sort_order=asc"), Direction::Ascending),
                (format!("sort_by=-{name}"), Direction::Ascending),
            ] {
                assert_eq!(read(&query).unwrap().list.order, [Sort { field, direction }], "{query}");
            }
        }
        let sorted: Vec<_> = COLUMNS.iter().map(|(_, field)| field).collect();
        assert!(TaskSortField::ALL.iter().all(|field| sorted.contains(&field)));
    }

    #[test]
    fn an_unknown_column_is_answered_with_those_that_exist() {
        let message = read("sort_by=colour").err().unwrap();
        let names = "created_at, updated_at, due_date, due_on, priority, status, title, deleted_at, id, completed, \
            completed_at, owner_id, user_id, assignee_id, description, version";
        assert_eq!(message, format!("'colour' is not allowed; use one of {names}"));
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
