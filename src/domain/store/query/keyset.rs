//! Keyset pagination for any sort order: ORDER BY, the conditions of the cursors, and the cut into a page.

use std::cmp;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, Asterisk, Cond, Expr, ExprTrait as _, Order, Query, SelectStatement, UnionType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    Select, Value,
};

use super::is_any;
use crate::domain::clock::{Timestamp, check_moment};
use crate::domain::error::Result;
use crate::domain::page::{
    Cursor, Direction, Key, Page, PageRequest, RowPosition, Sort, SortField, Take, not_a_cursor, order_name,
};

/// Type of a sort column.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::store) enum KeyType {
    Small,
    Integer,
    Moment,
    Text,
}

/// A sort column or expression. It must never be NULL.
pub(in crate::domain::store) type KeyColumn = (Expr, KeyType);

/// Maps the sort fields and the id of a resource type to columns.
pub(in crate::domain::store) trait KeyColumns<F> {
    fn column(field: F) -> KeyColumn;
    fn id() -> Expr;

    /// The column for lists of few rows. It must prevent the use of an index that covers all rows.
    fn column_for_few_rows(field: F) -> KeyColumn {
        Self::column(field)
    }
}

/// A column of the sort order.
struct SortColumn {
    expr: Expr,
    key_type: KeyType,
    descending: bool,
}

/// Builds the query for one page and cuts its result.
pub(in crate::domain::store) struct Keyset<'a, F> {
    order: &'a [Sort<F>],
    page: &'a PageRequest,
    after: Option<Cursor>,
    before: Option<Cursor>,
    few_rows: bool,
}

impl<'a, F: SortField> Keyset<'a, F> {
    /// Fails when a cursor is malformed or belongs to another order.
    pub(in crate::domain::store) fn new(order: &'a [Sort<F>], page: &'a PageRequest) -> Result<Self> {
        let decode = |field, text: &Option<String>| {
            text.as_deref()
                .map(|text| Cursor::decode(field, text, order))
                .transpose()
        };
        Ok(Self {
            order,
            page,
            after: decode("after", &page.after)?,
            before: decode("before", &page.before)?,
            few_rows: false,
        })
    }

    /// Declares that the filter selects few rows, so that sorting them is cheap. A scan in index order would read all
    /// rows if few match, and query planners underestimate that.
    pub(in crate::domain::store) fn few_rows(self, few_rows: bool) -> Self {
        Self { few_rows, ..self }
    }

    /// Limits `query` to the page and one more row, which shows whether another page follows.
    pub(in crate::domain::store) fn apply<N: KeyColumns<F>, Q: QueryOrder + QuerySelect + QueryFilter>(
        &self,
        query: Q,
    ) -> Result<Q> {
        let query = self.sorted::<N, Q>(query)?.limit(self.limit());
        Ok(if self.page.skip > 0 {
            query.offset(self.page.skip)
        } else {
            query
        })
    }

    /// Merges disjoint queries into one page. Each reads its own index range, and no further than the page needs. The
    /// sort keys follow the selected columns.
    pub(in crate::domain::store) fn merge<N: KeyColumns<F> + EntityTrait>(
        &self,
        mut queries: Vec<Select<N>>,
    ) -> Result<SelectStatement> {
        if queries.len() < 2 {
            let query = queries.pop().unwrap_or_else(|| N::find().filter(Expr::val(false)));
            return Ok(self.apply::<N, _>(query)?.into_query());
        }
        let keys: Vec<String> = (0..=self.order.len()).map(|index| format!("key{index}")).collect();
        let mut parts = Vec::with_capacity(queries.len());
        for query in queries {
            let query = self.sorted::<N, _>(query)?.limit(self.page.skip + self.limit());
            let sort_columns = self.sort_columns::<N>().into_iter().zip(&keys);
            let part = sort_columns.fold(query, |query, (sort_column, key)| {
                query.expr_as(sort_column.expr, key.as_str())
            });
            parts.push(part.into_query());
        }
        let mut all = union(parts).unwrap_or_default();
        for (sort_column, key) in self.sort_columns::<N>().into_iter().zip(keys) {
            all.order_by(Alias::new(key), self.direction(&sort_column));
        }
        all.limit(self.limit()).offset(self.page.skip);
        Ok(all)
    }

    /// One row more than requested, and at least [`MIN_ROWS`].
    fn limit(&self) -> u64 {
        cmp::max(u64::from(self.page.take.limit()) + 1, MIN_ROWS)
    }

    /// Rows between the cursors, starting at the end that the page is cut from.
    fn sorted<N: KeyColumns<F>, Q: QueryOrder + QueryFilter>(&self, query: Q) -> Result<Q> {
        let query = query.filter(self.bounds::<N>()?);
        let sort_columns = self.sort_columns::<N>().into_iter();
        Ok(sort_columns.fold(query, |query, sort_column| {
            let direction = self.direction(&sort_column);
            query.order_by(sort_column.expr, direction)
        }))
    }

