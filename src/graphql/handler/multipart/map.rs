//! `map` of a multipart request: which file stands for which variables.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::response::Refusal;
use crate::graphql::upload::placeholder;

/// Which file stands for which variables.
pub(super) struct FileMap(Vec<Mapped>);

struct Mapped {
    /// The name of the file's part.
    part: String,
    /// Where it stands: `variables.file`, or `0.variables.file` in a batch.
    paths: Vec<String>,
}

impl FileMap {
    /// Reads the map, which names at most so many files.
    pub(super) fn read(text: &[u8], max_files: usize) -> Result<Self, Refusal> {
        let malformed = |error: serde_json::Error| {
            Refusal::bad_request(format!(
                "map is not a JSON object with a list of paths for each file, such as \
                 {{\"0\": [\"variables.file\"]}}: {error}"
            ))
        };
        let entries: Map<String, Value> = serde_json::from_slice(text).map_err(malformed)?;
        if entries.len() > max_files {
            let message = format!(
                "The request passes the limit of files: {}; up to {max_files} are allowed",
                entries.len()
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message));
        }
        let mut seen = BTreeSet::new();
        let mut files = Vec::with_capacity(entries.len());
        for (part, paths) in entries {
            let paths = Vec::<String>::deserialize(paths).map_err(malformed)?;
            if paths.is_empty() {
                return Err(Refusal::bad_request(format!("map names no path for the file '{part}'")));
            }
            if let Some(twice) = paths.iter().find(|path| !seen.insert((*path).clone())) {
                return Err(Refusal::bad_request(format!("map names the path '{twice}' twice")));
            }
            files.push(Mapped { part, paths });
        }
        Ok(Self(files))
    }

    /// The operations with a placeholder in the place of each file.
    pub(super) fn place(&self, operations: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut operations: Value = serde_json::from_slice(operations)
            .map_err(|error| Refusal::bad_request(format!("operations is not a GraphQL request in JSON: {error}")))?;
        for (number, file) in self.0.iter().enumerate() {
            for path in &file.paths {
                *target(&mut operations, path)? = placeholder(number).into();
            }
        }
        serde_json::to_vec(&operations).map_err(Refusal::internal)
    }

    /// Refuses more files than the operations take: what nobody asks for is not received.
    pub(super) fn check_count(&self, taken: usize) -> Result<(), Refusal> {
        if self.0.len() <= taken {
            return Ok(());
        }
        Err(Refusal::bad_request(format!(
            "map names {} files, but the fields of the operations take {taken}",
            self.0.len()
        )))
    }

    /// The names of the files' parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.part.as_str())
    }
}

/// The null that a path leads to.
fn target<'a>(operations: &'a mut Value, path: &str) -> Result<&'a mut Value, Refusal> {
    let mut steps = path.split('.').peekable();
    let mut found = Some(operations);
    if let Some(Value::Array(batch)) = found {
        let number = steps.next().and_then(|step| step.parse::<usize>().ok());
        found = number.and_then(|number| batch.get_mut(number));
    }
    // A file is a variable, or inside of one; nothing else of an operation may be changed.
    if steps.peek() != Some(&"variables") {
        found = None;
    }
    for step in steps {
        found = match found {
            Some(Value::Object(fields)) => fields.get_mut(step),
            Some(Value::Array(items)) => step.parse::<usize>().ok().and_then(|number| items.get_mut(number)),
            _ => None,
        };
    }
    match found {
        Some(value) if value.is_null() => Ok(value),
        _ => Err(Refusal::bad_request(format!(
            "map names the path '{path}', where no variable of the operations is null"
        ))),
    }
}
