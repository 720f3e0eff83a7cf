//! Which tasks a list shows, in GraphQL: typed comparisons, all of which must hold.

use std::fmt::{Arguments, Display};

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::tag;
use crate::domain::task::{self as domain, Comparison, TaskTime};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{Compared, Sent, SentDate, SentDateTime, TaskPriority, TaskStatus};

/// Which tasks; all that is given must hold. A task without a value passes only `neq`, `nin` and `isNull`.
#[derive(Debug, Default, InputObject)]
pub struct TaskFilter {
    /// By status.
    status: Option<TaskStatusFilter>,
    /// By priority.
    priority: Option<TaskPriorityFilter>,
    /// By owner.
    owner: Option<UserIdFilter>,
    /// By assignee.
    assignee: Option<UserIdFilter>,
    /// By tags.
    tag: Option<TagFilter>,
    /// By due date. Tasks with a due day have none.
    due_date: Option<DateTimeFilter>,
    /// By due day. Tasks with a due date have none.
    due_on: Option<DateFilter>,
    /// By the moment of creation.
    created_at: Option<DateTimeFilter>,
    /// By the moment of the last change.
    updated_at: Option<DateTimeFilter>,
    /// By the moment at which it was done. Tasks that are not done have none.
    completed_at: Option<DateTimeFilter>,
    /// By the moment at which it went to the trash. Tasks elsewhere have none. At the top of a filter it includes the
    /// trash unless `includeDeleted` is false, so that `{isNull: false}` is the trash alone.
    deleted_at: Option<DateTimeFilter>,
    /// Past their due date, or past their due day in your time zone, and still open; or not.
    is_overdue: Option<bool>,
    /// Done, or not.
    is_completed: Option<bool>,
    /// Every word of this text occurs in the title or the description, in any case.
    search: Option<String>,
    /// Also tasks in the trash. Only at the top of a filter.
    include_deleted: Option<bool>,
    /// All of these hold.
    and: Option<Vec<TaskFilter>>,
    /// At least one of these holds.
    or: Option<Vec<TaskFilter>>,
    /// This does not hold.
    not: Option<Box<TaskFilter>>,
}

/// Compares a status.
#[derive(Debug, InputObject)]
pub struct TaskStatusFilter {
    /// Is this.
    eq: Option<TaskStatus>,
    /// Is not this.
    neq: Option<TaskStatus>,
    /// Is one of these.
    #[graphql(name = "in")]
    one_of: Option<Vec<TaskStatus>>,
    /// Is none of these.
    nin: Option<Vec<TaskStatus>>,
}

/// Compares a priority; URGENT is the greatest.
#[derive(Debug, InputObject)]
pub struct TaskPriorityFilter {
    /// Is this.
    eq: Option<TaskPriority>,
    /// Is not this.
    neq: Option<TaskPriority>,
    /// Is one of these.
    #[graphql(name = "in")]
    one_of: Option<Vec<TaskPriority>>,
    /// Is none of these.
    nin: Option<Vec<TaskPriority>>,
    /// Is less than this.
    lt: Option<TaskPriority>,
    /// Is this or less.
    lte: Option<TaskPriority>,
    /// Is more than this.
    gt: Option<TaskPriority>,
    /// Is this or more.
    gte: Option<TaskPriority>,
}

/// Compares a user.
#[derive(Debug, InputObject)]
pub struct UserIdFilter {
    /// Is this user.
    eq: Option<ID>,
    /// Is not this user.
    neq: Option<ID>,
    /// Is one of these users.
    #[graphql(name = "in")]
    one_of: Option<Vec<ID>>,
    /// Is none of these users.
    nin: Option<Vec<ID>>,
    /// There is none, or there is one.
    is_null: Option<bool>,
}

/// Compares a moment.
#[derive(Debug, InputObject)]
pub struct DateTimeFilter {
    /// Is this moment.
    eq: Option<SentDateTime>,
    /// Is not this moment.
    neq: Option<SentDateTime>,
    /// Is one of these moments, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<SentDateTime>>,
    /// Is none of these moments, up to 100.
    nin: Option<Vec<SentDateTime>>,
    /// Is before this.
    lt: Option<SentDateTime>,
    /// Is this or before.
    lte: Option<SentDateTime>,
    /// Is after this.
    gt: Option<SentDateTime>,
    /// Is this or after.
    gte: Option<SentDateTime>,
    /// There is none, or there is one.
    is_null: Option<bool>,
}

