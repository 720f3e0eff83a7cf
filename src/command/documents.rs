//! `taskwire documents`: validates GraphQL documents without a server, for builds and for comparisons in tests.

use std::fs;
use std::io::{self, BufRead, Cursor};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::output;
use crate::config::Config;
use crate::graphql::execution::Front;
use crate::graphql::execution::check::{CheckResult, check};

/// A line of the input.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Text(String),
    Request(Request),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(alias = "body", alias = "text")]
    query: String,
    id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
}

/// A line of the output.
#[derive(Debug, Serialize)]
struct Checked {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(flatten)]
    verdict: CheckResult,
}

/// Reads standard input if the file is `-`. Fails if a document is not valid.
pub(super) fn run(file: &Path) -> Result<()> {
    let front = Front::new(&Config::load()?.graphql);
    let (mut total, mut invalid) = (0_usize, 0_usize);
    let mut judge = |line: Result<Request, String>| -> Result<()> {
        let (id, verdict) = match line {
            Ok(request) => {
                let name = request.operation_name.filter(|name| !name.is_empty());
                let verdict = check(&front, request.query, name.as_deref(), request.variables.as_ref());
                (request.id, verdict)
            }
            Err(message) => (None, CheckResult::unreadable(message)),
        };
        total += 1;
        invalid += usize::from(!verdict.is_valid());
        output::line(&serde_json::to_string(&Checked { id, verdict })?)
    };
    let text = if file == Path::new("-") {
        None
    } else {
        let text = fs::read_to_string(file);
        Some(text.with_context(|| format!("cannot read the documents of {}", file.display()))?)
    };
    if let Some(requests) = text.as_deref().and_then(manifest) {
        requests.into_iter().map(Ok).try_for_each(&mut judge)?;
    } else {
        let input: Box<dyn BufRead> = match text {
            Some(text) => Box::new(Cursor::new(text)),
            None => Box::new(io::stdin().lock()),
        };
        for (index, line) in input.lines().enumerate() {
            let line = line.context("cannot read the documents")?;
            if !line.trim().is_empty() {
                judge(read(&line, index + 1))?;
            }
        }
    }
    anyhow::ensure!(invalid == 0, "{invalid} of {total} documents are not valid");
    Ok(())
}

fn read(line: &str, number: usize) -> Result<Request, String> {
    match serde_json::from_str(line) {
        Ok(Line::Text(query)) => Ok(Request {
            query,
            ..Request::default()
        }),
        Ok(Line::Request(request)) => Ok(request),
        Err(error) => Err(format!(
            "Line {number} is not a document: {error}; write a JSON string, or an object with query"
        )),
    }
}

/// The documents of a manifest of persisted operations. Apollo's has a list `operations`; that of Relay and of GraphQL
/// Code Generator's client preset maps ids to documents. `None` if the text is no manifest.
fn manifest(text: &str) -> Option<Vec<Request>> {
    let Value::Object(manifest) = serde_json::from_str(text).ok()? else {
        return None;
    };
    if let Some(operations) = manifest.get("operations") {
        return Vec::<Request>::deserialize(operations).ok();
    }
    let documents = manifest.into_iter().map(|(id, document)| {
        let query = document.as_str()?.to_owned();
        Some(Request {
            query,
            id: Some(id),
            ..Request::default()
        })
    });
    // A single request has the same form; it is read as a line.
    documents
        .collect::<Option<Vec<_>>>()
        .filter(|documents| documents.iter().all(|document| document.id.as_deref() != Some("query")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_manifest() {
        for lines in [
            "\"{ a }\"\n\"{ b }\"",
            r#"{"query": "{ a }"}"#,
            r#"{"query": "{ a }", "variables": {}}"#,
        ] {
            assert!(manifest(lines).is_none(), "{lines}");
        }
        assert_eq!(
            read(r#"{"query": "{ a }", "operationName": "A"}"#, 1)
                .unwrap()
                .operation_name
                .as_deref(),
            Some("A")
        );
    }
}
