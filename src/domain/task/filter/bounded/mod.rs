//! Limits of filters, and their normal form.
//!
//! The cost of a statement depends on its conditions, so both APIs check the limits before they build one.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Deref;

use super::{Comparison, TaskFilter, TaskTime};
use crate::domain::error::{Error, Result};
use crate::domain::search::folded;
use crate::domain::tag::{MAX_TAGS, Tags};

/// Maximum number of conditions in one filter.
pub const MAX_CONDITIONS: usize = 50;
/// Maximum nesting of `and`, `or` and `not`.
pub const MAX_LEVELS: usize = 8;
/// Maximum number of values in one condition.
pub const MAX_LIST: usize = 100;
/// Maximum number of different search words in one filter.
pub const MAX_SEARCH_WORDS: usize = 16;
/// Minimum number of characters of a search word.
pub const MIN_WORD_LENGTH: usize = 2;

/// A filter within the limits, without duplicate conditions. Lists accept no other type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BoundedFilter(TaskFilter);

impl Deref for BoundedFilter {
    type Target = TaskFilter;

    fn deref(&self) -> &TaskFilter {
        &self.0
    }
}

impl TryFrom<TaskFilter> for BoundedFilter {
    type Error = Error;

    fn try_from(filter: TaskFilter) -> Result<Self> {
        let mut usage = Usage::default();
        usage.add(&filter)?;
        within("filter", "conditions", usage.conditions, MAX_CONDITIONS)?;
        within("filter", "levels of and, or and not", levels(&filter), MAX_LEVELS)?;
        within("filter.search", "words", usage.words.len(), MAX_SEARCH_WORDS)?;
        Ok(Self(filter.simplified()))
    }
}

fn within(field: &'static str, unit: &'static str, reached: usize, allowed: usize) -> Result<()> {
    if reached <= allowed {
        return Ok(());
    }
    Err(Error::LimitExceeded {
        field,
        unit,
        reached,
        allowed,
    })
}

#[derive(Default)]
struct Usage {
    conditions: usize,
    words: HashSet<String>,
}

impl Usage {
    fn add(&mut self, filter: &TaskFilter) -> Result<()> {
        match filter {
            TaskFilter::All(filters) | TaskFilter::Any(filters) => return filters.iter().try_for_each(|f| self.add(f)),
            TaskFilter::Not(filter) => return self.add(filter),
            TaskFilter::Status(comparison) => check_list("filter.status", comparison)?,
            TaskFilter::Priority(comparison) => check_list("filter.priority", comparison)?,
            TaskFilter::Owner(comparison) => check_list("filter.owner", comparison)?,
            TaskFilter::Assignee(comparison) => check_list("filter.assignee", comparison)?,
            TaskFilter::TaggedAny(tags) => within("filter.tag.any", "tags", tags.len(), MAX_TAGS)?,
            TaskFilter::TaggedAll(tags) => within("filter.tag.all", "tags", tags.len(), MAX_TAGS)?,
            TaskFilter::Search(text) => self.add_words(text)?,
            TaskFilter::Time(time, comparison) => check_list(field_of(*time), comparison)?,
            TaskFilter::DueOn(comparison) => check_list("filter.dueOn", comparison)?,
            TaskFilter::Overdue(_) | TaskFilter::Completed(_) => {}
        }
        self.conditions += 1;
        Ok(())
    }

    fn add_words(&mut self, text: &str) -> Result<()> {
        for word in words(text) {
            let length = word.chars().count();
            if length < MIN_WORD_LENGTH {
                return Err(Error::invalid(
                    "search",
                    format!("search: the word '{word}' has {length} character; words need at least {MIN_WORD_LENGTH}"),
                ));
            }
            self.words.insert(word);
        }
        Ok(())
    }
}

fn field_of(time: TaskTime) -> &'static str {
    match time {
        TaskTime::Due => "filter.dueDate",
        TaskTime::Created => "filter.createdAt",
        TaskTime::Updated => "filter.updatedAt",
        TaskTime::Completed => "filter.completedAt",
        TaskTime::Deleted => "filter.deletedAt",
    }
}

fn check_list<T>(field: &'static str, comparison: &Comparison<T>) -> Result<()> {
    match comparison {
        Comparison::In(values) | Comparison::NotIn(values) => within(field, "values", values.len(), MAX_LIST),
        _ => Ok(()),
    }
}

/// The words of a search, folded as in the search column.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(folded)
}

/// Nesting depth of `and`, `or` and `not`. Conditions within one input object do not add a level.
fn levels(filter: &TaskFilter) -> usize {
    let deepest = |filters: &[TaskFilter]| filters.iter().map(levels).max().unwrap_or_default();
    let part = |part: &TaskFilter| match part {
        TaskFilter::All(filters) | TaskFilter::Any(filters) => 1 + deepest(filters),
        TaskFilter::Not(filter) => 1 + levels(filter),
        _ => 0,
    };
    match filter {
        TaskFilter::All(parts) => parts.iter().map(part).max().unwrap_or_default(),
        single => part(single),
    }
}

