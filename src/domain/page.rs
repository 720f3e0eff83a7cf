//! Keyset pagination. A cursor holds the sort key of a row instead of an offset. So all pages cost the same, and
//! inserted or deleted rows do not shift them.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};

/// Maximum number of rows on a page.
pub const MAX_PAGE_SIZE: u32 = 100;
/// Default number of rows on a page.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// Maximum length of a valid cursor in bytes; the longest contains one title.
const MAX_CURSOR_BYTES: usize = 4_096;

/// The end of the list that a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// The first rows.
    First(u32),
    /// The last rows.
    Last(u32),
}

impl Take {
    /// Maximum number of rows.
    #[must_use]
    pub fn limit(self) -> u32 {
        match self {
            Self::First(limit) | Self::Last(limit) => limit,
        }
    }
}

/// A page to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// The end, and the number of rows.
    pub take: Take,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// Only rows before this cursor.
    pub before: Option<String>,
    /// Whether to check for rows before `after`, or after `before`, which may cost a query.
    pub probe: bool,
    /// Rows to skip at the start, for REST clients with page numbers. The cost grows with the offset.
    pub skip: u64,
}

impl PageRequest {
    /// Converts Relay's four arguments.
    pub fn from_relay(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self> {
        let take = match (first, last) {
            (Some(_), Some(_)) => {
                let message = "first and last cannot be given together; choose one of them";
                return Err(Error::bad_input("last", message));
            }
            (Some(first), None) => Take::First(page_size("first", first)?),
            (None, Some(last)) => Take::Last(page_size("last", last)?),
            (None, None) => Take::First(DEFAULT_PAGE_SIZE),
        };
        Ok(Self {
            take,
            after,
            before,
            ..Self::first(DEFAULT_PAGE_SIZE)
        })
    }

    /// Whether neither rows nor anything about them is requested, so that no statement is needed.
    pub(crate) fn is_empty(&self) -> bool {
        self.take.limit() == 0 && !self.probe
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

/// Validates a page size.
pub fn page_size(field: &'static str, size: i32) -> Result<u32> {
    u32::try_from(size)
        .ok()
        .filter(|size| *size <= MAX_PAGE_SIZE)
        .ok_or_else(|| Error::bad_input(field, format!("{field} is {size}; 0 to {MAX_PAGE_SIZE} are allowed")))
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows in list order, with their positions.
    pub items: Vec<(RowPosition, T)>,
    /// Whether there are rows before the first one.
    pub has_previous: bool,
    /// Whether there are rows after the last one.
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
    /// Creates a page from fetched rows, which start at the end given by `take` and include up to one extra row.
    /// `beyond`: there are rows on the other side of the cursor.
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
}

/// The position of a row in its list. It is encoded only on demand.
#[derive(Clone, Debug)]
pub enum RowPosition {
    /// In a keyset list.
    Sorted {
        /// The cursor of the row.
        cursor: Cursor,
        /// The order of the list, as encoded in cursors.
        order: Arc<str>,
    },
    /// In a list with another cursor format.
    Written(String),
}

impl RowPosition {
    /// The opaque text that clients store.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Sorted { cursor, order } => cursor.encode_in(order),
            Self::Written(text) => text.clone(),
        }
    }
}

/// Sort direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first; missing values last.
    Ascending,
    /// Greatest first; missing values first.
    Descending,
}

/// One column of a sort order. Missing values count as the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sort<F> {
    /// The column.
    pub field: F,
    /// The direction.
    pub direction: Direction,
}

/// A column that a list can be sorted by.
pub trait SortField: Copy + PartialEq + 'static {
    /// A short unique name, used in cursors.
    fn name(self) -> &'static str;
}

/// The only column of a list in a fixed order.
impl SortField for &'static str {
    fn name(self) -> &'static str {
        self
    }
}

/// The value of a sort column in a cursor. Keys compare in sort order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A number; timestamps are microseconds since 1970.
    Number(i64),
    /// A text.
    Text(String),
}

/// The position of a row in a list with a certain order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The row's values, one per column of the order.
    pub keys: Vec<Key>,
    /// The row's id, the last sort key.
    pub id: i32,
}

impl Cursor {
    /// The opaque text that clients store. It includes the order.
    #[must_use]
    pub fn encode<F: SortField>(&self, order: &[Sort<F>]) -> String {
        self.encode_in(&order_name(order))
    }

    fn encode_in(&self, order: &str) -> String {
        encode_cursor(&(order, &self.keys, self.id))
    }

    /// Compares two rows in this order.
    pub(crate) fn compare<F>(&self, other: &Self, order: &[Sort<F>]) -> Ordering {
        let directed = |direction: Direction, ordering: Ordering| match direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        };
        let last = order.last().map_or(Direction::Ascending, |sort| sort.direction);
        order
            .iter()
            .zip(self.keys.iter().zip(&other.keys))
            .map(|(sort, (one, other))| directed(sort.direction, one.cmp(other)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| directed(last, self.id.cmp(&other.id)))
    }

    /// Parses a cursor from the argument `field` for this order.
    pub fn decode<F: SortField>(field: &'static str, text: &str, order: &[Sort<F>]) -> Result<Self> {
        let malformed = || not_a_cursor(field);
        let (name, keys, id): (String, Vec<Key>, i32) = decode_cursor(text, MAX_CURSOR_BYTES).ok_or_else(malformed)?;
        if name != order_name(order) {
            return Err(Error::bad_input(
                field,
                format!(
                    "{field} is a cursor of a list in another order; start again without it, or use the order that it came from"
                ),
            ));
        }
        if keys.len() != order.len() {
            return Err(malformed());
        }
        Ok(Self { keys, id })
    }
}

/// The opaque text of a cursor.
pub(crate) fn encode_cursor(parts: &impl Serialize) -> String {
    // Texts and numbers can always be serialised.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(parts).unwrap_or_default())
}

pub(crate) fn decode_cursor<T: DeserializeOwned>(text: &str, max_bytes: usize) -> Option<T> {
    if text.len() > max_bytes {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The error for a malformed cursor in this argument.
pub(crate) fn not_a_cursor(field: &'static str) -> Error {
    let message =
        format!("{field} is not a cursor of this server; use a cursor that came with an earlier page, unchanged");
    Error::bad_input(field, message)
}

/// The order as encoded in cursors, such as `due+created-`.
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