    fn direction(&self, sort_column: &SortColumn) -> Order {
        if sort_column.descending == matches!(self.page.take, Take::Last(_)) {
            Order::Asc
        } else {
            Order::Desc
        }
    }

    fn bounds<N: KeyColumns<F>>(&self) -> Result<Condition> {
        let mut bounds = Cond::all();
        if let Some(after) = &self.after {
            bounds = bounds.add(self.beyond::<N>("after", after, Side::After)?);
        }
        if let Some(before) = &self.before {
            bounds = bounds.add(self.beyond::<N>("before", before, Side::Before)?);
        }
        Ok(bounds)
    }

    /// Whether `query` finds rows beyond the cursor. False if it was not requested or the answer is already known.
    pub(in crate::domain::store) async fn is_any_beyond<N: KeyColumns<F>, E: EntityTrait>(
        &self,
        connection: &impl ConnectionTrait,
        query: impl FnOnce() -> Select<E>,
        id: impl ColumnTrait,
    ) -> Result<bool> {
        match self.far_side::<N>()? {
            Some(condition) => is_any(connection, query().filter(condition), id).await,
            None => Ok(false),
        }
    }

    /// The condition for rows beyond the cursor. `None` if it was not requested or the answer is already known.
    pub(in crate::domain::store) fn far_side<N: KeyColumns<F>>(&self) -> Result<Option<Condition>> {
        if !self.page.probe {
            return Ok(None);
        }
        match (self.page.take, &self.after, &self.before) {
            (Take::First(_), Some(after), _) => self.beyond::<N>("after", after, Side::UpTo).map(Some),
            (Take::Last(_), _, Some(before)) => self.beyond::<N>("before", before, Side::From).map(Some),
            _ => Ok(None),
        }
    }

    fn beyond<N: KeyColumns<F>>(&self, field: &'static str, cursor: &Cursor, side: Side) -> Result<Condition> {
        let sort_columns = self.sort_columns::<N>();
        let values = values(&sort_columns, field, cursor)?;
        if let Some(condition) = as_row_comparison(&sort_columns, &values, side) {
            return Ok(Cond::all().add(condition));
        }
        // (a beyond) or (a equal and b beyond) or (a and b equal and c beyond) ..
        let mut beyond = Cond::any();
        for (position, sort_column) in sort_columns.iter().enumerate() {
            let column = sort_column.expr.clone();
            let value = values[position].clone();
            let further = if sort_column.descending == side.is_after() {
                column.lt(value)
            } else {
                column.gt(value)
            };
            beyond = beyond.add(all_equal(&sort_columns[..position], &values).add(further));
        }
        if side.is_inclusive() {
            beyond = beyond.add(all_equal(&sort_columns, &values));
        }
        Ok(beyond)
    }

    /// The id comes last and has the direction of the column before it.
    fn sort_columns<N: KeyColumns<F>>(&self) -> Vec<SortColumn> {
        let sort_column = |(expr, key_type): KeyColumn, direction: Option<Direction>| SortColumn {
            expr,
            key_type,
            descending: direction == Some(Direction::Descending),
        };
        let columns = self.order.iter().map(|sort| {
            let column = if self.few_rows {
                N::column_for_few_rows(sort.field)
            } else {
                N::column(sort.field)
            };
            sort_column(column, Some(sort.direction))
        });
        let id = (N::id(), KeyType::Integer);
        let direction = self.order.last().map(|sort| sort.direction);
        columns.chain([sort_column(id, direction)]).collect()
    }

    /// Cuts sorted rows, up to one more than requested, into a page.
    pub(in crate::domain::store) fn finish<T>(
        &self,
        rows: Vec<T>,
        beyond: bool,
        cursor_of: impl Fn(&T) -> Cursor,
    ) -> Page<T> {
        self.cut(rows, beyond, |row| (cursor_of(&row), row))
    }

    /// Sorts unsorted rows and cuts them into a page.
    pub(in crate::domain::store) fn sort_and_finish<T>(
        &self,
        rows: Vec<T>,
        beyond: bool,
        cursor_of: impl Fn(&T) -> Cursor,
    ) -> Page<T> {
        let mut rows: Vec<(Cursor, T)> = rows.into_iter().map(|row| (cursor_of(&row), row)).collect();
        rows.sort_by(|one, other| one.0.compare(&other.0, self.order));
        if matches!(self.page.take, Take::Last(_)) {
            rows.reverse();
        }
        rows.truncate(self.page.take.limit() as usize + 1);
        self.cut(rows, beyond, |row| row)
    }