/// Compares a day.
#[derive(Debug, InputObject)]
pub struct DateFilter {
    /// Is this day.
    eq: Option<SentDate>,
    /// Is not this day.
    neq: Option<SentDate>,
    /// Is one of these days, up to 100.
    #[graphql(name = "in")]
    one_of: Option<Vec<SentDate>>,
    /// Is none of these days, up to 100.
    nin: Option<Vec<SentDate>>,
    /// Is before this.
    lt: Option<SentDate>,
    /// Is this or before.
    lte: Option<SentDate>,
    /// Is after this.
    gt: Option<SentDate>,
    /// Is this or after.
    gte: Option<SentDate>,
    /// There is none, or there is one.
    is_null: Option<bool>,
}

/// Compares tags; upper and lower case are the same.
#[derive(Debug, InputObject)]
pub struct TagFilter {
    /// Has at least one of these.
    any: Option<Vec<String>>,
    /// Has all of these.
    all: Option<Vec<String>>,
}

impl TaskFilter {
    /// Whether tasks in the trash are wanted too.
    pub(super) fn includes_deleted(&self) -> bool {
        self.include_deleted.unwrap_or(self.deleted_at.is_some())
    }

    /// The conditions that can be judged on an event.
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

    /// The domain's filter.
    pub(in crate::graphql) fn into_domain(mut self) -> Result<domain::TaskFilter> {
        self.include_deleted = None;
        self.nested(&"filter")
    }

    /// Converts the filter at this path of the arguments; errors name the path.
    fn nested(self, place: &dyn Display) -> Result<domain::TaskFilter> {
        if self.include_deleted.is_some() {
            return Err(Error::BadInput {
                field: "filter",
                message: format!(
                    "{place}.includeDeleted counts for the whole list; give it only at the top of the filter"
                ),
            });
        }
        let mut all = Vec::new();
        all.extend(
            self.status
                .into_iter()
                .flat_map(TaskStatusFilter::comparisons)
                .map(domain::TaskFilter::Status),
        );
        all.extend(
            self.priority
                .into_iter()
                .flat_map(TaskPriorityFilter::comparisons)
                .map(domain::TaskFilter::Priority),
        );
        if let Some(owner) = self.owner {
            let owner = owner.comparisons(format_args!("{place}.owner"))?;
            all.extend(owner.into_iter().map(domain::TaskFilter::Owner));
        }
        if let Some(assignee) = self.assignee {
            let assignee = assignee.comparisons(format_args!("{place}.assignee"))?;
            all.extend(assignee.into_iter().map(domain::TaskFilter::Assignee));
        }
        if let Some(TagFilter { any, all: each }) = self.tag {
            let any = any.map(|tags| tag::normalise(&tags).map_err(|error| error.at(format_args!("{place}.tag.any"))));
            let each =
                each.map(|tags| tag::normalise(&tags).map_err(|error| error.at(format_args!("{place}.tag.all"))));
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
            let comparisons = comparisons.comparisons(format_args!("{place}.{name}"))?;
            let of_time = |comparison| domain::TaskFilter::Time(time, comparison);
            all.extend(comparisons.into_iter().map(of_time));
        }
        if let Some(days) = self.due_on {
            let days = days.comparisons(format_args!("{place}.dueOn"))?;
            all.extend(days.into_iter().map(domain::TaskFilter::DueOn));
        }
        all.extend(self.is_overdue.map(domain::TaskFilter::Overdue));
        all.extend(self.is_completed.map(domain::TaskFilter::Completed));
        all.extend(self.search.map(domain::TaskFilter::Search));
        if let Some(filters) = self.and {
            all.push(domain::TaskFilter::All(nested(filters, format_args!("{place}.and"))?));
        }
        if let Some(filters) = self.or {
            all.push(domain::TaskFilter::Any(nested(filters, format_args!("{place}.or"))?));
        }
        if let Some(filter) = self.not {
            let filter = filter.nested(&format_args!("{place}.not"))?;
            all.push(domain::TaskFilter::Not(Box::new(filter)));
        }
        Ok(domain::TaskFilter::All(all))
    }
}

fn nested(filters: Vec<TaskFilter>, place: Arguments<'_>) -> Result<Vec<domain::TaskFilter>> {
    let filters = filters.into_iter().enumerate();
    filters
        .map(|(position, filter)| filter.nested(&format_args!("{place}.{position}")))
        .collect()
}

/// The comparisons that were given, of those there can be.
fn given<T>(comparisons: impl IntoIterator<Item = Option<Comparison<T>>>) -> Vec<Comparison<T>> {
    comparisons.into_iter().flatten().collect()
}

fn each<T, U: From<T>>(values: Option<Vec<T>>) -> Option<Vec<U>> {
    values.map(|values| values.into_iter().map(U::from).collect())
}

