//! Values as clients write them in bodies and parameters, each with a message that tells what is allowed.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::actor::Role;
use crate::domain::clock::{Timestamp, read_day, start_of_day};
use crate::domain::error::excerpt;
use crate::domain::local_time::end_of;
use crate::domain::task::Priority;
use crate::domain::task::workflow::Status;

/// Statuses of older task APIs, and what they are called here.
pub(super) const OLDER_STATUSES: [(&str, Status); 2] = [("pending", Status::Todo), ("completed", Status::Done)];

/// A value that should be a string. Other JSON types are kept as text, so that the error names the value and what is
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Text, E> {
        Ok(Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text("[…]".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Text, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text("{…}".to_owned()))
    }
}

/// A moment. Clients write it with a time and its zone, which is UTC when none is given; or as a date alone, which means
/// midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Moment(pub(super) Timestamp);

impl TryFrom<Text> for Moment {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        let moment = DateTime::parse_from_rfc3339(&text)
            .map(|moment| moment.with_timezone(&Utc))
            .ok();
        moment
            .or_else(|| without_zone(&text))
            .or_else(|| start_of_day(&text))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "'{}' is not a date; use RFC 3339, such as 2026-01-31T09:30:00Z, or a date alone, such as 2026-01-31",
                    excerpt(&text)
                )
            })
    }
}

/// A day, as year, month and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Day(pub(super) NaiveDate);

impl TryFrom<Text> for Day {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        read_day(&text).map(Self).ok_or_else(|| {
            let shown = excerpt(&text);
            format!("'{shown}' is not a date; use year, month and day, such as 2026-01-31")
        })
    }
}

/// Written at once: what chrono does by itself goes character by character, and a page of tasks has hundreds of moments.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// Python writes the time of a clock that knows no zone so; the older APIs took it as UTC.
fn without_zone(text: &str) -> Option<Timestamp> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .map(|moment| moment.and_utc())
}

/// The last moment of a range. A date alone includes its whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct LastMoment(pub(super) Timestamp);

impl TryFrom<Text> for LastMoment {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        match read_day(&text.0) {
            Some(day) => Ok(Self(end_of(day))),
            None => Moment::try_from(text).map(|Moment(moment)| Self(moment)),
        }
    }
}

/// The name of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct StatusName(pub(super) Status);

impl TryFrom<Text> for StatusName {
    type Error = String;

    fn try_from(Text(name): Text) -> Result<Self, String> {
        status(&name).map(Self)
    }
}

fn status(name: &str) -> Result<Status, String> {
    let older = OLDER_STATUSES
        .iter()
        .find(|(older, _)| *older == name)
        .map(|(_, status)| *status);
    older.map_or_else(|| one_of(name, &Status::ALL, Status::as_str), Ok)
}

/// The name of a priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct PriorityName(pub(super) Priority);

impl TryFrom<Text> for PriorityName {
    type Error = String;

    fn try_from(Text(name): Text) -> Result<Self, String> {
        one_of(&name, &Priority::ALL, Priority::as_str).map(Self)
    }
}

/// The name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct RoleName(pub(super) Role);

impl TryFrom<Text> for RoleName {
    type Error = String;

    fn try_from(Text(name): Text) -> Result<Self, String> {
        one_of(&name, &Role::ALL, Role::as_str).map(Self)
    }
}

/// Statuses, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct StatusNames(pub(super) Vec<Status>);

impl TryFrom<String> for StatusNames {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        names
            .split(',')
            .map(|name| status(name.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Priorities, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PriorityNames(pub(super) Vec<Priority>);

impl TryFrom<String> for PriorityNames {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        let priority = |name: &str| one_of(name.trim(), &Priority::ALL, Priority::as_str);
        names.split(',').map(priority).collect::<Result<_, _>>().map(Self)
    }
}

/// Words, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Words(pub(super) Vec<String>);

impl From<String> for Words {
    fn from(words: String) -> Self {
        Self(words.split(',').map(str::to_owned).collect())
    }
}

/// The one kind of grant that gives tokens for a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PasswordGrantType;

impl TryFrom<String> for PasswordGrantType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        one_of(&name, &[Self], |Self| "password")
    }
}

/// Yes or no in a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Flag(pub(super) bool);

impl TryFrom<String> for Flag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(Self(true)),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(Self(false)),
            _ => Err(format!("'{}' is not allowed; use true or false", excerpt(&text))),
        }
    }
}

