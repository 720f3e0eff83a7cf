//! Inputs that filter tasks.

use std::fmt::{Arguments, Display};

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::tag;
use crate::domain::task::{self as domain, Comparison, TaskTime};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{SentDate, SentDateTime, TaskPriority, TaskStatus};

/// Conditions on tasks; a task must meet all of them. Limits: 50 conditions, 8 levels of nesting, 100 values in a list.
/// A field that is null matches only `neq`, `nin` and `isNull: true`.
#[derive(Debug, Default, InputObject)]
pub struct TaskFilter {
    /// Workflow status: `eq`, `neq`, `in`, `nin`.
    status: Option<TaskStatusFilter>,
    /// Priority, from LOW to URGENT: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`.
    priority: Option<TaskPriorityFilter>,
    /// User who owns the task: `eq`, `neq`, `in`, `nin` with global ids of users. Never null.
    owner: Option<UserIdFilter>,
    /// Assignee: `eq`, `neq`, `in`, `nin` with global ids of users; `isNull: true` for tasks without one.
    assignee: Option<UserIdFilter>,
    /// Tags: `any` for at least one of the names, `all` for each of them. Up to 20 names; case is ignored.
    tag: Option<TagFilter>,
    /// Due date and time: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`, `isNull`. Null for tasks that have
    /// `dueOn`, or neither of the two.
    due_date: Option<DateTimeFilter>,
    /// Due day: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`, `isNull`. Null for tasks that have `dueDate`, or
    /// neither of the two.
    due_on: Option<DateFilter>,
    /// Time of creation: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`. Never null.
    created_at: Option<DateTimeFilter>,
    /// Time of the last change: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`. Never null.
    updated_at: Option<DateTimeFilter>,
    /// Time of completion: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`, `isNull`. Null for tasks that
    /// are not DONE.
    completed_at: Option<DateTimeFilter>,
    /// Time at which the task was moved to the trash: `eq`, `neq`, `in`, `nin`, `lt`, `lte`, `gt`, `gte`, `isNull`.
    /// Null for tasks that are not in the trash. At the top level, this condition includes the trash, unless
    /// `includeDeleted` is false. So `{deletedAt: {isNull: false}}` lists only the trash.
    deleted_at: Option<DateTimeFilter>,
    /// true: tasks that are `TODO` or `IN_PROGRESS`, and past their due date, or past their due day in your time zone
    /// (`User.timeZone`). false: all other tasks.
    is_overdue: Option<bool>,
    /// true: tasks that are `DONE`. false: all other tasks.
    is_completed: Option<bool>,
    /// Words, separated by spaces. Each must occur in the title or description as a substring; case is ignored. Up to
    /// 16 words of at least 2 characters.
    search: Option<String>,
    /// Whether to include tasks in the trash. Default: false, or true if `deletedAt` is given. Allowed only at the top
    /// level of a filter.
    include_deleted: Option<bool>,
    /// Matches tasks that meet all of these filters.
    and: Option<Vec<TaskFilter>>,
    /// Matches tasks that meet at least one of these filters.
    or: Option<Vec<TaskFilter>>,
    /// Matches tasks that do not meet this filter.
    not: Option<Box<TaskFilter>>,
}

/// Conditions on a task's status; the status must meet all of them.
#[derive(Debug, InputObject)]
pub struct TaskStatusFilter {
    /// Equal to this status.
    eq: Option<TaskStatus>,
    /// Not equal to this status.
    neq: Option<TaskStatus>,
    /// One of these statuses, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<TaskStatus>>,
    /// None of these statuses, up to 100.
    nin: Option<Vec<TaskStatus>>,
}

/// Conditions on a task's priority; the priority must meet all of them. LOW < MEDIUM < HIGH < URGENT.
#[derive(Debug, InputObject)]
pub struct TaskPriorityFilter {
    /// Equal to this priority.
    eq: Option<TaskPriority>,
    /// Not equal to this priority.
    neq: Option<TaskPriority>,
    /// One of these priorities, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<TaskPriority>>,
    /// None of these priorities, up to 100.
    nin: Option<Vec<TaskPriority>>,
    /// Lower than this priority.
    lt: Option<TaskPriority>,
    /// Lower than or equal to this priority.
    lte: Option<TaskPriority>,
    /// Higher than this priority.
    gt: Option<TaskPriority>,
    /// Higher than or equal to this priority.
    gte: Option<TaskPriority>,
}

/// Conditions on a user, by global id; the user must meet all of them.
#[derive(Debug, InputObject)]
pub struct UserIdFilter {
    /// Equal to this user, given as a global id.
    eq: Option<ID>,
    /// Not equal to this user; also matches null.
    neq: Option<ID>,
    /// One of these users, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<ID>>,
    /// None of these users, up to 100; also matches null.
    nin: Option<Vec<ID>>,
    /// true: matches only null. false: matches only values that are not null.
    is_null: Option<bool>,
}

