//! The columns of a row in the order in which they were selected.
//!
//! Finding each by its name takes longer than reading it. So does asking whether its type is the expected one, which the
//! driver of `PostgreSQL` does for every value of every row; here the migrations say what it is, and what does not fit
//! is an error when it is read.

use std::sync::Arc;

use chrono::NaiveDate;
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgValueFormat, PgValueRef};
use sea_orm::sqlx::{self, Decode, Postgres, Row as _, ValueRef as _};
use sea_orm::{DbErr, QueryResult, RuntimeErr, TryGetable};

use crate::domain::clock::Timestamp;

/// The columns of a row, those that were read left out.
pub(in crate::domain::store) struct PositionalRow<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> PositionalRow<'a> {
    /// All columns of a row.
    pub(in crate::domain::store) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// The value of the next column.
    pub(in crate::domain::store) fn next<T: Stored>(&mut self) -> Result<T, DbErr> {
        let column = self.next;
        self.next += 1;
        let Some(row) = self.row.try_as_pg_row() else {
            return self.row.try_get_by_index(column);
        };
        let value = row.try_get_raw(column).map_err(unreadable)?;
        T::from_postgres(value).map_err(|source| {
            let index = column.to_string();
            unreadable(sqlx::Error::ColumnDecode { index, source })
        })
    }
}

fn unreadable(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// A value of a column.
pub(in crate::domain::store) trait Stored: TryGetable {
    /// The value as `PostgreSQL` sends it.
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError>;
}

impl Stored for bool {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl Stored for i16 {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl Stored for i32 {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl Stored for i64 {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl Stored for String {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl Stored for Timestamp {
    /// A count of microseconds: the driver would go by way of the date and the time of day.
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        // 2000-01-01, from where PostgreSQL counts, in microseconds since 1970.
        const EPOCH: i64 = 946_684_800_000_000;

        if value.format() == PgValueFormat::Text {
            return Decode::<Postgres>::decode(value);
        }
        let since: i64 = Decode::<Postgres>::decode(value)?;
        let moment = since.checked_add(EPOCH).and_then(Self::from_timestamp_micros);
        moment.ok_or_else(|| "the moment is out of range".into())
    }
}

impl Stored for NaiveDate {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Decode::<Postgres>::decode(value)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn from_postgres(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_postgres(value).map(Some)
        }
    }
}
