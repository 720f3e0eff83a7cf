//! Values in bodies and parameters. Their error messages say what is allowed.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::actor::Role;
use crate::domain::clock::{Timestamp, read_day, start_of_day};
use crate::domain::error::{ViolationKind, excerpt};
use crate::domain::local_time::end_of;
use crate::domain::page::Direction;
use crate::domain::task::Priority;
use crate::domain::task::workflow::Status;

/// Serde passes errors on as text; a leading mark keeps the kind of the violation.
const NOT_ONE_OF: char = '\u{1}';
const NOT_BOOLEAN: char = '\u{2}';
const NOT_INTEGER: char = '\u{3}';
const NOT_DATE: char = '\u{4}';

pub(super) fn unmarked(text: &str) -> (ViolationKind, &str) {
    let marks = [
        (NOT_ONE_OF, ViolationKind::NotOneOf),
        (NOT_BOOLEAN, ViolationKind::NotBoolean),
        (NOT_INTEGER, ViolationKind::NotInteger),
        (NOT_DATE, ViolationKind::NotDate),
    ];
    let mut marks = marks.into_iter();
    let found = marks.find_map(|(mark, kind)| Some((kind, text.strip_prefix(mark)?)));
    found.unwrap_or((ViolationKind::Other, text))
}

/// Precedes the list of names in the message of [`Named::read`].
const ONE_OF: &str = "use one of ";

/// The names that the message of [`Named::read`] lists.
pub(super) fn allowed_names(message: &str) -> impl Iterator<Item = &str> {
    let names = message.rsplit_once(ONE_OF).map_or("", |(_, names)| names);
    names.split(", ")
}

/// A string. Other JSON types are kept as text, so that the error names the value and what is allowed.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Text(String);

impl TryFrom<Value> for Text {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, &'static str> {
        Ok(Self(match value {
            Value::String(text) => text,
            Value::Null => return Err("invalid type: null, expected a string"),
            Value::Array(_) => "[…]".to_owned(),
            Value::Object(_) => "{…}".to_owned(),
            other => other.to_string(),
        }))
    }
}

/// RFC 3339; UTC if there is no zone. A date alone means midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Moment(pub(super) Timestamp);

impl TryFrom<Text> for Moment {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        let with_zone = DateTime::parse_from_rfc3339(&text).map(|moment| moment.with_timezone(&Utc));
        let moment = with_zone.ok().or_else(|| without_zone(&text));
        moment.or_else(|| start_of_day(&text)).map(Self).ok_or_else(|| {
            let shown = excerpt(&text);
            let examples = "2026-01-31T09:30:00Z, or a date alone, such as 2026-01-31";
            format!("{NOT_DATE}'{shown}' is not a date; use RFC 3339, such as {examples}")
        })
    }
}

/// A time without a zone, which the older APIs read as UTC. Python writes it with a `T` or a space, and the date fields
/// of browsers leave out the seconds.
fn without_zone(text: &str) -> Option<Timestamp> {
    let text = text.replacen(' ', "T", 1);
    let mut formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"].into_iter();
    let moment = formats.find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
    moment.map(|moment| moment.and_utc())
}

/// Writes the text in one call: chrono writes single characters, and a page of tasks has hundreds of moments.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Day(pub(super) NaiveDate);

impl TryFrom<Text> for Day {
    type Error = String;

    fn try_from(Text(text): Text) -> Result<Self, String> {
        read_day(&text).map(Self).ok_or_else(|| {
            let shown = excerpt(&text);
            format!("{NOT_DATE}'{shown}' is not a date; use year, month and day, such as 2026-01-31")
        })
    }
}

/// The end of a range. A date alone includes the whole day.
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

/// A value that clients select by name.
pub(super) trait Named: Copy + 'static {
    /// Names in older APIs; messages do not list them.
    const OLDER: &'static [(&'static str, Self)] = &[];

    /// In the order in which messages list them.
    fn named() -> impl Iterator<Item = (&'static str, Self)>;

    fn names() -> Vec<&'static str> {
        let older = Self::OLDER.iter().copied();
        Self::named().chain(older).map(|(name, _)| name).collect()
    }

    fn read(name: &str) -> Result<Self, String> {
        let mut all = Self::named().chain(Self::OLDER.iter().copied());
        let found = all.find(|(known, _)| *known == name);
        found.map(|(_, value)| value).ok_or_else(|| {
            let names: Vec<_> = Self::named().map(|(name, _)| name).collect();
            let (shown, names) = (excerpt(name), names.join(", "));
            format!("{NOT_ONE_OF}'{shown}' is not allowed; {ONE_OF}{names}")
        })
    }
}

impl Named for Status {
    const OLDER: &'static [(&'static str, Self)] = &[("pending", Self::Todo), ("completed", Self::Done)];

    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter().map(|status| (status.as_str(), status))
    }
}

impl Named for Priority {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter().map(|priority| (priority.as_str(), priority))
    }
}

