//! Checks documents without executing them, and returns the result as data.

use async_graphql::parser::types::ExecutableDocument;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::document::Front;
use super::problem::{Problem, Rejection};

/// The result of a check: validity, the cost of each operation, and errors.
#[derive(Debug, Serialize)]
pub struct CheckResult {
    valid: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operations: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Json>,
}

impl CheckResult {
    /// Whether the document and its variables are valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.valid
    }

    /// The result for input that cannot be read as a document.
    #[must_use]
    pub fn unreadable(message: String) -> Self {
        Self::rejected(Rejection::new("BAD_REQUEST", Problem::new(message)))
    }

    fn rejected(Rejection { code, problems }: Rejection) -> Self {
        let error = |problem: Problem| {
            let positions = problem.positions.iter();
            let locations: Vec<Json> = positions
                .map(|pos| json!({ "line": pos.line, "column": pos.column }))
                .collect();
            json!({ "code": code, "message": problem.message, "locations": locations })
        };
        Self {
            valid: false,
            operations: Vec::new(),
            variables: None,
            errors: problems.into_iter().map(error).collect(),
        }
    }
}

/// Checks a document, and its variables if there are any.
#[must_use]
pub fn check(front: &Front, text: String, name: Option<&str>, variables: Option<&Map<String, Json>>) -> CheckResult {
    let document = match front.read(text, None) {
        Ok(document) => document,
        Err(rejection) => return CheckResult::rejected(rejection),
    };
    let coerced = match variables.map(|given| front.prepare(&document, name, Some(given))) {
        None => None,
        Some(Ok(prepared)) => Some(json!(prepared.values)),
        Some(Err(rejection)) => return CheckResult::rejected(rejection),
    };
    let operations = document.operations().map(|(kind, name)| {
        let cost = front.usual_cost(&document, name);
        json!({ "name": name, "type": kind.to_string(), "cost": cost })
    });
    CheckResult {
        valid: true,
        operations: operations.collect(),
        variables: coerced,
        errors: Vec::new(),
    }
}

/// The normalised operation of a document. `None` if the document or its variables are invalid.
#[must_use]
pub fn executable(front: &Front, text: &str, variables: Option<&Map<String, Json>>) -> Option<ExecutableDocument> {
    let document = front.read(text.to_owned(), None).ok()?;
    let prepared = front.prepare(&document, None, variables).ok()?;
    Some(prepared.operation.document())
}
