//! Paging: by offset, page number or cursor.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::rules::Rules;
use super::value::Number;
use crate::domain::error::{Error, ViolationKind, Violations};
use crate::domain::page::{DEFAULT_PAGE_SIZE, Page, PageRequest};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParameters {
    /// Number of rows to skip; default 0. Not together with `page` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 0, example = 0)]
    skip: Option<Number>,
    /// Maximum number of rows. Not together with `per_page`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50, example = 10)]
    limit: Option<Number>,
    /// Page number, from 1. Not together with `skip` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 1)]
    page: Option<Number>,
    /// Maximum number of rows. Not together with `limit`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50)]
    per_page: Option<Number>,
    /// `next_cursor` of the previous response: returns the rows after it. Not together with `skip` or `page`.
    cursor: Option<String>,
}

impl PageParameters {
    /// Adds errors to `violations`.
    pub(super) fn read(self, rules: Rules, violations: &mut Violations) -> PageSelection {
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
        let request = PageRequest {
            after: self.cursor,
            skip: skip.unwrap_or(page.unwrap_or_default().saturating_sub(1) * u64::from(size)),
            ..PageRequest::first(size)
        };
        PageSelection { size, request }
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

/// One page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = List)]
pub(super) struct ListBody<T> {
    /// Rows of this page.
    items: Vec<T>,
    /// Number of rows of the whole list.
    #[schema(example = 1)]
    total: u64,
    /// Page number, from 1; null after a cursor.
    #[schema(required = true, example = 1)]
    page: Option<u64>,
    /// Maximum number of rows of a page.
    #[schema(example = 50)]
    per_page: u32,
    /// Number of pages of the whole list.
    #[schema(example = 1)]
    pages: u64,
    /// Number of skipped rows; null after a cursor.
    #[schema(required = true, example = 0)]
    skip: Option<u64>,
    /// Same value as `per_page`.
    #[schema(example = 50)]
    limit: u32,
    /// Value of the parameter `cursor` for the next page; null on the last page.
    #[schema(required = true, example = json!(null))]
    next_cursor: Option<String>,
    /// Position of the page, with the names of an older API.
    pagination: Pagination,
}

/// Position of a page in its list.
#[derive(Serialize, ToSchema)]
struct Pagination {
    /// Page number, from 1; null after a cursor.
    #[schema(required = true, example = 1)]
    page: Option<u64>,
    /// Maximum number of rows of a page.
    #[schema(example = 50)]
    per_page: u32,
    /// Number of rows of the whole list.
    #[schema(example = 1)]
    total_items: u64,
    /// Number of pages of the whole list.
    #[schema(example = 1)]
    total_pages: u64,
    /// Whether there is a next page.
    has_next: bool,
    /// Whether there is a previous page.
    has_prev: bool,
}

/// `size` rows after an offset or a cursor.
pub(super) struct PageSelection {
    size: u32,
    pub(super) request: PageRequest,
}

impl PageSelection {
    pub(super) fn body<T>(&self, items: Vec<T>, next_cursor: Option<String>, total: u64) -> ListBody<T> {
        let skip = self.request.after.is_none().then_some(self.request.skip);
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

/// The rows of a page, and the cursor of the next page if there is one.
pub(super) fn rows<T>(page: Page<T>) -> (Vec<T>, Option<String>) {
    let last = page.items.last().filter(|_| page.has_next);
    let next = last.map(|(position, _)| position.encode());
    (page.items.into_iter().map(|(_, row)| row).collect(), next)
}

/// The domain names the cursor `after`, as Relay does.
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
