//! How clients ask for a part of a list: by offset, by page number, or by cursor.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::rules::Rules;
use super::value::Number;
use crate::domain::error::{Error, ViolationKind, Violations};
use crate::domain::page::{DEFAULT_PAGE_SIZE, Page, PageRequest};

/// The parameters that ask for a part of a list, as they came.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParameters {
    /// Number of rows to skip. Not together with `page` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 0, example = 0)]
    skip: Option<Number>,
    /// Most rows of the response. Not together with `per_page`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50, example = 10)]
    limit: Option<Number>,
    /// Number of the page, from 1. Not together with `skip` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 1)]
    page: Option<Number>,
    /// Rows of a page. Not together with `limit`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50)]
    per_page: Option<Number>,
    /// `next_cursor` of the previous response, to get the rows after it.
    cursor: Option<String>,
}

impl PageParameters {
    /// How many rows, and from where on. What is wrong is noted in `violations`.
    pub(super) fn read(self, rules: Rules, violations: &mut Violations) -> Part {
        let size = self.size(rules.max_rows, violations);
        let number = |number: Option<Number>| number.map(|Number(number)| u64::from(number.unsigned_abs()));
        let (skip, page) = (number(self.skip), number(self.page));
        if page == Some(0) {
            violations.add("page", ViolationKind::TooSmall(1), "page is 0; the first page is 1");
        }
        if u8::from(skip.is_some()) + u8::from(page.is_some()) + u8::from(self.cursor.is_some()) > 1 {
            let message = "skip, page and cursor cannot be given together; choose one of them";
            violations.invalid("page", message);
        }
        Part {
            size,
            skip: skip.unwrap_or(page.unwrap_or_default().saturating_sub(1) * u64::from(size)),
            cursor: self.cursor,
        }
    }

    fn size(&self, max: u32, violations: &mut Violations) -> u32 {
        if self.limit.is_some() && self.per_page.is_some() {
            let message = "limit and per_page cannot be given together; choose one of them";
            violations.invalid("per_page", message);
        }
        let per_page = self.per_page.map(|size| ("per_page", size));
        let Some((field, Number(size))) = per_page.or(self.limit.map(|size| ("limit", size))) else {
            return DEFAULT_PAGE_SIZE;
        };
        let size = size.unsigned_abs();
        let kind = match size {
            0 => ViolationKind::TooSmall(1),
            _ if size > max => ViolationKind::TooLarge(max as usize),
            _ => return size,
        };
        violations.add(field, kind, format!("{field} is {size}; 1 to {max} are allowed"));
        size
    }
}

/// A part of a list. Behind a cursor nobody counts how many rows came before.
#[derive(Serialize, ToSchema)]
#[schema(as = List)]
pub(super) struct ListBody<T> {
    /// The rows.
    items: Vec<T>,
    /// How many rows there are in all.
    #[schema(example = 1)]
    total: u64,
    /// Which page it is, counted from 1; null behind a cursor.
    #[schema(required = true, example = 1)]
    page: Option<u64>,
    /// How many rows a page has.
    #[schema(example = 50)]
    per_page: u32,
    /// How many pages there are.
    #[schema(example = 1)]
    pages: u64,
    /// How many rows were left out first; null behind a cursor.
    #[schema(required = true, example = 0)]
    skip: Option<u64>,
    /// The same as `per_page`.
    #[schema(example = 50)]
    limit: u32,
    /// For the parameter `cursor`; null if nothing follows.
    #[schema(required = true, example = json!(null))]
    next_cursor: Option<String>,
    /// The same facts by the names of one of the older APIs.
    pagination: Pagination,
}

/// The position of a page in its list.
#[derive(Serialize, ToSchema)]
struct Pagination {
    /// Number of the page, from 1; null after a cursor.
    #[schema(required = true, example = 1)]
    page: Option<u64>,
    /// Rows of a page.
    #[schema(example = 50)]
    per_page: u32,
    /// Rows of the whole list.
    #[schema(example = 1)]
    total_items: u64,
    /// Pages of the whole list.
    #[schema(example = 1)]
    total_pages: u64,
    /// Whether rows follow.
    has_next: bool,
    /// Whether rows come before.
    has_prev: bool,
}

/// Which part of a list is asked for: so many rows after an offset or a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    size: u32,
    skip: u64,
    cursor: Option<String>,
}

impl Part {
    /// The domain's page.
    pub(super) fn request(&self) -> PageRequest {
        PageRequest {
            after: self.cursor.clone(),
            skip: self.skip,
            ..PageRequest::first(self.size)
        }
    }

    /// How many rows the list has in all, if that is known without counting: these are its last ones.
    pub(super) fn total(&self, rows: usize, has_more: bool) -> Option<u64> {
        let is_end = self.cursor.is_none() && !has_more && (rows > 0 || self.skip == 0);
        is_end.then(|| self.skip + rows as u64)
    }

    /// The answer: the rows of the page, and how it lies in a list of `total` rows.
    pub(super) fn body<T>(&self, items: Vec<T>, next_cursor: Option<String>, total: u64) -> ListBody<T> {
        let skip = self.cursor.is_none().then_some(self.skip);
        let page = skip.map(|skip| skip / u64::from(self.size) + 1);
        let pages = total.div_ceil(u64::from(self.size));
        ListBody {
            items,
            total,
            page,
            per_page: self.size,
            pages,
            skip,
            limit: self.size,
            pagination: Pagination {
                page,
                per_page: self.size,
                total_items: total,
                total_pages: pages,
                has_next: next_cursor.is_some(),
                has_prev: skip != Some(0),
            },
            next_cursor,
        }
    }
}

/// The rows of a page, and the cursor that leads on if there are more.
pub(super) fn rows<T>(page: Page<T>) -> (Vec<T>, Option<String>) {
    let next = page
        .items
        .last()
        .filter(|_| page.has_next)
        .map(|(place, _)| place.encode());
    (page.items.into_iter().map(|(_, row)| row).collect(), next)
}

/// The domain calls the cursor `after`, as Relay does.
pub(super) fn name_cursor(error: Error) -> Error {
    match error {
        Error::BadInput {
            field: "after",
            message,
        } => Error::BadInput {
            field: "cursor",
            message: message.replacen("after", "cursor", 1),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rows_tell_how_many_there_are() {
        let part = |skip| Part {
            size: 5,
            skip,
            cursor: None,
        };
        assert_eq!(part(0).total(0, false), Some(0));
        assert_eq!(part(10).total(3, false), Some(13));
        assert_eq!(part(10).total(5, true), None);
        assert_eq!(part(10).total(0, false), None, "the list may have ended before");
        let cursor = Some("c".to_owned());
        assert_eq!(Part { cursor, ..part(0) }.total(3, false), None);
    }
}
