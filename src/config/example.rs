//! Renders `.env.example`: every setting with a comment and its default.

use super::{
    ConfigError,
    secret_file::SECRETS,
    settings::{self, Behaviour, GROUPS, Group, Setting, Shown},
};

/// Longest line of a comment, in bytes.
const WIDTH: usize = 118;

/// The name of each setting, in the order of the file.
pub fn names() -> impl Iterator<Item = &'static str> {
    settings::all().map(|setting| setting.name)
}

/// The text of `.env.example`. `NAME=default`, or `#NAME=default` for a setting that packages set themselves.
pub fn text() -> Result<String, ConfigError> {
    filled_in(&[])
}

pub(crate) fn filled_in(values: &[(&str, &str)]) -> Result<String, ConfigError> {
    let behaviour = Behaviour::observe()?;
    let entry = |setting: &Setting| {
        let value = values.iter().find(|(name, _)| *name == setting.name);
        entry(setting, &behaviour, value.map(|(_, value)| *value))
    };
    let group = |group: &Group| {
        let entries: String = group.settings.iter().map(entry).collect();
        format!("\n# == {} ==\n{entries}", group.title)
    };
    Ok(header() + &GROUPS.map(group).concat())
}

fn header() -> String {
    let secrets = SECRETS.map(|name| format!("{name}_FILE")).join(", ");
    [
        "Settings of Taskwire. It reads `.env` in its working directory; the process environment has precedence.",
        "`taskwire config init` writes this file for development, `taskwire config init --production` for production.",
        "An empty value selects the default.",
        "A setting that is commented out shows its default. Packages (systemd unit, image) set these themselves.",
        &format!(
            "Secrets may be in files. These settings name a file with the value; the setting without _FILE must then be \
             empty: {secrets}."
        ),
    ]
    .map(comment)
    .concat()
}

fn entry(setting: &Setting, behaviour: &Behaviour, value: Option<&str>) -> String {
    let (default, note) = match behaviour.default(setting) {
        Shown::Constant(default) => (default, String::new()),
        Shown::Described(words) => (String::new(), format!(". Default: {words}")),
        Shown::ByEnvironment {
            development,
            production,
        } => {
            let [development, production] =
                [&development, &production].map(|value| settings::or_none(value).unwrap_or("none").to_owned());
            (
                String::new(),
                format!(". Default: {development} in development, {production} in production"),
            )
        }
    };
    let allowed = settings::allowed(setting).map_or(String::new(), |allowed| format!(". Allowed: {allowed}"));
    let hash = if setting.is_packaged && value.is_none() {
        "#"
    } else {
        ""
    };
    format!(
        "{}{hash}{}={}\n",
        comment(&format!("{}{allowed}{note}", setting.summary)),
        setting.name,
        value.unwrap_or(&default)
    )
}

fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_up_to_date() {
        assert!(
            text().unwrap() == include_str!("../../.env.example"),
            ".env.example is out of date: run `cargo xtask settings`"
        );
    }

    #[test]
    fn a_comment_is_wrapped_between_words() {
        assert_eq!(comment("a b"), "# a b\n");
        let long = comment(&"word ".repeat(60));
        assert!(
            long.lines()
                .all(|line| line.starts_with("# word") && line.len() <= WIDTH)
        );
        assert_eq!(long.matches("word").count(), 60);
    }
}