/// Conditions on a date and time; the value must meet all of them.
#[derive(Debug, InputObject)]
pub struct DateTimeFilter {
    /// Equal to this time, such as 2026-01-31T12:00:00Z.
    eq: Option<SentDateTime>,
    /// Not equal to this time; also matches null.
    neq: Option<SentDateTime>,
    /// One of these times, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<SentDateTime>>,
    /// None of these times, up to 100; also matches null.
    nin: Option<Vec<SentDateTime>>,
    /// Before this time.
    lt: Option<SentDateTime>,
    /// Before or equal to this time.
    lte: Option<SentDateTime>,
    /// After this time.
    gt: Option<SentDateTime>,
    /// After or equal to this time.
    gte: Option<SentDateTime>,
    /// true: matches only null. false: matches only values that are not null.
    is_null: Option<bool>,
}

/// Conditions on a calendar day; the day must meet all of them.
#[derive(Debug, InputObject)]
pub struct DateFilter {
    /// Equal to this day, such as 2026-12-31.
    eq: Option<SentDate>,
    /// Not equal to this day; also matches null.
    neq: Option<SentDate>,
    /// One of these days, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<SentDate>>,
    /// None of these days, up to 100; also matches null.
    nin: Option<Vec<SentDate>>,
    /// Before this day.
    lt: Option<SentDate>,
    /// Before or equal to this day.
    lte: Option<SentDate>,
    /// After this day.
    gt: Option<SentDate>,
    /// After or equal to this day.
    gte: Option<SentDate>,
    /// true: matches only null. false: matches only values that are not null.
    is_null: Option<bool>,
}

/// Conditions on a task's tags; the tags must meet all of them. Case is ignored.
#[derive(Debug, InputObject)]
pub struct TagFilter {
    /// At least one of these tags, up to 20.
    any: Option<Vec<String>>,
    /// All of these tags, up to 20.
    all: Option<Vec<String>>,
}

impl TaskFilter {
    pub(super) fn includes_deleted(&self) -> bool {
        self.include_deleted.unwrap_or(self.deleted_at.is_some())
    }

    /// Only conditions on fields whose values before the event can be read from the log.
    pub(in crate::graphql) fn of_events(
        status: Option<TaskStatusFilter>,
        priority: Option<TaskPriorityFilter>,
        owner: Option<UserIdFilter>,
        assignee: Option<UserIdFilter>,
        tag: Option<TagFilter>,
    ) -> Self {
        Self {
            status,
            priority,
            owner,
            assignee,
            tag,
            ..Self::default()
        }
    }

    pub(in crate::graphql) fn into_domain(mut self) -> Result<domain::TaskFilter> {
        self.include_deleted = None;
        self.nested(&"filter")
    }

    /// Converts the filter at this path of the arguments; errors name the path.
    fn nested(self, path: &dyn Display) -> Result<domain::TaskFilter> {
        if self.include_deleted.is_some() {
            let message =
                format!("{path}.includeDeleted counts for the whole list; give it only at the top of the filter");
            return Err(Error::bad_input("filter", message));
        }
        let mut all = Vec::new();
        if let Some(status) = self.status {
            let status = status.comparisons(format_args!("{path}.status"))?;
            all.extend(status.into_iter().map(domain::TaskFilter::Status));
        }
        if let Some(priority) = self.priority {
            let priority = priority.comparisons(format_args!("{path}.priority"))?;
            all.extend(priority.into_iter().map(domain::TaskFilter::Priority));
        }
        if let Some(owner) = self.owner {
            let owner = owner.comparisons(format_args!("{path}.owner"))?;
            all.extend(owner.into_iter().map(domain::TaskFilter::Owner));
        }
        if let Some(assignee) = self.assignee {
            let assignee = assignee.comparisons(format_args!("{path}.assignee"))?;
            all.extend(assignee.into_iter().map(domain::TaskFilter::Assignee));
        }
        if let Some(TagFilter { any, all: each }) = self.tag {
            let any = any.map(|tags| tag::normalise(&tags).map_err(|error| error.at(format_args!("{path}.tag.any"))));
            let each = each.map(|tags| tag::normalise(&tags).map_err(|error| error.at(format_args!("{path}.tag.all"))));
            all.extend(any.transpose()?.map(domain::TaskFilter::TaggedAny));
            all.extend(each.transpose()?.map(domain::TaskFilter::TaggedAll));
        }
        for (name, time, comparisons) in [
            ("dueDate", TaskTime::Due, self.due_date),
            ("createdAt", TaskTime::Created, self.created_at),
            ("updatedAt", TaskTime::Updated, self.updated_at),
            ("completedAt", TaskTime::Completed, self.completed_at),
            ("deletedAt", TaskTime::Deleted, self.deleted_at),
        ] {
            let Some(comparisons) = comparisons else { continue };
            let comparisons = comparisons.comparisons(format_args!("{path}.{name}"))?;
            let of_time = |comparison| domain::TaskFilter::Time(time, comparison);
            all.extend(comparisons.into_iter().map(of_time));
        }
        if let Some(days) = self.due_on {
            let days = days.comparisons(format_args!("{path}.dueOn"))?;
            all.extend(days.into_iter().map(domain::TaskFilter::DueOn));
        }
        all.extend(self.is_overdue.map(domain::TaskFilter::Overdue));
        all.extend(self.is_completed.map(domain::TaskFilter::Completed));
        all.extend(self.search.map(domain::TaskFilter::Search));
        if let Some(filters) = self.and {
            all.push(domain::TaskFilter::All(nested(filters, format_args!("{path}.and"))?));
        }
        if let Some(filters) = self.or {
            all.push(domain::TaskFilter::Any(nested(filters, format_args!("{path}.or"))?));
        }
        if let Some(filter) = self.not {
            let filter = filter.nested(&format_args!("{path}.not"))?;
            all.push(domain::TaskFilter::Not(Box::new(filter)));
        }
        Ok(domain::TaskFilter::All(all))
    }
}