impl TaskStatusFilter {
    fn comparisons(self) -> Vec<Comparison<crate::domain::workflow::Status>> {
        given([
            self.eq.map(Into::into).map(Comparison::Equal),
            self.neq.map(Into::into).map(Comparison::NotEqual),
            each(self.one_of).map(Comparison::In),
            each(self.nin).map(Comparison::NotIn),
        ])
    }
}

impl TaskPriorityFilter {
    fn comparisons(self) -> Vec<Comparison<domain::Priority>> {
        given([
            self.eq.map(Into::into).map(Comparison::Equal),
            self.neq.map(Into::into).map(Comparison::NotEqual),
            each(self.one_of).map(Comparison::In),
            each(self.nin).map(Comparison::NotIn),
            self.lt.map(Into::into).map(Comparison::Less),
            self.lte.map(Into::into).map(Comparison::LessOrEqual),
            self.gt.map(Into::into).map(Comparison::Greater),
            self.gte.map(Into::into).map(Comparison::GreaterOrEqual),
        ])
    }
}

impl UserIdFilter {
    fn comparisons(self, place: Arguments<'_>) -> Result<Vec<Comparison<UserId>>> {
        let user = |name: &str, id: Option<ID>| {
            id.map(|id| UserId::from_global(format_args!("{place}.{name}"), &id))
                .transpose()
        };
        let users = |name: &str, ids: Option<Vec<ID>>| {
            let read =
                |(position, id): (usize, &ID)| UserId::from_global(format_args!("{place}.{name}.{position}"), id);
            ids.map(|ids| ids.iter().enumerate().map(read).collect::<Result<Vec<_>>>())
                .transpose()
        };
        Ok(given([
            user("eq", self.eq)?.map(Comparison::Equal),
            user("neq", self.neq)?.map(Comparison::NotEqual),
            users("in", self.one_of)?.map(Comparison::In),
            users("nin", self.nin)?.map(Comparison::NotIn),
            self.is_null.map(Comparison::IsNull),
        ]))
    }
}

impl DateTimeFilter {
    fn comparisons(self, place: Arguments<'_>) -> Result<Vec<Comparison<Timestamp>>> {
        bounds(
            place,
            [
                ("eq", self.eq, Comparison::Equal),
                ("neq", self.neq, Comparison::NotEqual),
                ("lt", self.lt, Comparison::Less),
                ("lte", self.lte, Comparison::LessOrEqual),
                ("gt", self.gt, Comparison::Greater),
                ("gte", self.gte, Comparison::GreaterOrEqual),
            ],
            [
                ("in", self.one_of, Comparison::In),
                ("nin", self.nin, Comparison::NotIn),
            ],
            self.is_null,
        )
    }
}

impl DateFilter {
    fn comparisons(self, place: Arguments<'_>) -> Result<Vec<Comparison<NaiveDate>>> {
        bounds(
            place,
            [
                ("eq", self.eq, Comparison::Equal),
                ("neq", self.neq, Comparison::NotEqual),
                ("lt", self.lt, Comparison::Less),
                ("lte", self.lte, Comparison::LessOrEqual),
                ("gt", self.gt, Comparison::Greater),
                ("gte", self.gte, Comparison::GreaterOrEqual),
            ],
            [
                ("in", self.one_of, Comparison::In),
                ("nin", self.nin, Comparison::NotIn),
            ],
            self.is_null,
        )
    }
}

/// A comparison by its name, with what was given for it.
type Given<T, V, S> = (&'static str, Option<T>, fn(V) -> Comparison<S>);
type Stored<T> = <T as Compared>::Stored;
type Ones<T> = [Given<Sent<T>, Stored<T>, Stored<T>>; 6];
type Lists<T> = [Given<Vec<Sent<T>>, Vec<Stored<T>>, Stored<T>>; 2];

/// The comparisons of scalars that were given.
fn bounds<T: Compared>(
    place: Arguments<'_>,
    ones: Ones<T>,
    lists: Lists<T>,
    is_null: Option<bool>,
) -> Result<Vec<Comparison<T::Stored>>> {
    let mut all = Vec::new();
    for (name, value, comparison) in ones {
        let value = value.map(|value| value.for_filter(format_args!("{place}.{name}")));
        all.extend(value.transpose()?.map(comparison));
    }
    for (name, values, comparison) in lists {
        let read = |(position, value): (usize, Sent<T>)| value.for_filter(format_args!("{place}.{name}.{position}"));
        let values = values.map(|values| values.into_iter().enumerate().map(read).collect::<Result<Vec<_>>>());
        all.extend(values.transpose()?.map(comparison));
    }
    all.extend(is_null.map(Comparison::IsNull));
    Ok(all)
}
