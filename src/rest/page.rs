//! How clients ask for a part of a list: by offset, by page number, or by cursor.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::rules::Rules;
use super::value::Number;
use crate::domain::error::{Error, Violations};
use crate::domain::page::{DEFAULT_PAGE_SIZE, Page, PageRequest};

/// Where a part of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Start {
    /// Behind so many rows.
    Offset(u64),
    /// Behind the row of this cursor.
    Cursor(String),
}

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
        let start = match (self.skip, self.page, self.cursor) {
            (None, None, None) => Start::Offset(0),
            (Some(Number(skip)), None, None) => Start::Offset(unsigned(skip).into()),
            (None, Some(Number(page)), None) => {
                if page == 0 {
                    violations.invalid("page", "page is 0; the first page is 1");
                }
                Start::Offset(u64::from(unsigned(page).saturating_sub(1)) * u64::from(size))
            }
            (None, None, Some(cursor)) => Start::Cursor(cursor),
            _ => {
                violations.invalid(
                    "page",
                    "skip, page and cursor cannot be given together; choose one of them",
                );
                Start::Offset(0)
            }
        };
        Part { size, start }
    }

    fn size(&self, max: u32, violations: &mut Violations) -> u32 {
        let (field, Number(size)) = match (self.limit, self.per_page) {
            (None, None) => return DEFAULT_PAGE_SIZE,
            (Some(limit), None) => ("limit", limit),
            (None, Some(per_page)) => ("per_page", per_page),
            (Some(_), Some(per_page)) => {
                violations.invalid(
                    "per_page",
                    "limit and per_page cannot be given together; choose one of them",
                );
                ("per_page", per_page)
            }
        };
        if !(1..=max).contains(&unsigned(size)) {
            violations.invalid(field, format!("{field} is {size}; 1 to {max} are allowed"));
        }
        unsigned(size)
    }
}

/// A [`Number`] is never negative.
fn unsigned(number: i32) -> u32 {
    number.unsigned_abs()
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

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    size: u32,
    start: Start,
}

impl Part {
    /// The domain's page.
    pub(super) fn request(&self) -> PageRequest {
        let (skip, after) = match &self.start {
            Start::Offset(skip) => (*skip, None),
            Start::Cursor(cursor) => (0, Some(cursor.clone())),
        };
        PageRequest {
            after,
            skip,
            ..PageRequest::first(self.size)
        }
    }

    /// How many rows the list has in all, if that is known without counting: these are its last ones.
    pub(super) fn total(&self, rows: usize, has_more: bool) -> Option<u64> {
        match self.start {
            Start::Offset(skip) if !has_more && (rows > 0 || skip == 0) => Some(skip + rows as u64),
            Start::Offset(_) | Start::Cursor(_) => None,
        }
    }

    /// The answer: the rows of the page, and how it lies in a list of `total` rows.
    pub(super) fn body<T>(&self, items: Vec<T>, next_cursor: Option<String>, total: u64) -> ListBody<T> {
        let skip = match self.start {
            Start::Offset(skip) => Some(skip),
            Start::Cursor(_) => None,
        };
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

    fn read(parameters: PageParameters) -> Result<Part, String> {
        let mut violations = Violations::default();
        let read = parameters.read(Rules::default(), &mut violations);
        violations
            .into_result()
            .map(|()| read)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn pages_are_counted_from_one() {
        let page = |page| PageParameters {
            page: Some(Number(page)),
            per_page: Some(Number(20)),
            ..Default::default()
        };
        assert_eq!(
            read(page(1)),
            Ok(Part {
                size: 20,
                start: Start::Offset(0)
            })
        );
        assert_eq!(
            read(page(3)),
            Ok(Part {
                size: 20,
                start: Start::Offset(40)
            })
        );
        assert_eq!(read(page(0)), Err("page is 0; the first page is 1".to_owned()));
    }

    #[test]
    fn an_offset_counts_rows() {
        let parameters = PageParameters {
            skip: Some(Number(7)),
            limit: Some(Number(5)),
            ..Default::default()
        };
        assert_eq!(
            read(parameters),
            Ok(Part {
                size: 5,
                start: Start::Offset(7)
            })
        );
        assert_eq!(
            read(PageParameters::default()),
            Ok(Part {
                size: DEFAULT_PAGE_SIZE,
                start: Start::Offset(0)
            })
        );
    }

    #[test]
    fn a_size_beyond_the_bounds_is_refused_by_the_name_it_came_in() {
        let limit = |limit| PageParameters {
            limit: Some(Number(limit)),
            ..Default::default()
        };
        assert_eq!(
            read(limit(100)),
            Ok(Part {
                size: 100,
                start: Start::Offset(0)
            })
        );
        assert_eq!(read(limit(101)), Err("limit is 101; 1 to 100 are allowed".to_owned()));
        let per_page = PageParameters {
            per_page: Some(Number(0)),
            ..Default::default()
        };
        assert_eq!(read(per_page), Err("per_page is 0; 1 to 100 are allowed".to_owned()));
    }

    #[test]
    fn the_last_rows_tell_how_many_there_are() {
        let part = |skip| Part {
            size: 5,
            start: Start::Offset(skip),
        };
        assert_eq!(part(0).total(0, false), Some(0));
        assert_eq!(part(10).total(3, false), Some(13));
        assert_eq!(part(10).total(5, true), None);
        assert_eq!(part(10).total(0, false), None, "the list may have ended before");
        let start = Start::Cursor("c".to_owned());
        assert_eq!(Part { size: 5, start }.total(3, false), None);
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let parameters = PageParameters {
            skip: Some(Number(0)),
            cursor: Some("c".to_owned()),
            ..Default::default()
        };
        assert!(read(parameters).is_err());
    }
}
