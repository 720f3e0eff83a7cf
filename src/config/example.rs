//! The example file: every setting with a comment and its default.

/// `.env.example`. `NAME=default`, or `#NAME=default` for a setting that packages set themselves.
const TEXT: &str = include_str!("../../.env.example");

/// The name of each setting in the file, in its order.
pub fn names() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter_map(name)
}

/// The text of the file with these settings filled in.
pub(crate) fn filled_in(values: &[(&str, &str)]) -> String {
    let fill = |line: &str| match values.iter().find(|(setting, _)| name(line) == Some(*setting)) {
        Some((setting, value)) => format!("{setting}={value}\n"),
        None => format!("{line}\n"),
    };
    TEXT.lines().map(fill).collect::<Vec<_>>().concat()
}

/// The setting of a line. Prose has other characters before an equals sign.
fn name(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
    name.chars().all(|c| c.is_ascii_uppercase() || c == '_').then_some(name)
}
