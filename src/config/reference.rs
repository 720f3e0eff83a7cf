//! Renders the reference of all settings as Markdown, for `docs/SETTINGS.md`.

use super::{
    ConfigError,
    secret_file::SECRETS,
    settings::{self, Behaviour, GROUPS, Group, Setting, Shown},
};

/// The text of the reference: a table for each group, and the settings that name files.
pub fn markdown() -> Result<String, ConfigError> {
    let behaviour = Behaviour::observe()?;
    let group = |group: &Group| {
        let rows: String = group.settings.iter().map(|setting| row(setting, &behaviour)).collect();
        format!(
            "## {}\n\n| setting | default | allowed | what it does |\n|---|---|---|---|\n{rows}\n",
            group.title
        )
    };
    Ok(GROUPS.map(group).concat() + &secrets())
}

fn row(setting: &Setting, behaviour: &Behaviour) -> String {
    let default = match behaviour.default(setting) {
        Shown::Constant(value) => code(&value),
        Shown::Described(words) => words.to_owned(),
        Shown::ByEnvironment {
            development,
            production,
        } => format!("{}; in production {}", code(&development), code(&production)),
    };
    format!(
        "| `{}` | {default} | {} | {} |\n",
        setting.name,
        allowed(setting).replace('|', "\\|"),
        linked(setting.summary)
    )
}

fn code(value: &str) -> String {
    settings::or_none(value).map_or("none".to_owned(), |value| format!("`{value}`"))
}

/// The allowed values of the error message, without the words that every number repeats.
fn allowed(setting: &Setting) -> String {
    let allowed = settings::allowed(setting).unwrap_or_else(|| "any text".to_owned());
    match allowed.strip_prefix("a whole number from ") {
        Some(bounds) => bounds.to_owned(),
        None => allowed,
    }
}

/// Turns names of pages into links relative to `docs`.
fn linked(summary: &str) -> String {
    summary.replace("docs/MIGRATING.md", "[MIGRATING.md](MIGRATING.md)")
}

fn secrets() -> String {
    let names = SECRETS.map(|name| format!("- `{name}_FILE`\n")).concat();
    format!(
        "## Secrets from files\n\nThese settings name a file with the value, such as a container secret or a systemd \
         credential. The setting without `_FILE` must then be unset or empty. `JWT_PRIVATE_KEY_FILE` is always a path.\n\n\
         {names}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_ends_with_this_text() {
        let page = include_str!("../../docs/SETTINGS.md");
        assert!(
            page.ends_with(&markdown().unwrap()),
            "docs/SETTINGS.md is out of date: run `cargo xtask settings`"
        );
    }

    #[test]
    fn allowed_values_of_numbers_flags_and_texts_are_short() {
        let words = |name: &str| allowed(settings::all().find(|setting| setting.name == name).unwrap());
        assert_eq!(words("SERVER_PORT"), "0 to 65535");
        assert_eq!(words("DEBUG"), "true or false");
        assert_eq!(words("JWT_ISSUER"), "any text");
    }
}