fn always() -> TaskFilter {
    TaskFilter::All(Vec::new())
}

fn never() -> TaskFilter {
    TaskFilter::Any(Vec::new())
}

impl TaskFilter {
    /// An equivalent filter with fewer conditions: nested groups are merged, and equal conditions, words and tags occur
    /// once.
    fn simplified(self) -> Self {
        match self {
            Self::All(filters) => all(filters),
            Self::Any(filters) => any(filters),
            Self::Not(filter) => match filter.simplified() {
                Self::Not(inner) => *inner,
                constant if constant == always() => never(),
                constant if constant == never() => always(),
                other => Self::Not(Box::new(other)),
            },
            Self::Status(comparison) => Self::Status(comparison.simplified()),
            Self::Priority(comparison) => Self::Priority(comparison.simplified()),
            Self::Owner(comparison) => Self::Owner(comparison.simplified()),
            Self::Assignee(comparison) => Self::Assignee(comparison.simplified()),
            Self::TaggedAll(tags) if tags.is_empty() => always(),
            Self::Search(text) => search(words(&text).collect()),
            other => other,
        }
    }
}

fn all(filters: Vec<TaskFilter>) -> TaskFilter {
    let (mut kept, mut tags, mut words) = (Group::default(), Tags::new(), Vec::new());
    for filter in filters {
        match filter.simplified() {
            TaskFilter::All(parts) => parts.into_iter().for_each(|part| kept.add(part)),
            constant if constant == never() => return constant,
            other => kept.add(other),
        }
    }
    // Merge all searches into one, and all tags into one condition.
    kept.filters.retain(|filter| match filter {
        TaskFilter::Search(text) => {
            words.extend(self::words(text));
            false
        }
        TaskFilter::TaggedAll(more) => {
            tags.extend(more.iter().cloned());
            false
        }
        TaskFilter::TaggedAny(one) if one.len() == 1 => {
            tags.extend(one.iter().cloned());
            false
        }
        _ => true,
    });
    if !tags.is_empty() {
        kept.filters.push(TaskFilter::TaggedAll(tags));
    }
    if !words.is_empty() {
        kept.filters.push(search(words));
    }
    kept.joined(TaskFilter::All)
}

fn any(filters: Vec<TaskFilter>) -> TaskFilter {
    let (mut kept, mut tags) = (Group::default(), Tags::new());
    for filter in filters {
        match filter.simplified() {
            TaskFilter::Any(parts) => parts.into_iter().for_each(|part| kept.add(part)),
            constant if constant == always() => return constant,
            other => kept.add(other),
        }
    }
    kept.filters.retain(|filter| match filter {
        TaskFilter::TaggedAny(more) => {
            tags.extend(more.iter().cloned());
            false
        }
        TaskFilter::TaggedAll(one) if one.len() == 1 => {
            tags.extend(one.iter().cloned());
            false
        }
        _ => true,
    });
    if !tags.is_empty() {
        kept.filters.push(TaskFilter::TaggedAny(tags));
    }
    kept.joined(TaskFilter::Any)
}

/// Searches for all of these words. A word that is part of another one is redundant.
fn search(words: Vec<String>) -> TaskFilter {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if !kept.iter().any(|longer| longer.contains(&word)) {
            kept.retain(|shorter| !word.contains(shorter.as_str()));
            kept.push(word);
        }
    }
    if kept.is_empty() {
        return always();
    }
    TaskFilter::Search(kept.join(" "))
}

/// The different conditions of a group, in their order.
#[derive(Default)]
struct Group {
    filters: Vec<TaskFilter>,
    known: HashSet<TaskFilter>,
}

impl Group {
    fn add(&mut self, filter: TaskFilter) {
        if self.known.insert(filter.clone()) {
            self.filters.push(filter);
        }
    }

    fn joined(mut self, join: fn(Vec<TaskFilter>) -> TaskFilter) -> TaskFilter {
        match self.filters.pop() {
            Some(only) if self.filters.is_empty() => only,
            last => {
                self.filters.extend(last);
                join(self.filters)
            }
        }
    }
}

impl<T: Clone + Eq + Hash> Comparison<T> {
    fn simplified(self) -> Self {
        match self {
            Self::In(values) => match <[T; 1]>::try_from(unique(values)) {
                Ok([only]) => Self::Equal(only),
                Err(values) => Self::In(values),
            },
            Self::NotIn(values) => match <[T; 1]>::try_from(unique(values)) {
                Ok([only]) => Self::NotEqual(only),
                Err(values) => Self::NotIn(values),
            },
            other => other,
        }
    }
}

fn unique<T: Clone + Eq + Hash>(mut values: Vec<T>) -> Vec<T> {
    let mut known = HashSet::new();
    values.retain(|value| known.insert(value.clone()));
    values
}

#[cfg(test)]
mod tests;
