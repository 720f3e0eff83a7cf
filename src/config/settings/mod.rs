//! Tables with the name and description of every setting, the only place where a setting is described.
//!
//! [`example`](super::example) and [`reference`](super::reference) render them. Defaults and allowed values are read
//! from [`Config`] itself, so they are always correct.

mod api;
mod data;
mod operation;
mod server;

use std::collections::BTreeMap;

use super::{Config, ConfigError, Environment};

pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) settings: &'static [Setting],
}

pub(super) struct Setting {
    pub(super) name: &'static str,
    /// Description without a full stop at the end.
    pub(super) summary: &'static str,
    pub(super) default: Default,
    /// Whether packages (systemd unit, image) set it themselves, so that an example file must not.
    pub(super) is_packaged: bool,
}

/// Where the default of a setting comes from.
pub(super) enum Default {
    /// The value in [`Config::effective`] when the setting is unset.
    Effective,
    /// This value, which [`Config::effective`] shows in another spelling or not at all.
    Value(&'static str),
    /// A computed default, described in words.
    Described(&'static str),
}

pub(super) enum Shown {
    Constant(String),
    ByEnvironment { development: String, production: String },
    Described(&'static str),
}

impl Setting {
    const fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            default: Default::Effective,
            is_packaged: false,
        }
    }

    const fn with_default(self, default: Default) -> Self {
        Self { default, ..self }
    }

    const fn packaged(self) -> Self {
        Self {
            is_packaged: true,
            ..self
        }
    }
}

/// All settings, in the order of every list of them.
pub(super) const GROUPS: [&Group; 14] = [
    &server::SERVER,
    &server::CONNECTIONS,
    &data::DATABASE,
    &data::REDIS,
    &data::TOKENS,
    &api::GRAPHQL,
    &api::LIVE,
    &api::REST,
    &api::RATE_LIMITS,
    &operation::LOG,
    &operation::ATTACHMENTS,
    &operation::MAIL,
    &operation::TRACES,
    &operation::EXTERNAL,
];

pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.into_iter().flat_map(|group| group.settings)
}

/// Production accepts this key, so the other settings can be read. It signs nothing.
const KEY: (&str, &str) = ("SECRET_KEY", "0f6c5b0be2f14cd7a3e19d84c2b75e60");
/// Every setting that validates its value refuses this.
const REFUSED: &str = "?";

/// The effective settings of each environment when nothing is set.
pub(super) struct Behaviour {
    development: BTreeMap<&'static str, String>,
    production: BTreeMap<&'static str, String>,
}

impl Behaviour {
    pub(super) fn observe() -> Result<Self, ConfigError> {
        Ok(Self {
            development: effective(Environment::Development)?,
            production: effective(Environment::Production)?,
        })
    }

    pub(super) fn default(&self, setting: &Setting) -> Shown {
        let value = |values: &BTreeMap<_, String>| values.get(setting.name).cloned().unwrap_or_default();
        match setting.default {
            Default::Value(value) => Shown::Constant(value.to_owned()),
            Default::Described(words) => Shown::Described(words),
            Default::Effective => {
                let (development, production) = (value(&self.development), value(&self.production));
                if development == production {
                    Shown::Constant(development)
                } else {
                    Shown::ByEnvironment {
                        development,
                        production,
                    }
                }
            }
        }
    }
}

fn effective(environment: Environment) -> Result<BTreeMap<&'static str, String>, ConfigError> {
    let config = Config::from_vars(&variables(environment, KEY))?;
    Ok(config.effective().into_iter().collect())
}

/// The allowed values of a setting, from its error message; `None` if it accepts any text.
pub(super) fn allowed(setting: &Setting) -> Option<String> {
    let mut variables = variables(Environment::Production, KEY);
    variables.insert(setting.name.to_owned(), REFUSED.to_owned());
    let allowed = Config::from_vars(&variables).err()?.allowed;
    Some(if allowed.starts_with("true, false") {
        // Every flag accepts the same other spellings.
        "true or false".to_owned()
    } else {
        allowed
    })
}

/// `None` for an empty value or list.
pub(super) fn or_none(value: &str) -> Option<&str> {
    Some(value).filter(|value| !matches!(*value, "" | "[]"))
}

fn variables(environment: Environment, other: (&str, &str)) -> BTreeMap<String, String> {
    let pairs = [("APP_ENV", environment.as_str()), other];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
