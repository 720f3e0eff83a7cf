//! Errors in documents and variables.

use std::fmt::Display;

use async_graphql::Pos;

/// An error in a document or in its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) struct Problem {
    pub(super) message: String,
    pub(super) positions: Vec<Pos>,
}

impl Problem {
    /// A problem without a position.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            positions: Vec::new(),
        }
    }
}

/// Why a document or an operation is rejected: an error code and at least one problem.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::graphql) struct Rejection {
    pub(super) code: &'static str,
    pub(super) problems: Vec<Problem>,
}

impl Rejection {
    pub(super) fn new(code: &'static str, problem: Problem) -> Self {
        let problems = vec![problem];
        Self { code, problems }
    }

    /// Not valid GraphQL.
    pub(super) fn syntax(message: &str, pos: Pos) -> Self {
        let (message, positions) = (format!("Syntax error: {message}"), vec![pos]);
        Self::new("GRAPHQL_PARSE_FAILED", Problem { message, positions })
    }

    /// The document exceeds a limit.
    pub(super) fn limit(what: &str, reached: impl Display, allowed: usize) -> Self {
        let message = format!("The document exceeds the limit of {what}: {reached}; up to {allowed} are allowed");
        Self::new("LIMIT_EXCEEDED", Problem::new(message))
    }

    /// Valid GraphQL that does not fit the schema.
    pub(super) fn invalid(problems: Vec<Problem>) -> Self {
        let code = "GRAPHQL_VALIDATION_FAILED";
        Self { code, problems }
    }
}