fn nested(filters: Vec<TaskFilter>, path: Arguments<'_>) -> Result<Vec<domain::TaskFilter>> {
    let filters = filters.into_iter().enumerate();
    filters
        .map(|(position, filter)| filter.nested(&format_args!("{path}.{position}")))
        .collect()
}

impl TaskStatusFilter {
    fn comparisons(self, path: Arguments<'_>) -> Result<Vec<Comparison<domain::workflow::Status>>> {
        let ones = [self.eq, self.neq, None, None, None, None];
        comparisons(path, ones, [self.one_of, self.nin], None, |_, status| Ok(status.into()))
    }
}

impl TaskPriorityFilter {
    fn comparisons(self, path: Arguments<'_>) -> Result<Vec<Comparison<domain::Priority>>> {
        let ones = [self.eq, self.neq, self.lt, self.lte, self.gt, self.gte];
        comparisons(path, ones, [self.one_of, self.nin], None, |_, priority| {
            Ok(priority.into())
        })
    }
}

impl UserIdFilter {
    fn comparisons(self, path: Arguments<'_>) -> Result<Vec<Comparison<UserId>>> {
        let ones = [self.eq, self.neq, None, None, None, None];
        comparisons(path, ones, [self.one_of, self.nin], self.is_null, |path, id| {
            UserId::from_global(path, &id)
        })
    }
}

impl DateTimeFilter {
    fn comparisons(self, path: Arguments<'_>) -> Result<Vec<Comparison<Timestamp>>> {
        let ones = [self.eq, self.neq, self.lt, self.lte, self.gt, self.gte];
        comparisons(path, ones, [self.one_of, self.nin], self.is_null, |path, time| {
            time.for_filter(path)
        })
    }
}

impl DateFilter {
    fn comparisons(self, path: Arguments<'_>) -> Result<Vec<Comparison<NaiveDate>>> {
        let ones = [self.eq, self.neq, self.lt, self.lte, self.gt, self.gte];
        comparisons(path, ones, [self.one_of, self.nin], self.is_null, |path, day| {
            day.for_filter(path)
        })
    }
}

type Constructor<V, Operand> = fn(Operand) -> Comparison<V>;

/// The comparisons that are given: `ones` by `eq`, `neq`, `lt`, `lte`, `gt` and `gte`, `lists` by `in` and `nin`.
/// `read` converts the value at a path; errors name the path.
fn comparisons<T, V>(
    path: Arguments<'_>,
    ones: [Option<T>; 6],
    lists: [Option<Vec<T>>; 2],
    is_null: Option<bool>,
    read: impl Fn(Arguments<'_>, T) -> Result<V>,
) -> Result<Vec<Comparison<V>>> {
    let of_ones: [(&str, Constructor<V, V>); 6] = [
        ("eq", Comparison::Equal),
        ("neq", Comparison::NotEqual),
        ("lt", Comparison::Less),
        ("lte", Comparison::LessOrEqual),
        ("gt", Comparison::Greater),
        ("gte", Comparison::GreaterOrEqual),
    ];
    let of_lists: [(&str, Constructor<V, Vec<V>>); 2] = [("in", Comparison::In), ("nin", Comparison::NotIn)];
    let mut all = Vec::new();
    for ((name, comparison), value) in of_ones.into_iter().zip(ones) {
        let value = value.map(|value| read(format_args!("{path}.{name}"), value));
        all.extend(value.transpose()?.map(comparison));
    }
    for ((name, comparison), values) in of_lists.into_iter().zip(lists) {
        let read = |(position, value): (usize, T)| read(format_args!("{path}.{name}.{position}"), value);
        let values = values.map(|values| values.into_iter().enumerate().map(read).collect::<Result<Vec<_>>>());
        all.extend(values.transpose()?.map(comparison));
    }
    all.extend(is_null.map(Comparison::IsNull));
    Ok(all)
}