impl Named for Role {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::ALL.into_iter().map(|role| (role.as_str(), role))
    }
}

impl Named for Direction {
    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        [("asc", Self::Ascending), ("desc", Self::Descending)].into_iter()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text", bound = "T: Named")]
pub(super) struct Name<T>(pub(super) T);

impl<T: Named> TryFrom<Text> for Name<T> {
    type Error = String;

    fn try_from(Text(name): Text) -> Result<Self, String> {
        T::read(&name).map(Self)
    }
}

/// Separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String", bound = "T: Named")]
pub(super) struct Names<T>(pub(super) Vec<T>);

impl<T: Named> TryFrom<String> for Names<T> {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        let values = names.split(',').map(|name| T::read(name.trim()));
        values.collect::<Result<_, _>>().map(Self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Flag(pub(super) bool);

impl TryFrom<String> for Flag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(Self(true)),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(Self(false)),
            _ => {
                let shown = excerpt(&text);
                Err(format!("{NOT_BOOLEAN}'{shown}' is not allowed; use true or false"))
            }
        }
    }
}

/// A count or an id: 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Number(pub(super) i32);

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = whole_number(&text).filter(|number| *number >= 0);
        number.map(Self).ok_or_else(|| {
            let (shown, max) = (excerpt(&text), i32::MAX);
            format!("{NOT_INTEGER}'{shown}' is not a whole number from 0 to {max}")
        })
    }
}

/// Accepts only the usual spelling: not `+1` or `01`.
pub(super) fn whole_number(text: &str) -> Option<i32> {
    text.parse().ok().filter(|number: &i32| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Result<String, String> {
        Moment::try_from(Text(text.to_owned())).map(|moment| moment.0.to_rfc3339())
    }

    #[test]
    fn moments_are_read_with_a_zone_without_one_and_as_a_date_alone() {
        for (text, read) in [
            ("2026-01-31", "2026-01-31T00:00:00+00:00"),
            ("2026-01-31T01:30:00+02:00", "2026-01-30T23:30:00+00:00"),
            ("2026-01-31T01:30:00.5", "2026-01-31T01:30:00.500+00:00"),
            ("2026-01-31 01:30:00.5", "2026-01-31T01:30:00.500+00:00"),
            ("2026-01-31T01:30", "2026-01-31T01:30:00+00:00"),
        ] {
            assert_eq!(moment(text).unwrap(), read);
        }
    }

    #[test]
    fn invalid_dates_are_refused() {
        let day = |text: &str| Day::try_from(Text(text.to_owned())).map(|Day(day)| day.to_string());
        let expect = |error: String, start: String| {
            let (kind, message) = unmarked(&error);
            assert_eq!(kind, ViolationKind::NotDate);
            assert!(message.starts_with(&start), "{message}");
        };
        assert_eq!(day("2026-01-31").unwrap(), "2026-01-31");
        for text in ["2026-01-31T09:30:00Z", "2026-02-30", "2026-1-5", "12026-01-31", ""] {
            expect(day(text).unwrap_err(), format!("'{text}' is not a date; use year"));
        }
        for text in ["2026-02-30", "2026-1-5", "2026-01-31T09", "31.01.2026", "tomorrow", ""] {
            let start = format!("'{text}' is not a date; use RFC 3339, such as");
            expect(moment(text).unwrap_err(), start);
        }
    }

    #[test]
    fn names_of_current_and_older_apis_are_read() {
        let statuses = |names: &str| Names::<Status>::try_from(names.to_owned()).map(|Names(statuses)| statuses);
        let known = [Status::Todo, Status::Done, Status::InProgress];
        assert_eq!(statuses("pending, completed,in_progress").unwrap(), known);
        let message = "'open' is not allowed; use one of todo, in_progress, done, cancelled";
        assert_eq!(
            unmarked(&Status::read("open").unwrap_err()),
            (ViolationKind::NotOneOf, message)
        );
        let message = "'' is not allowed; use one of low, medium, high, urgent";
        let error = Names::<Priority>::try_from("low,".to_owned()).unwrap_err();
        assert_eq!(unmarked(&error), (ViolationKind::NotOneOf, message));
    }

    #[test]
    fn flags_are_read_as_python_and_shells_write_them() {
        let flag = |text: &str| Flag::try_from(text.to_owned()).map(|flag| flag.0).ok();
        let all = |texts: &[&str], read| texts.iter().all(|text| flag(text) == read);
        assert!(all(&["true", "1", "Yes", "on", "T", "y"], Some(true)));
        assert!(all(&["False", "0", "no", "OFF", "f", "n"], Some(false)));
        assert!(all(&["", "2", "nope"], None));
    }

    #[test]
    fn numbers_are_never_negative() {
        for text in ["-1", "+1", "01", "1.0", "1e3", " 1", ""] {
            assert!(Number::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(Number::try_from("7".to_owned()), Ok(Number(7)));
    }
}
