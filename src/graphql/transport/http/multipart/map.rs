//! `map` of a multipart request: assigns files to variables.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::request::Posted;
use crate::graphql::execution::response::Refusal;
use crate::graphql::upload::placeholder;
use crate::http::json::check_bounds;

pub(super) struct FileMap(Vec<Mapped>);

struct Mapped {
    /// Name of the form part.
    part: String,
    /// Paths such as `variables.file`, or `0.variables.file` in a batch.
    paths: Vec<String>,
}

impl FileMap {
    /// Parses the map, which can name up to `max_files` files.
    pub(super) fn read(text: &[u8], max_files: usize) -> Result<Self, Refusal> {
        check_bounds(text).map_err(|excess| Refusal::bad_request(format!("map is {excess}")))?;
        let Entries(entries) = serde_json::from_slice(text).map_err(|error| {
            Refusal::bad_request(format!(
                "map is not a JSON object with a list of paths for each file, such as \
                 {{\"0\": [\"variables.file\"]}}: {error}"
            ))
        })?;
        Refusal::check_limit("files", entries.len(), max_files)?;
        let (mut parts, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for Mapped { part, paths } in &entries {
            if !parts.insert(part) {
                return Err(Refusal::bad_request(format!("map names the file '{part}' twice")));
            }
            if paths.is_empty() {
                return Err(Refusal::bad_request(format!("map names no path for the file '{part}'")));
            }
            if let Some(twice) = paths.iter().find(|path| !seen.insert(*path)) {
                return Err(Refusal::bad_request(format!("map names the path '{twice}' twice")));
            }
        }
        Ok(Self(entries))
    }

    /// Replaces the null at each path by a placeholder for its file.
    pub(super) fn place(&self, operations: &mut Posted) -> Result<(), Refusal> {
        for (number, file) in self.0.iter().enumerate() {
            for path in &file.paths {
                let null = target(operations, path).ok_or_else(|| {
                    Refusal::bad_request(format!(
                        "map names the path '{path}', where no variable of the operations is null"
                    ))
                })?;
                *null = placeholder(number).into();
            }
        }
        Ok(())
    }

    /// Refuses more files than the operations take, before they are received.
    pub(super) fn check_count(&self, taken: usize) -> Result<(), Refusal> {
        if self.0.len() <= taken {
            return Ok(());
        }
        Err(Refusal::bad_request(format!(
            "map names {} files, but the fields of the operations take {taken}",
            self.0.len()
        )))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.part.as_str())
    }
}

/// The null at a path. Paths can only lead to variables and into them, not to other parts of an operation.
fn target<'a>(operations: &'a mut Posted, path: &str) -> Option<&'a mut Value> {
    let mut steps = path.split('.');
    let operation = match operations {
        Posted::One(operation) => operation,
        Posted::Many(batch) => batch.get_mut(steps.next()?.parse::<usize>().ok()?)?,
    };
    if steps.next()? != "variables" {
        return None;
    }
    let mut found = operation.variables.as_mut()?.get_mut(steps.next()?)?;
    for step in steps {
        found = match found {
            Value::Object(fields) => fields.get_mut(step)?,
            Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    found.is_null().then_some(found)
}

/// The members in order, including duplicates: a map type would keep only the last.
struct Entries(Vec<Mapped>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some((part, paths)) = members.next_entry()? {
            entries.push(Mapped { part, paths });
        }
        Ok(Entries(entries))
    }
}
