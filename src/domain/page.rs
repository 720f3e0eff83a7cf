//! Pages by keyset: a cursor holds the sort key of one row, never an offset, so a page costs the
//! same at the end of a list as at its start, and rows that come or go do not shift it.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};

/// The most rows a page may hold.
pub const MAX_PAGE_SIZE: u32 = 100;
/// How many rows a page holds when nothing is said.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// A cursor longer than this many bytes is none of ours: the longest holds one title.
const MAX_CURSOR_BYTES: usize = 4_096;

/// From which end a page is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// The first so many rows.
    First(u32),
    /// The last so many rows.
    Last(u32),
}

impl Take {
    /// How many rows at most.
    #[must_use]
    pub fn limit(self) -> u32 {
        match self {
            Self::First(limit) | Self::Last(limit) => limit,
        }
    }
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// From which end, and how many rows.
    pub take: Take,
    /// Only rows behind this cursor.
    pub after: Option<String>,
    /// Only rows before this cursor.
    pub before: Option<String>,
    /// Whether to find out if there are rows beyond the cursor one came from, which may cost a statement.
    pub probe: bool,
    /// Rows to leave out at the start: for REST clients that count pages. A deep offset costs what it skips.
    pub skip: u64,
}

impl PageRequest {
    /// The page that Relay's four arguments describe.
    pub fn from_relay(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self> {
        let take = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::BadInput {
                    field: "last",
                    message: "first and last cannot be given together; choose one of them".to_owned(),
                });
            }
            (Some(first), None) => Take::First(page_size("first", first)?),
            (None, Some(last)) => Take::Last(page_size("last", last)?),
            (None, None) => Take::First(DEFAULT_PAGE_SIZE),
        };
        Ok(Self {
            take,
            after,
            before,
            probe: false,
            skip: 0,
        })
    }

    /// The first `limit` rows.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self {
            take: Take::First(limit),
            after: None,
            before: None,
            probe: false,
            skip: 0,
        }
    }
}

/// A page size that is within bounds.
pub fn page_size(field: &'static str, size: i32) -> Result<u32> {
    u32::try_from(size)
        .ok()
        .filter(|size| *size <= MAX_PAGE_SIZE)
        .ok_or_else(|| Error::BadInput {
            field,
            message: format!("{field} is {size}; 0 to {MAX_PAGE_SIZE} are allowed"),
        })
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the order of the list, each with its place.
    pub items: Vec<(RowPosition, T)>,
    /// Whether there are rows before the first of these.
    pub has_previous: bool,
    /// Whether there are rows behind the last of these.
    pub has_next: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            has_previous: false,
            has_next: false,
        }
    }
}

impl<T> Page<T> {
    /// The page made of rows as they were read: from the end that the page is cut from, and up to one
    /// more than asked for. `beyond` tells whether there are rows on the side that one came from.
    pub(crate) fn cut<R>(
        request: &PageRequest,
        mut rows: Vec<R>,
        beyond: bool,
        placed: impl Fn(R) -> (RowPosition, T),
    ) -> Self {
        let limit = usize::try_from(request.take.limit()).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let (has_previous, has_next) = match request.take {
            Take::First(_) => (beyond || request.skip > 0, more),
            Take::Last(_) => {
                rows.reverse();
                (more, beyond)
            }
        };
        Self {
            items: rows.into_iter().map(placed).collect(),
            has_previous,
            has_next,
        }
    }

    /// The same page with other rows.
    pub fn map<U>(self, mut convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self
                .items
                .into_iter()
                .map(|(place, item)| (place, convert(item)))
                .collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

/// The place of a row in its list. Its text is made only for those who ask.
#[derive(Clone, Debug)]
pub enum RowPosition {
    /// In a list by keyset.
    Sorted {
        /// The row's own.
        cursor: Cursor,
        /// The order of the list, as cursors carry it.
        order: Arc<str>,
    },
    /// In a list with cursors of its own kind.
    Written(String),
}

impl RowPosition {
    /// The opaque text that clients keep.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Sorted { cursor, order } => cursor.encode_in(order),
            Self::Written(text) => text.clone(),
        }
    }
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest first; rows without a value come last.
    Ascending,
    /// The greatest first; rows without a value come first.
    Descending,
}

/// One step of a sort order. A row without a value counts as greater than all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sort<F> {
    /// What is compared.
    pub field: F,
    /// Which way.
    pub direction: Direction,
}

/// A column that a list can be sorted by.
pub trait SortField: Copy + PartialEq + 'static {
    /// A short name of its own, which cursors carry.
    fn name(self) -> &'static str;
}

/// The value of one sort column in a cursor. They compare as lists sort them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A number; moments are microseconds since 1970.
    Number(i64),
    /// A text.
    Text(String),
}

/// The place of one row in a list of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The row's values, one for each step of the order.
    pub keys: Vec<Key>,
    /// The row's id, the last tie-break.
    pub id: i32,
}

impl Cursor {
    /// The opaque text that clients keep. It names the order it belongs to.
    #[must_use]
    pub fn encode<F: SortField>(&self, order: &[Sort<F>]) -> String {
        self.encode_in(&order_name(order))
    }

    fn encode_in(&self, order: &str) -> String {
        // Texts and numbers always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(order, &self.keys, self.id)).unwrap_or_default())
    }

    /// Which of two rows comes first in a list of this order.
    pub(crate) fn compare<F>(&self, other: &Self, order: &[Sort<F>]) -> Ordering {
        let step = |direction: Direction, ordering: Ordering| match direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        };
        let last = order.last().map_or(Direction::Ascending, |sort| sort.direction);
        order
            .iter()
            .zip(self.keys.iter().zip(&other.keys))
            .map(|(sort, (one, other))| step(sort.direction, one.cmp(other)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| step(last, self.id.cmp(&other.id)))
    }

    /// Reads a cursor that came as the argument `field` for a list of this order.
    pub fn decode<F: SortField>(field: &'static str, text: &str, order: &[Sort<F>]) -> Result<Self> {
        let malformed = || Error::BadInput {
            field,
            message: format!(
                "{field} is not a cursor of this server; use a cursor that came with an earlier page, unchanged"
            ),
        };
        if text.len() > MAX_CURSOR_BYTES {
            return Err(malformed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let (name, keys, id): (String, Vec<Key>, i32) = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        if name != order_name(order) {
            return Err(Error::BadInput {
                field,
                message: format!(
                    "{field} is a cursor of a list in another order; start again without it, or ask in the order it came from"
                ),
            });
        }
        if keys.len() != order.len() {
            return Err(malformed());
        }
        Ok(Self { keys, id })
    }
}

/// The order as cursors carry it, such as `due+created-`.
pub(crate) fn order_name<F: SortField>(order: &[Sort<F>]) -> String {
    order.iter().fold(String::new(), |mut name, sort| {
        name.push_str(sort.field.name());
        name.push(match sort.direction {
            Direction::Ascending => '+',
            Direction::Descending => '-',
        });
        name
    })
}
