//! Which tasks a list shows, in GraphQL: typed comparisons, all of which must hold.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};

use crate::domain::clock::check_moment;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::tag;
use crate::domain::task::{self as domain, Comparison};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{TaskPriority, TaskStatus};

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
    /// By due date.
    due_date: Option<DateTimeFilter>,
    /// By the moment of creation.
    created_at: Option<DateTimeFilter>,
    /// Past their due date and still open, or not.
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
    eq: Option<DateTime<Utc>>,
    /// Is not this moment.
    neq: Option<DateTime<Utc>>,
    /// Is before this.
    lt: Option<DateTime<Utc>>,
    /// Is this or before.
    lte: Option<DateTime<Utc>>,
    /// Is after this.
    gt: Option<DateTime<Utc>>,
    /// Is this or after.
    gte: Option<DateTime<Utc>>,
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
        self.include_deleted.unwrap_or_default()
    }

    /// The domain's filter.
    pub(super) fn into_domain(mut self) -> Result<domain::TaskFilter> {
        self.include_deleted = None;
        self.nested()
    }

    fn nested(self) -> Result<domain::TaskFilter> {
        if self.include_deleted.is_some() {
            return Err(Error::BadInput {
                field: "filter",
                message: "filter.includeDeleted counts for the whole list; give it only at the top of the filter"
                    .to_owned(),
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
            all.extend(
                owner
                    .comparisons("filter.owner")?
                    .into_iter()
                    .map(domain::TaskFilter::Owner),
            );
        }
        if let Some(assignee) = self.assignee {
            all.extend(
                assignee
                    .comparisons("filter.assignee")?
                    .into_iter()
                    .map(domain::TaskFilter::Assignee),
            );
        }
        if let Some(tags) = self.tag {
            all.extend(
                tags.any
                    .map(|tags| tag::normalise(&tags))
                    .transpose()?
                    .map(domain::TaskFilter::TaggedAny),
            );
            all.extend(
                tags.all
                    .map(|tags| tag::normalise(&tags))
                    .transpose()?
                    .map(domain::TaskFilter::TaggedAll),
            );
        }
        if let Some(moment) = self.due_date {
            all.extend(
                moment
                    .comparisons("filter.dueDate")?
                    .into_iter()
                    .map(domain::TaskFilter::DueDate),
            );
        }
        if let Some(moment) = self.created_at {
            all.extend(
                moment
                    .comparisons("filter.createdAt")?
                    .into_iter()
                    .map(domain::TaskFilter::CreatedAt),
            );
        }
        all.extend(self.is_overdue.map(domain::TaskFilter::Overdue));
        all.extend(self.is_completed.map(domain::TaskFilter::Completed));
        all.extend(self.search.map(domain::TaskFilter::Search));
        if let Some(filters) = self.and {
            all.push(domain::TaskFilter::All(nested(filters)?));
        }
        if let Some(filters) = self.or {
            all.push(domain::TaskFilter::Any(nested(filters)?));
        }
        if let Some(filter) = self.not {
            all.push(domain::TaskFilter::Not(Box::new(filter.nested()?)));
        }
        Ok(domain::TaskFilter::All(all))
    }
}

fn nested(filters: Vec<TaskFilter>) -> Result<Vec<domain::TaskFilter>> {
    filters.into_iter().map(TaskFilter::nested).collect()
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
    fn comparisons(self, field: &'static str) -> Result<Vec<Comparison<UserId>>> {
        let user = |id: ID| UserId::from_global(field, &id);
        let users = |ids: Vec<ID>| ids.into_iter().map(user).collect::<Result<Vec<_>>>();
        Ok(given([
            self.eq.map(user).transpose()?.map(Comparison::Equal),
            self.neq.map(user).transpose()?.map(Comparison::NotEqual),
            self.one_of.map(users).transpose()?.map(Comparison::In),
            self.nin.map(users).transpose()?.map(Comparison::NotIn),
            self.is_null.map(Comparison::IsNull),
        ]))
    }
}

impl DateTimeFilter {
    fn comparisons(self, field: &'static str) -> Result<Vec<Comparison<DateTime<Utc>>>> {
        let bound = |moment: Option<DateTime<Utc>>| moment.map(|moment| check_moment(field, moment)).transpose();
        Ok(given([
            bound(self.eq)?.map(Comparison::Equal),
            bound(self.neq)?.map(Comparison::NotEqual),
            bound(self.lt)?.map(Comparison::Less),
            bound(self.lte)?.map(Comparison::LessOrEqual),
            bound(self.gt)?.map(Comparison::Greater),
            bound(self.gte)?.map(Comparison::GreaterOrEqual),
            self.is_null.map(Comparison::IsNull),
        ]))
    }
}
