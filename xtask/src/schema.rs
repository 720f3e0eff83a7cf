//! `cargo xtask schema`: keeps `schema.graphql` the same as what the server says of itself.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, read, workspace_root};

/// Writes the file.
pub(crate) fn write() -> Result<()> {
    fs::write(file(), current()?).context("cannot write schema.graphql")
}

/// Fails when the file is not what `write` would leave.
pub(crate) fn check() -> Result<()> {
    let current = current()?;
    let kept = fs::read_to_string(file()).context("cannot read schema.graphql; `cargo xtask schema` writes it")?;
    match first_difference(&kept, &current) {
        None => Ok(()),
        Some(line) => {
            bail!("schema.graphql is out of date from line {line} on; run `cargo xtask schema`")
        }
    }
}

fn file() -> PathBuf {
    workspace_root().join("schema.graphql")
}

fn current() -> Result<String> {
    read(&mut cargo(["run", "--quiet", "--bin", "taskwire", "--", "schema"]))
}

/// The first line, counted from 1, at which two texts part.
fn first_difference(left: &str, right: &str) -> Option<usize> {
    if left == right {
        return None;
    }
    let same = left
        .split('\n')
        .zip(right.split('\n'))
        .take_while(|(left, right)| left == right)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_found_in_a_line_or_at_the_end() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\nb\n", "a\nb\nc\n"), Some(3));
        assert_eq!(first_difference("a\n", "a"), Some(2));
    }
}
