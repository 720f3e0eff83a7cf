//! Keyset pages over any sort order: ORDER BY, the condition "beyond this cursor", and the cut.

use std::sync::Arc;

use sea_orm::sea_query::{Alias, Asterisk, Cond, Expr, ExprTrait as _, Order, Query, SelectStatement, UnionType};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _, Select, Value};

use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::page::{Cursor, Direction, Key, Page, PageRequest, RowPosition, Sort, SortField, Take, order_name};

/// What a sort column holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::store) enum KeyType {
    Small,
    Integer,
    Moment,
    Text,
}

/// A column to sort by, or an expression. It is never null.
pub(in crate::domain::store) struct KeyColumn {
    pub(in crate::domain::store) expr: Expr,
    pub(in crate::domain::store) key_type: KeyType,
}

/// How a noun's sort fields and id are columns.
pub(in crate::domain::store) trait KeyColumns<F> {
    fn column(field: F) -> KeyColumn;
    fn id() -> Expr;

    /// The column for a list of few rows, which another index finds: one that no index serves, unless it is that one.
    fn column_of_few(field: F) -> KeyColumn {
        Self::column(field)
    }
}

/// One comparison step of the order: a column, and which way it runs.
struct Step {
    column: KeyColumn,
    descending: bool,
}

/// A page of a list that is about to be read.
pub(in crate::domain::store) struct Keyset<'a, F> {
    order: &'a [Sort<F>],
    page: &'a PageRequest,
    after: Option<Cursor>,
    before: Option<Cursor>,
    of_few: bool,
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
            of_few: false,
        })
    }

    /// The same for a list that has few of all rows. Sorting these is cheap; looking for them in the order of all rows
    /// reads all rows when few or none pass the filter, and databases misjudge that.
    pub(in crate::domain::store) fn of_few(self, of_few: bool) -> Self {
        Self { of_few, ..self }
    }

    /// Cuts `query` to the page, and one row more to see whether there are others.
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

    /// The same of several queries that have no row in common, as one statement. Each is read from its own range of an
    /// index, and no further than the page needs. What they select is what the statement does, and their keys behind.
    pub(in crate::domain::store) fn merge<N: KeyColumns<F> + EntityTrait>(
        &self,
        mut queries: Vec<Select<N>>,
    ) -> Result<SelectStatement> {
        if queries.len() < 2 {
            let query = queries.pop().unwrap_or_else(|| N::find().filter(Expr::val(false)));
            return Ok(self.apply::<N, _>(query)?.into_query());
        }
        let keys: Vec<String> = (0..=self.order.len()).map(|step| format!("key{step}")).collect();
        let mut parts = Vec::with_capacity(queries.len());
        for query in queries {
            let query = self.sorted::<N, _>(query)?.limit(self.page.skip + self.limit());
            let steps = self.steps::<N>().into_iter().zip(&keys);
            let part = steps.fold(query, |query, (step, key)| {
                query.expr_as(step.column.expr, key.as_str())
            });
            parts.push(part.into_query());
        }
        let mut all = union(parts).unwrap_or_default();
        for (step, key) in self.steps::<N>().into_iter().zip(keys) {
            all.order_by(Alias::new(key), self.direction(&step));
        }
        all.limit(self.limit()).offset(self.page.skip);
        Ok(all)
    }

    /// Up to one row more than was asked for.
    fn limit(&self) -> u64 {
        u64::from(self.page.take.limit()) + 1
    }

    /// The rows between the cursors, from the end that the page is cut from.
    fn sorted<N: KeyColumns<F>, Q: QueryOrder + QueryFilter>(&self, query: Q) -> Result<Q> {
        let query = query.filter(self.bounds::<N>()?);
        let steps = self.steps::<N>().into_iter();
        Ok(steps.fold(query, |query, step| {
            let direction = self.direction(&step);
            query.order_by(step.column.expr, direction)
        }))
    }

    /// Which way the rows are read in a step.
    fn direction(&self, step: &Step) -> Order {
        if step.descending == matches!(self.page.take, Take::Last(_)) {
            Order::Asc
        } else {
            Order::Desc
        }
    }

    /// The condition that a row lies between the cursors.
    fn bounds<N: KeyColumns<F>>(&self) -> Result<Condition> {
        let mut bounds = Cond::all();
        if let Some(after) = &self.after {
            bounds = bounds.add(beyond(&self.steps::<N>(), "after", after, Side::Behind)?);
        }
        if let Some(before) = &self.before {
            bounds = bounds.add(beyond(&self.steps::<N>(), "before", before, Side::Before)?);
        }
        Ok(bounds)
    }

    /// If the far side of the page was asked for and is not known anyway: the condition that a row lies there.
    pub(in crate::domain::store) fn far_side<N: KeyColumns<F>>(&self) -> Result<Option<Condition>> {
        if !self.page.probe {
            return Ok(None);
        }
        match (self.page.take, &self.after, &self.before) {
            (Take::First(_), Some(after), _) => Ok(Some(beyond(&self.steps::<N>(), "after", after, Side::UpTo)?)),
            (Take::Last(_), _, Some(before)) => Ok(Some(beyond(&self.steps::<N>(), "before", before, Side::From)?)),
            _ => Ok(None),
        }
    }

    fn steps<N: KeyColumns<F>>(&self) -> Vec<Step> {
        let id_descending = self
            .order
            .last()
            .is_some_and(|sort| sort.direction == Direction::Descending);
        let id = KeyColumn {
            expr: N::id(),
            key_type: KeyType::Integer,
        };
        self.order
            .iter()
            .map(|sort| Step {
                column: if self.of_few {
                    N::column_of_few(sort.field)
                } else {
                    N::column(sort.field)
                },
                descending: sort.direction == Direction::Descending,
            })
            .chain([Step {
                column: id,
                descending: id_descending,
            }])
            .collect()
    }

    /// The page made of the rows that were read: up to one more than asked for.
    pub(in crate::domain::store) fn finish<T>(
        &self,
        rows: Vec<T>,
        beyond: bool,
        cursor_of: impl Fn(&T) -> Cursor,
    ) -> Page<T> {
        self.cut(rows, beyond, |row| (cursor_of(&row), row))
    }

    /// The same for rows that were read in no order.
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

    fn cut<R, T>(&self, rows: Vec<R>, beyond: bool, with_cursor: impl Fn(R) -> (Cursor, T)) -> Page<T> {
        let order: Arc<str> = order_name(self.order).into();
        Page::cut(self.page, rows, beyond, |row| {
            let (cursor, row) = with_cursor(row);
            let order = Arc::clone(&order);
            (RowPosition::Sorted { cursor, order }, row)
        })
    }
}

