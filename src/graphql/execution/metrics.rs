//! How many operations are run, how long that takes, and what comes of them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use tracing::Span;

use super::operation::Operation;
use crate::domain::error::Code;
use crate::telemetry::context;
use crate::telemetry::metric::{OPERATION_TIME, OPERATIONS};
use crate::telemetry::trace::TARGET;

/// So many names are told apart; clients make them up.
const MAX_NAMES: usize = 200;
/// A name with more characters is not told apart either.
const MAX_LENGTH: usize = 64;

/// The names of operations that are told apart: the first that users sent.
#[derive(Debug, Default)]
pub(in crate::graphql) struct Names(Mutex<HashSet<String>>);

/// An operation that runs.
pub(in crate::graphql) struct Measuring {
    kind: &'static str,
    name: String,
    began: Instant,
}

impl Names {
    /// Begins to measure an operation. Only users add names; whoever is not signed in could fill the room with nonsense.
    pub(in crate::graphql) fn begin(&self, operation: &Operation, is_of_user: bool) -> Measuring {
        let name = operation.prepared.operation.name.as_deref();
        context::set_operation(name.map_or("anonymous", |name| name.get(..MAX_LENGTH).unwrap_or(name)));
        Measuring {
            kind: match operation.kind() {
                OperationType::Query => "query",
                OperationType::Mutation => "mutation",
                OperationType::Subscription => "subscription",
            },
            name: name
                .map_or("anonymous", |name| self.told_apart(name, is_of_user))
                .to_owned(),
            began: Instant::now(),
        }
    }

    fn told_apart<'a>(&self, name: &'a str, may_add: bool) -> &'a str {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return name;
        }
        if may_add && names.len() < MAX_NAMES && name.len() <= MAX_LENGTH {
            names.insert(name.to_owned());
            return name;
        }
        "other"
    }
}

impl Measuring {
    /// Its span, under the name that it is counted by.
    pub(in crate::graphql) fn span(&self) -> Span {
        tracing::info_span!(
            target: TARGET,
            "graphql",
            otel.name = format!("{} {}", self.kind, self.name),
            "graphql.operation.type" = self.kind,
            graphql.operation.name = self.name,
        )
    }

    /// Counts it.
    pub(in crate::graphql) fn end(self, response: &Response) {
        let outcome = match (&response.data, response.errors.is_empty()) {
            (_, true) => "ok",
            _ if response.errors.iter().any(is_fault) => "error",
            (Value::Null, false) => "failed",
            (_, false) => "partial",
        };
        let time = metrics::histogram!(OPERATION_TIME, "kind" => self.kind, "operation" => self.name.clone());
        time.record(self.began.elapsed());
        metrics::counter!(OPERATIONS, "kind" => self.kind, "operation" => self.name, "outcome" => outcome).increment(1);
    }
}

/// Whether the server is to blame, which an answer with status 200 does not show.
fn is_fault(error: &ServerError) -> bool {
    let faults = [Code::Internal, Code::Unavailable].map(Code::as_str);
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    matches!(code, Some(Value::String(code)) if faults.contains(&code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_up_to_a_bound_and_only_as_users_send_them() {
        let names = Names::default();
        assert_eq!(names.told_apart("Page", false), "other");
        assert_eq!(names.told_apart("Page", true), "Page");
        assert_eq!(names.told_apart("Page", false), "Page");
        assert_eq!(names.told_apart(&"x".repeat(65), true), "other");
        for number in 1..MAX_NAMES {
            let name = format!("Q{number}");
            assert_eq!(names.told_apart(&name, true), name);
        }
        assert_eq!(names.told_apart("OneMore", true), "other");
    }
}
