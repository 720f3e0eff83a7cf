//! Parser of the file `.env`, in the format that Python tools and containers use.
//!
//! - `NAME=value`, with or without `export`; ` # comments` after a value
//! - values with spaces and JSON lists need no quotes; quoted values may span lines
//! - escapes such as `\n` work in double quotes only
//! - `${NAME}` and `${NAME:-default}` are replaced except in single quotes; a `$` without braces is literal

use std::{collections::BTreeMap, fs, path::Path};

use super::{ConfigError, mask::MASK};

type Vars = BTreeMap<String, String>;

/// The text of the file; empty if the file does not exist.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    if !path.is_file() {
        return Ok(String::new());
    }
    fs::read_to_string(path).map_err(|error| ConfigError {
        variable: path.display().to_string(),
        value: Some(error.to_string()),
        allowed: "a readable file in UTF-8".to_owned(),
    })
}

/// For `${NAME}`, variables of `process` take precedence.
pub(super) fn parse(text: &str, process: &Vars) -> Result<Vars, ConfigError> {
    let mut vars = Vars::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let broken = || broken(index + 1, line);
        let (name, raw) = assignment(line).ok_or_else(broken)?;
        let mut following = lines.by_ref().map(|(_, line)| line);
        let (body, quote) = value(raw, &mut following).ok_or_else(broken)?;
        let known = |name: &str| process.get(name).or_else(|| vars.get(name)).map(String::as_str);
        let value = match quote {
            Some('\'') => body,
            _ => expand(&body, quote.is_some(), known),
        };
        vars.insert(name.to_owned(), value);
    }
    Ok(vars)
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value))
}

/// The text of a value, and its quote character.
fn value<'a>(raw: &str, following: &mut impl Iterator<Item = &'a str>) -> Option<(String, Option<char>)> {
    let Some(quote) = raw.trim_start().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Some((without_comment(raw).trim().to_owned(), None));
    };
    let mut body = raw.trim_start()[1..].to_owned();
    loop {
        if let Some(end) = closing(&body, quote) {
            let after = body[end + 1..].trim_start();
            let clean = after.is_empty() || after.starts_with('#');
            body.truncate(end);
            return clean.then_some((body, Some(quote)));
        }
        body.push('\n');
        body.push_str(following.next()?);
    }
}

/// A comment starts at a `#` after white space.
fn without_comment(raw: &str) -> &str {
    let comment = raw
        .match_indices('#')
        .find(|(at, _)| raw[..*at].ends_with(char::is_whitespace));
    comment.map_or(raw, |(at, _)| &raw[..at])
}

fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        if c == quote && !escaped {
            return Some(at);
        }
        escaped = quote == '"' && c == '\\' && !escaped;
        None
    })
}

/// Replaces `${NAME}`, and with `escapes` the escape sequences of double quotes.
fn expand<'a>(body: &str, escapes: bool, known: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        if let Some((reference, after)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            let (name, default) = reference.split_once(":-").unwrap_or((reference, ""));
            out.push_str(known(name).filter(|value| !value.is_empty()).unwrap_or(default));
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match (c, rest.chars().next()) {
            ('\\', Some(next)) if escapes => {
                rest = &rest[next.len_utf8()..];
                unescape(next, &mut out);
            }
            _ => out.push(c),
        }
    }
    out
}

fn unescape(escaped: char, out: &mut String) {
    match escaped {
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        '"' | '\'' | '\\' | '$' => out.push(escaped),
        other => out.extend(['\\', other]),
    }
}

/// The line may contain a secret, so the error has only the name.
fn broken(number: usize, line: &str) -> ConfigError {
    let shown = assignment(line).map_or(MASK.to_owned(), |(name, _)| format!("{name}={MASK}"));
    ConfigError {
        variable: format!(".env line {number}"),
        value: Some(shown),
        allowed: "NAME=value with closed quotes, a # comment or an empty line".to_owned(),
    }
}