/// The rows of all these queries, if there are any.
pub(in crate::domain::store) fn union(queries: Vec<SelectStatement>) -> Option<SelectStatement> {
    queries
        .into_iter()
        // SQLite takes the order and the limit of a part only inside of it.
        .map(|part| Query::select().column(Asterisk).from_subquery(part, "part").take())
        .reduce(|mut all, part| all.union(UnionType::All, part).take())
}

/// Where rows lie, seen from a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Before it.
    Before,
    /// Before it, or its own.
    UpTo,
    /// Its own, or behind it.
    From,
    /// Behind it.
    Behind,
}

impl Side {
    fn is_behind(self) -> bool {
        matches!(self, Self::From | Self::Behind)
    }

    /// Whether the cursor's own row is meant as well.
    fn is_inclusive(self) -> bool {
        matches!(self, Self::UpTo | Self::From)
    }
}

/// A row lies on this side of the cursor.
fn beyond(steps: &[Step], field: &'static str, cursor: &Cursor, side: Side) -> Result<Condition> {
    let values = values(steps, field, cursor)?;
    if let Some(condition) = as_row_comparison(steps, &values, side) {
        return Ok(Cond::all().add(condition));
    }
    // (a beyond) or (a equal and b beyond) or (a and b equal and c beyond) ..
    let mut beyond = Cond::any();
    for (position, step) in steps.iter().enumerate() {
        let column = step.column.expr.clone();
        let value = values[position].clone();
        let further = if step.descending == side.is_behind() {
            column.lt(value)
        } else {
            column.gt(value)
        };
        beyond = beyond.add(all_equal(&steps[..position], &values).add(further));
    }
    if side.is_inclusive() {
        beyond = beyond.add(all_equal(steps, &values));
    }
    Ok(beyond)
}

fn all_equal(steps: &[Step], values: &[Value]) -> Condition {
    steps.iter().zip(values).fold(Cond::all(), |all, (step, value)| {
        all.add(step.column.expr.clone().eq(value.clone()))
    })
}

/// `(a, b, id) > (1, 2, 3)`, which both databases answer from an index, where every step runs the
/// same way.
fn as_row_comparison(steps: &[Step], values: &[Value], side: Side) -> Option<Expr> {
    let descending = steps.first()?.descending;
    if steps.iter().any(|step| step.descending != descending) {
        return None;
    }
    let row = Expr::tuple(steps.iter().map(|step| step.column.expr.clone()));
    let values = Expr::tuple(values.iter().cloned().map(Expr::val));
    Some(match (descending == side.is_behind(), side.is_inclusive()) {
        (true, false) => row.lt(values),
        (true, true) => row.lte(values),
        (false, false) => row.gt(values),
        (false, true) => row.gte(values),
    })
}

/// The cursor's values as the columns hold them, the id last.
fn values(steps: &[Step], field: &'static str, cursor: &Cursor) -> Result<Vec<Value>> {
    let malformed = || Error::BadInput {
        field,
        message: format!(
            "{field} is not a cursor of this server; use a cursor that came with an earlier page, unchanged"
        ),
    };
    let id = Key::Number(i64::from(cursor.id));
    steps
        .iter()
        .zip(cursor.keys.iter().chain([&id]))
        .map(|(step, key)| match (step.column.key_type, key) {
            (KeyType::Small, Key::Number(number)) => i16::try_from(*number).map(Value::from).map_err(|_| malformed()),
            (KeyType::Integer, Key::Number(number)) => i32::try_from(*number).map(Value::from).map_err(|_| malformed()),
            (KeyType::Moment, Key::Number(number)) => Timestamp::from_timestamp_micros(*number)
                .map(Value::from)
                .ok_or_else(malformed),
            (KeyType::Text, Key::Text(text)) if !text.contains('\0') => Ok(Value::from(text.clone())),
            _ => Err(malformed()),
        })
        .collect()
}
