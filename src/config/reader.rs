//! Typed access to a set of variables.

use std::{cell::RefCell, collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use url::Url;

use super::{ConfigError, mask};

/// Units of durations, in seconds.
pub(super) const SECOND: u64 = 1;
pub(super) const MINUTE: u64 = 60;
pub(super) const DAY: u64 = 24 * 60 * MINUTE;

/// Typed getters. Every error names the variable, the value and the allowed values.
pub(super) struct SettingsReader<'a> {
    vars: &'a BTreeMap<String, String>,
    effective: RefCell<BTreeMap<&'static str, String>>,
}

impl<'a> SettingsReader<'a> {
    pub(super) fn new(vars: &'a BTreeMap<String, String>) -> Self {
        Self {
            vars,
            effective: RefCell::default(),
        }
    }

    /// Records the value that takes effect, which must show no secret. Numbers, choices and URLs are recorded when they
    /// are read.
    pub(super) fn record<T: Display>(&self, name: &'static str, value: T) -> T {
        self.effective.borrow_mut().insert(name, value.to_string());
        value
    }

    /// Takes the recorded values.
    pub(super) fn effective(&self) -> BTreeMap<&'static str, String> {
        self.effective.take()
    }

    /// The trimmed value; an empty one is unset.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.vars
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Every variable with this prefix and a value that is not empty.
    pub(super) fn starting_with(&self, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let named = self.vars.iter().filter(move |(name, _)| name.starts_with(prefix));
        named
            .map(|(name, value)| (name.as_str(), value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The first of two names of one setting that is set; the first name if none is.
    pub(super) fn first_set(&self, names: [&'static str; 2]) -> &'static str {
        if self.text(names[0]).is_none() && self.text(names[1]).is_some() {
            names[1]
        } else {
            names[0]
        }
    }

    pub(super) fn parsed<T>(
        &self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(name)
            .map(|value| parse(value).ok_or_else(|| refuse(name, value, allowed)))
            .transpose()
    }

    /// One of the named values; case does not matter. The first name of a value is recorded.
    pub(super) fn choice<T: Copy + PartialEq>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, ConfigError> {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        let find = |value: &str| choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(value));
        let chosen = self
            .parsed(name, &one_of(&names), |value| find(value).map(|(_, chosen)| *chosen))?
            .unwrap_or(default);
        let first = choices.iter().find(|(_, choice)| *choice == chosen);
        self.record(name, first.map_or("", |(first, _)| *first));
        Ok(chosen)
    }

    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        let choices = [
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("yes", true),
            ("no", false),
            ("on", true),
            ("off", false),
        ];
        self.choice(name, &choices, default)
    }

    pub(super) fn number<T>(&self, name: &'static str, default: T, bounds: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.number_if_set(name, bounds)?.unwrap_or(default);
        Ok(self.record(name, number))
    }

    pub(super) fn number_if_set<T>(
        &self,
        name: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Result<Option<T>, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let allowed = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let parse = |value: &str| value.parse::<T>().ok().filter(|number| bounds.contains(number));
        let number = self.parsed(name, &allowed, parse)?;
        self.record(name, number.as_ref().map(ToString::to_string).unwrap_or_default());
        Ok(number)
    }

    /// `unit` is in seconds; `default` and `bounds` are in units.
    pub(super) fn duration(
        &self,
        name: &'static str,
        unit: u64,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<Duration, ConfigError> {
        self.number(name, default, bounds)
            .map(|count| Duration::from_secs(count * unit))
    }

    pub(super) fn url(&self, name: &'static str, schemes: &[&str]) -> Result<Option<String>, ConfigError> {
        let prefixes: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
        let allowed = format!("a URL that starts with {}", one_of(&prefixes));
        let url = self.parsed(name, &allowed, |value| {
            let url = Url::parse(value).ok()?;
            let has_authority = value[url.scheme().len()..].starts_with("://");
            (has_authority && schemes.contains(&url.scheme())).then(|| value.to_owned())
        })?;
        self.record(name, url.as_deref().map(mask::url).unwrap_or_default());
        Ok(url)
    }

    /// The items of a JSON list, or of a list separated by commas.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, ConfigError> {
        self.parsed(name, "a JSON list of strings, or values between commas", |value| {
            if value.starts_with('[') {
                return serde_json::from_str(value).ok();
            }
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(items.map(str::to_owned).collect())
        })
    }
}

/// The error for a value, with passwords in URLs masked.
pub(super) fn refuse(name: &str, value: &str, allowed: &str) -> ConfigError {
    ConfigError {
        variable: name.to_owned(),
        value: Some(mask::url(value)),
        allowed: allowed.to_owned(),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
