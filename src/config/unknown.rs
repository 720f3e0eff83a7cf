//! Finds variables that look like settings, but are none: most often spelling mistakes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    ConfigError, example,
    reader::SettingsReader,
    secret_file::{self, SECRETS},
};

const ALIASES: [&str; 2] = ["BACKEND_CORS_ORIGINS", "PORT"];
/// All variables with this prefix are passed to the storage.
const AMAZON: &str = "AWS_";
/// Shorter names are similar to each other by chance.
const SHORTEST: usize = 6;
/// In names of at least this length, two mistakes are accepted.
const LONG: usize = 16;

/// A variable that looks like a setting. Its `Display` is one line, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSetting {
    name: String,
    origin: &'static str,
    nearest: Option<String>,
}

impl fmt::Display for UnknownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} is not a setting", self.name, self.origin)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

/// All unknown names of the file. Of the process environment, which other programs use too, only names that are similar
/// to a setting that is not set. `text` is the text of the file.
pub(super) fn find(
    text: &str,
    file: &BTreeMap<String, String>,
    process: &BTreeMap<String, String>,
) -> Vec<UnknownSetting> {
    let known = known();
    let unknown = |vars| {
        let names = SettingsReader::new(vars).starting_with("").map(|(name, _)| name);
        names.filter(|name| !known.contains(*name) && !name.starts_with(AMAZON))
    };
    let in_file = unknown(file)
        .filter(|name| !is_referenced(text, name))
        .map(|name| UnknownSetting {
            name: name.to_owned(),
            origin: ".env",
            nearest: nearest(name, &known),
        });
    let is_set = |name: &str| process.contains_key(name) || file.contains_key(name);
    let in_process = unknown(process).filter_map(|name| {
        let nearest = nearest(name, &known).filter(|nearest| !is_set(nearest))?;
        Some(UnknownSetting {
            name: name.to_owned(),
            origin: "the environment",
            nearest: Some(nearest),
        })
    });
    in_file.chain(in_process).collect()
}

/// Adds the variable whose name is probably a misspelling of the setting.
pub(super) fn hint(mut error: ConfigError, unknown: &[UnknownSetting]) -> ConfigError {
    let meant = unknown
        .iter()
        .find(|unknown| unknown.nearest.as_ref() == Some(&error.variable));
    if let Some(meant) = meant {
        error.allowed = format!("{}; {meant}", error.allowed);
    }
    error
}

fn known() -> BTreeSet<String> {
    let files = SECRETS.into_iter().map(secret_file::path_setting);
    let names = example::names().chain(ALIASES).map(str::to_owned);
    names.chain(files).collect()
}

/// Whether the file has `${NAME}`: then the variable is part of another value.
fn is_referenced(text: &str, name: &str) -> bool {
    ["}", ":-"].iter().any(|end| text.contains(&format!("${{{name}{end}")))
}

fn nearest(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let most = match name.len() {
        ..SHORTEST => return None,
        SHORTEST..LONG => 1,
        LONG.. => 2,
    };
    let name = name.to_uppercase();
    let distances = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&name, known), known));
    let close = distances.filter(|(distance, _)| *distance <= most);
    close.min().map(|(_, nearest)| nearest.clone())
}
