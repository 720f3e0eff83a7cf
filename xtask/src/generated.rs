//! `cargo xtask schema` and `cargo xtask settings`: files that the server's own commands print.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, read, workspace_root};

/// The files of `cargo xtask schema`.
pub(crate) const SCHEMA: [Generated; 1] = [Generated {
    path: "schema.graphql",
    arguments: &["schema"],
    chore: "schema",
    has_introduction: false,
}];

/// The files of `cargo xtask settings`.
pub(crate) const SETTINGS: [Generated; 2] = [
    Generated {
        path: ".env.example",
        arguments: &["config", "reference", "--env"],
        chore: "settings",
        has_introduction: false,
    },
    Generated {
        path: "docs/SETTINGS.md",
        arguments: &["config", "reference"],
        chore: "settings",
        has_introduction: true,
    },
];

/// Writes the files, or fails when one is out of date.
pub(crate) fn run(files: &[Generated], check: bool) -> Result<()> {
    files
        .iter()
        .try_for_each(|file| if check { file.check() } else { file.write() })
}

/// A file that the server prints.
pub(crate) struct Generated {
    path: &'static str,
    /// The command line of the server.
    arguments: &'static [&'static str],
    /// The chore that writes the file.
    chore: &'static str,
    /// Whether people write what precedes the first heading of the second level.
    has_introduction: bool,
}

impl Generated {
    /// Writes the file.
    fn write(&self) -> Result<()> {
        let text = self.current()?;
        fs::write(workspace_root().join(self.path), text).with_context(|| format!("cannot write {}", self.path))
    }

    /// Fails when the file is not what `write` would leave.
    fn check(&self) -> Result<()> {
        match first_difference(&self.kept()?, &self.current()?) {
            None => Ok(()),
            Some(line) => bail!(
                "{} is out of date from line {line} on; run `cargo xtask {}`",
                self.path,
                self.chore
            ),
        }
    }

    fn current(&self) -> Result<String> {
        let mut command = cargo(["run", "--quiet", "--bin", "taskwire", "--"]);
        let printed = read(command.args(self.arguments))?;
        Ok(if self.has_introduction {
            introduction(&self.kept()?).to_owned() + &printed
        } else {
            printed
        })
    }

    fn kept(&self) -> Result<String> {
        let file = workspace_root().join(self.path);
        fs::read_to_string(file).with_context(|| format!("cannot read {}", self.path))
    }
}

/// What precedes the first heading of the second level.
fn introduction(page: &str) -> &str {
    page.find("\n## ").map_or(page, |end| &page[..=end])
}

/// The first line, counted from 1, at which two texts differ.
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

    #[test]
    fn introduction_ends_before_the_first_heading() {
        assert_eq!(introduction("# A\n\ntext\n\n## B\n\n## C\n"), "# A\n\ntext\n\n");
        assert_eq!(introduction("# A\n"), "# A\n");
    }
}
