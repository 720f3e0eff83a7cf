//! The clock. The domain reads the time only through it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveTime, Utc};

use super::error::{Error, Result};

/// A moment in UTC with microseconds, the precision of both databases.
pub type Timestamp = DateTime<Utc>;

/// A source of the current time.
pub trait Clock: Debug + Send + Sync {
    /// The current time, in microseconds.
    fn now(&self) -> Timestamp;
}

/// Truncates a moment to microseconds, the precision of both databases. A leap second is the start of the next second,
/// because PostgreSQL and clients have no leap seconds.
#[must_use]
pub fn to_stored_precision(moment: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(moment.timestamp_micros()).unwrap_or(moment)
}

/// The start (UTC) of a day in the format 2026-01-31.
#[must_use]
pub fn start_of_day(text: &str) -> Option<Timestamp> {
    Some(read_day(text)?.and_time(NaiveTime::MIN).and_utc())
}

/// Parses a day in the format 2026-01-31.
#[must_use]
pub fn read_day(text: &str) -> Option<NaiveDate> {
    const LENGTH: usize = "2026-01-31".len();

    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    // chrono also reads signs, spaces, and months and days of one digit.
    day.filter(|day| text.len() == LENGTH && day.to_string() == text)
}

/// The end of the year 9999, the last valid moment. Missing dates sort as if they had it.
pub(crate) const LAST_MOMENT: Timestamp =
    DateTime::from_timestamp_micros(253_402_300_799_999_999).expect("the year 9999 is one of chrono's");

/// Accepts the years 1 to 9999, and truncates to microseconds: the range and precision of both databases.
pub fn check_moment(field: &'static str, moment: Timestamp) -> Result<Timestamp> {
    let moment = to_stored_precision(moment);
    check_year(field, moment.year())?;
    Ok(moment)
}

pub(super) fn check_year(field: &'static str, year: i32) -> Result<()> {
    if (1..=9999).contains(&year) {
        return Ok(());
    }
    let message = format!("{field} is in the year {year}; the years 1 to 9999 are allowed");
    Err(Error::invalid(field, message))
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time of day is read")]
    fn now(&self) -> Timestamp {
        to_stored_precision(Utc::now())
    }
}

/// A clock for tests that only moves when it is advanced. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(to_stored_precision(now))))
    }

    /// Moves the clock by `by`, which may be negative.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, String> {
        let moment = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let checked = check_moment("dueDate", moment);
        checked
            .map(|moment| moment.to_rfc3339())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_day_has_one_format() {
        assert_eq!(read_day("2026-01-31"), NaiveDate::from_ymd_opt(2026, 1, 31));
        assert_eq!(read_day("0001-12-01"), NaiveDate::from_ymd_opt(1, 12, 1));
        for refused in [
            "2026-1-31",
            "2026-02-30",
            "+2026-1-31",
            "+026-01-31",
            "-026-01-31",
            " 2026-1-31",
            "2026- 1-31",
            "2026-1- 31",
            "+12026-1-1",
        ] {
            assert_eq!(read_day(refused), None, "{refused}");
        }
    }

    #[test]
    fn moments_have_the_range_and_precision_of_both_databases() {
        for (given, stored) in [
            ("2026-06-30T23:59:59.9999999Z", "2026-06-30T23:59:59.999999+00:00"),
            ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00+00:00"),
            ("2026-06-30T12:00:60.5Z", "2026-06-30T12:01:00.500+00:00"),
            ("1969-12-31T23:59:59.0000019Z", "1969-12-31T23:59:59.000001+00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(checked(given), Ok(stored.to_owned()), "{given}");
        }
        for refused in ["9999-12-31T23:59:60Z", "0000-12-31T23:59:59Z"] {
            assert!(
                checked(refused).unwrap_err().contains("the years 1 to 9999"),
                "{refused}"
            );
        }
    }
}
