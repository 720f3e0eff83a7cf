//! Tags of tasks: short lower-case words.

use std::collections::BTreeSet;

use super::error::{Error, Result, ViolationKind, excerpt};

/// Maximum number of characters of a tag.
pub const MAX_TAG_LENGTH: usize = 50;
/// Maximum number of tags of one task.
pub const MAX_TAGS: usize = 20;

/// A tag, with the number of visible tasks that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub name: String,
    /// Number of tasks with this tag.
    pub tasks: u64,
}

/// The tags of one task, distinct and in alphabetical order.
pub type Tags = BTreeSet<String>;

/// Normalises tags: trims them, converts them to lower case, and removes duplicates.
pub fn normalise<'a>(raw: impl IntoIterator<Item = &'a String>) -> Result<Tags> {
    raw.into_iter().map(|tag| normalise_one(tag)).collect()
}

fn normalise_one(raw: &str) -> Result<String> {
    let tag = raw.trim().to_lowercase();
    let length = tag.chars().count();
    if length == 0 || length > MAX_TAG_LENGTH {
        let shown = excerpt(raw);
        return Err(Error::violation(
            "tags",
            ViolationKind::of_length(length, 1, MAX_TAG_LENGTH),
            format!("tags: '{shown}' is {length} characters long; 1 to {MAX_TAG_LENGTH} are allowed"),
        ));
    }
    if tag.chars().any(char::is_control) {
        return Err(Error::invalid("tags", "tags: a tag cannot contain control characters"));
    }
    Ok(tag)
}

/// Fails if a task would have too many tags.
pub fn check_count(tags: &Tags) -> Result<()> {
    if tags.len() > MAX_TAGS {
        let count = tags.len();
        return Err(Error::violation(
            "tags",
            ViolationKind::TooLarge(MAX_TAGS),
            format!("tags: the task would have {count} tags; up to {MAX_TAGS} are allowed"),
        ));
    }
    Ok(())
}
