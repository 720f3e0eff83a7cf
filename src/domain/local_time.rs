//! Days and time zones of users.

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::clock::{Timestamp, check_year};
use super::error::{Error, Result, excerpt};

/// A time zone of the IANA database.
pub type TimeZone = Tz;

/// The default time zone of users.
pub const DEFAULT_TIME_ZONE: TimeZone = Tz::UTC;

pub(crate) fn check_time_zone(field: &'static str, name: &str) -> Result<TimeZone> {
    name.parse().map_err(|_| {
        let shown = excerpt(name);
        let message =
            format!("{field} '{shown}' is not a time zone of the IANA database, such as Europe/Berlin or UTC");
        Error::invalid(field, message)
    })
}

/// Parses a stored name. An unknown name counts as UTC, in case another server knows a newer time zone database.
pub(crate) fn stored_time_zone(name: &str) -> TimeZone {
    name.parse().unwrap_or(DEFAULT_TIME_ZONE)
}

/// A moment, with the day in a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalNow {
    /// The moment.
    pub moment: Timestamp,
    /// The day in the time zone.
    pub today: NaiveDate,
}

impl LocalNow {
    /// This moment in a time zone.
    #[must_use]
    pub fn at(moment: Timestamp, zone: TimeZone) -> Self {
        let today = moment.with_timezone(&zone).date_naive();
        Self { moment, today }
    }
}

/// Accepts the years 1 to 9999, the range of both databases.
pub fn check_day(field: &'static str, day: NaiveDate) -> Result<NaiveDate> {
    check_year(field, day.year())?;
    Ok(day)
}

/// The first moment of a day in UTC. The database compares days by it, whatever the time zone of the actor.
pub(crate) fn start_of(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The last moment of a day in UTC, to the microsecond.
pub(crate) fn end_of(day: NaiveDate) -> Timestamp {
    start_of(day) + TimeDelta::days(1) - TimeDelta::microseconds(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::LAST_MOMENT;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_depends_on_the_zone() {
        let moment = "2026-01-15T12:00:00Z".parse().unwrap();
        for (zone, today) in [
            ("UTC", "2026-01-15"),
            ("Pacific/Kiritimati", "2026-01-16"),
            ("Pacific/Pago_Pago", "2026-01-15"),
            ("Europe/Berlin", "2026-01-15"),
        ] {
            let zone = check_time_zone("time_zone", zone).unwrap();
            assert_eq!(LocalNow::at(moment, zone).today, day(today));
        }
    }

    #[test]
    fn only_names_of_the_iana_database_are_accepted() {
        for name in ["", "Berlin", "europe/berlin", "+01:00", "UTC+1", "../UTC"] {
            let error = check_time_zone("time_zone", name).unwrap_err().to_string();
            assert!(error.contains("such as Europe/Berlin or UTC"), "{error}");
            assert_eq!(stored_time_zone(name), DEFAULT_TIME_ZONE);
        }
    }

    #[test]
    fn the_last_day_ends_at_the_last_moment() {
        assert_eq!(end_of(day("9999-12-31")), LAST_MOMENT);
        assert_eq!(
            start_of(day("2026-01-15")),
            "2026-01-15T00:00:00Z".parse::<Timestamp>().unwrap()
        );
    }
}