/// A number in a parameter: a count or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Number(pub(super) i32);

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = whole_number(&text).filter(|number| *number >= 0);
        number
            .map(Self)
            .ok_or_else(|| format!("'{}' is not a whole number from 0 to {}", excerpt(&text), i32::MAX))
    }
}

/// A number as it is usually written: other spellings, such as `+1` and `01`, are no second name for it.
pub(super) fn whole_number(text: &str) -> Option<i32> {
    text.parse().ok().filter(|number: &i32| number.to_string() == text)
}

/// The one of `all` that is called `name`.
pub(super) fn one_of<T: Copy>(name: &str, all: &[T], name_of: impl Fn(T) -> &'static str) -> Result<T, String> {
    all.iter().copied().find(|one| name_of(*one) == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name_of(*one)).collect();
        format!("'{}' is not allowed; use one of {}", excerpt(name), names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Result<String, String> {
        Moment::try_from(Text(text.to_owned())).map(|moment| moment.0.to_rfc3339())
    }

    #[test]
    fn a_date_alone_is_its_midnight_in_utc() {
        assert_eq!(moment("2026-01-31").unwrap(), "2026-01-31T00:00:00+00:00");
    }

    #[test]
    fn a_day_is_a_date_and_nothing_else() {
        let day = |text: &str| Day::try_from(Text(text.to_owned())).map(|Day(day)| day.to_string());
        assert_eq!(day("2026-01-31").unwrap(), "2026-01-31");
        for text in ["2026-01-31T09:30:00Z", "2026-02-30", "2026-1-5", "12026-01-31", ""] {
            let message = day(text).unwrap_err();
            assert!(
                message.starts_with(&format!("'{text}' is not a date; use year")),
                "{message}"
            );
        }
    }

    #[test]
    fn a_moment_of_another_zone_is_turned_into_utc() {
        assert_eq!(
            moment("2026-01-31T01:30:00+02:00").unwrap(),
            "2026-01-30T23:30:00+00:00"
        );
    }

    #[test]
    fn a_moment_without_a_zone_is_taken_as_utc() {
        assert_eq!(
            moment("2026-01-31T01:30:00.5").unwrap(),
            "2026-01-31T01:30:00.500+00:00"
        );
    }

    #[test]
    fn a_date_that_there_is_not_is_refused() {
        for text in ["2026-02-30", "2026-1-5", "31.01.2026", "tomorrow", ""] {
            let message = moment(text).unwrap_err();
            assert!(
                message.starts_with(&format!("'{text}' is not a date; use RFC 3339, such as")),
                "{message}"
            );
        }
    }

    #[test]
    fn older_names_of_statuses_are_understood() {
        assert_eq!(status("pending"), Ok(Status::Todo));
        assert_eq!(status("completed"), Ok(Status::Done));
        assert_eq!(status("in_progress"), Ok(Status::InProgress));
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_are_known() {
        let message = StatusName::try_from(Text("open".to_owned())).unwrap_err();
        assert_eq!(
            message,
            "'open' is not allowed; use one of todo, in_progress, done, cancelled"
        );
        let message = PriorityNames::try_from("low,".to_owned()).unwrap_err();
        assert_eq!(message, "'' is not allowed; use one of low, medium, high, urgent");
    }

    #[test]
    fn several_names_are_separated_by_commas() {
        let names = StatusNames::try_from("todo, completed".to_owned()).unwrap();
        assert_eq!(names, StatusNames(vec![Status::Todo, Status::Done]));
    }

    #[test]
    fn flags_are_read_as_python_and_shells_write_them() {
        let flag = |text: &str| Flag::try_from(text.to_owned()).map(|flag| flag.0).ok();
        assert!(
            ["true", "1", "Yes", "on", "T", "y"]
                .iter()
                .all(|text| flag(text) == Some(true))
        );
        assert!(
            ["False", "0", "no", "OFF", "f", "n"]
                .iter()
                .all(|text| flag(text) == Some(false))
        );
        assert!(["", "2", "nope"].iter().all(|text| flag(text).is_none()));
    }

    #[test]
    fn numbers_are_never_negative() {
        for text in ["-1", "+1", "01", "1.0", "1e3", " 1", ""] {
            assert!(Number::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(Number::try_from("7".to_owned()), Ok(Number(7)));
    }
}