    /// Like [`finish`](Self::finish), for rows that are converted.
    pub(in crate::domain::store) fn cut<R, T>(
        &self,
        rows: Vec<R>,
        beyond: bool,
        with_cursor: impl Fn(R) -> (Cursor, T),
    ) -> Page<T> {
        let order: Arc<str> = order_name(self.order).into();
        Page::cut(self.page, rows, beyond, |row| {
            let (cursor, row) = with_cursor(row);
            let order = Arc::clone(&order);
            (RowPosition::Sorted { cursor, order }, row)
        })
    }
}

/// `UNION ALL` of the queries; `None` without queries.
pub(in crate::domain::store) fn union(queries: Vec<SelectStatement>) -> Option<SelectStatement> {
    queries
        .into_iter()
        // SQLite accepts ORDER BY and LIMIT of a part only in a subquery.
        .map(|part| Query::select().column(Asterisk).from_subquery(part, "part").take())
        .reduce(|mut all, part| all.union(UnionType::All, part).take())
}

/// The fewest rows that a statement reads. For 1 or 2 rows after a cursor, SQLite sorts the whole list instead of
/// reading a range of the index: 75 ms instead of 1 ms with 100,000 tasks.
const MIN_ROWS: u64 = 10;

/// Position of rows relative to a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    /// Before the cursor, or its own row.
    UpTo,
    /// The cursor's own row, or after it.
    From,
    After,
}

impl Side {
    fn is_after(self) -> bool {
        matches!(self, Self::From | Self::After)
    }

    fn is_inclusive(self) -> bool {
        matches!(self, Self::UpTo | Self::From)
    }
}

fn all_equal(sort_columns: &[SortColumn], values: &[Value]) -> Condition {
    sort_columns
        .iter()
        .zip(values)
        .fold(Cond::all(), |all, (sort_column, value)| {
            all.add(sort_column.expr.clone().eq(value.clone()))
        })
}

/// `(a, b, id) > (1, 2, 3)`. Both databases use an index for this if all columns have the same direction.
fn as_row_comparison(sort_columns: &[SortColumn], values: &[Value], side: Side) -> Option<Expr> {
    let descending = sort_columns.first()?.descending;
    if sort_columns
        .iter()
        .any(|sort_column| sort_column.descending != descending)
    {
        return None;
    }
    let row = Expr::tuple(sort_columns.iter().map(|sort_column| sort_column.expr.clone()));
    let values = Expr::tuple(values.iter().cloned().map(Expr::val));
    Some(match (descending == side.is_after(), side.is_inclusive()) {
        (true, false) => row.lt(values),
        (true, true) => row.lte(values),
        (false, false) => row.gt(values),
        (false, true) => row.gte(values),
    })
}

/// Values of the cursor in the types of the columns, the id last.
fn values(sort_columns: &[SortColumn], field: &'static str, cursor: &Cursor) -> Result<Vec<Value>> {
    let malformed = || not_a_cursor(field);
    let id = Key::Number(i64::from(cursor.id));
    sort_columns
        .iter()
        .zip(cursor.keys.iter().chain([&id]))
        .map(|(sort_column, key)| match (sort_column.key_type, key) {
            (KeyType::Small, Key::Number(number)) => i16::try_from(*number).map(Value::from).map_err(|_| malformed()),
            (KeyType::Integer, Key::Number(number)) => i32::try_from(*number).map(Value::from).map_err(|_| malformed()),
            (KeyType::Moment, Key::Number(number)) => Timestamp::from_timestamp_micros(*number)
                .and_then(|moment| check_moment(field, moment).ok())
                .map(Value::from)
                .ok_or_else(malformed),
            (KeyType::Text, Key::Text(text)) if !text.contains('\0') => Ok(Value::from(text.clone())),
            _ => Err(malformed()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::SqliteQueryBuilder;

    use crate::domain::page::{PageRequest, Take};
    use crate::domain::store::task::Entity;
    use crate::domain::task::TaskSortField;

    use super::*;

    #[test]
    fn a_statement_reads_enough_rows_for_an_index_range() {
        let order = [Sort {
            field: TaskSortField::CreatedAt,
            direction: Direction::Descending,
        }];
        for (first, limit) in [(0, 10), (1, 10), (50, 51)] {
            let page = PageRequest {
                take: Take::First(first),
                ..PageRequest::first(1)
            };
            let keyset = Keyset::new(&order, &page).unwrap();
            let statement = keyset.merge::<Entity>(vec![Entity::find()]).unwrap();
            let sql = statement.to_string(SqliteQueryBuilder);
            assert!(sql.ends_with(&format!("LIMIT {limit}")), "{sql}");
        }
    }
}
