//! Descriptions in `schema.graphql` that say nothing: `cargo xtask lint` refuses those that only repeat a name.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::process::workspace_root;

/// Words without content.
const FILLERS: [&str; 8] = ["the", "a", "an", "of", "this", "its", "s", "is"];

/// Fails when a description has no word beyond the name that it describes, and prints each.
pub(crate) fn check() -> Result<()> {
    let file = workspace_root().join("schema.graphql");
    let schema = fs::read_to_string(file).context("cannot read schema.graphql")?;
    let empty = empty_descriptions(&schema);
    for (name, description) in &empty {
        println!("schema.graphql: '{description}' only repeats '{name}'");
    }
    ensure!(
        empty.is_empty(),
        "{} descriptions in schema.graphql say nothing",
        empty.len()
    );
    Ok(())
}

/// Names and descriptions that have the same words.
fn empty_descriptions(schema: &str) -> Vec<(String, String)> {
    let mut empty = Vec::new();
    let mut description: Option<String> = None;
    let mut lines = schema.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(start) = line.strip_prefix("\"\"\"") {
            let text = if let Some(text) = start.strip_suffix("\"\"\"") {
                text.to_owned()
            } else {
                let rest: Vec<&str> = lines.by_ref().take_while(|line| *line != "\"\"\"").collect();
                format!("{start} {}", rest.join(" "))
            };
            description = Some(text.trim().to_owned());
        } else if let Some(text) = description.take() {
            let name = name(line);
            // A payload is described by its mutation, whose name it has.
            if !name.ends_with("Payload") && content(&text) == content(name) {
                empty.push((name.to_owned(), text));
            }
        }
    }
    empty
}

/// The name that a line defines: of a type, field, argument or value.
fn name(line: &str) -> &str {
    let keywords = ["type", "input", "enum", "interface", "union", "scalar", "directive"];
    let mut words = line.split([' ', '(', ':']).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let name = if keywords.contains(&first) {
        words.next().unwrap_or(first)
    } else {
        first
    };
    name.trim_start_matches('@')
}

/// The words with content, in lower case and sorted; `camelCase` and `UPPER_CASE` names are several words.
fn content(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in text.chars() {
        if !character.is_alphanumeric() || (was_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty() && !FILLERS.contains(&word.as_str()));
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_that_repeats_its_name_is_found() {
        let schema = "\"\"\"\nThe due date.\n\"\"\"\ndueDate: DateTime\n\"\"\"The task\"\"\"\ntype Task {\n";
        let names: Vec<String> = empty_descriptions(schema).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["dueDate", "Task"]);
    }

    #[test]
    fn description_with_a_unit_or_a_limit_says_something() {
        let schema = "\"\"\"\nDue date and time (UTC). Null if the task has none.\n\"\"\"\ndueDate: DateTime\n";
        assert!(empty_descriptions(schema).is_empty());
    }
}
