//! Metrics and spans of operations: count, duration and outcome.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use tracing::Span;

use super::operation::Operation;
use super::response::code_of;
use crate::domain::error::Code;
use crate::telemetry::context;
use crate::telemetry::metric::{OPERATION_TIME, OPERATIONS};
use crate::telemetry::timings::Timings;
use crate::telemetry::trace::TARGET;

/// Maximum number of operation names in metrics: clients choose the names.
const MAX_NAMES: usize = 200;
/// Maximum length of a name, in bytes. Longer names count as `other`.
const MAX_LENGTH: usize = 64;
/// The name of operations without a name.
const ANONYMOUS: Cow<'static, str> = Cow::Borrowed("anonymous");

#[derive(Debug, Default)]
pub(in crate::graphql) struct OperationMetrics {
    /// The operation names in metrics: the first ones that signed-in users sent.
    names: Mutex<HashSet<String>>,
    timings: Timings<OperationLabels>,
}

/// Kind, name and outcome.
type OperationLabels = (&'static str, Cow<'static, str>, &'static str);

pub(in crate::graphql) struct Measuring<'a> {
    timings: &'a Timings<OperationLabels>,
    kind: &'static str,
    name: Cow<'static, str>,
    began: Instant,
}

impl OperationMetrics {
    /// Starts a measurement. Only signed-in users add names, because anonymous clients could fill the set.
    pub(in crate::graphql) fn begin(&self, operation: &Operation, is_of_user: bool) -> Measuring<'_> {
        let name = operation.prepared.operation.name.as_deref();
        let logged = name.map(|name| name.get(..MAX_LENGTH).unwrap_or(name));
        context::set_operation(logged.map_or(ANONYMOUS, |name| name.to_owned().into()));
        Measuring {
            timings: &self.timings,
            kind: match operation.kind() {
                OperationType::Query => "query",
                OperationType::Mutation => "mutation",
                OperationType::Subscription => "subscription",
            },
            name: name.map_or(ANONYMOUS, |name| self.label(name, is_of_user).to_owned().into()),
            began: Instant::now(),
        }
    }

    fn label<'a>(&self, name: &'a str, may_add: bool) -> &'a str {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
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

impl Measuring<'_> {
    pub(in crate::graphql) fn span(&self) -> Span {
        tracing::info_span!(
            target: TARGET,
            "graphql",
            otel.name = format!("{} {}", self.kind, self.name),
            "graphql.operation.type" = self.kind,
            graphql.operation.name = &*self.name,
        )
    }

    pub(in crate::graphql) fn end(self, response: &Response) {
        let outcome = match (&response.data, response.errors.is_empty()) {
            (_, true) => "ok",
            _ if response.errors.iter().any(is_fault) => "error",
            (Value::Null, false) => "failed",
            (_, false) => "partial",
        };
        let (labels, time) = ((self.kind, self.name, outcome), self.began.elapsed());
        self.timings.record(labels, time, |(kind, name, outcome)| {
            (
                metrics::histogram!(OPERATION_TIME, "kind" => *kind, "operation" => name.clone()),
                metrics::counter!(OPERATIONS, "kind" => *kind, "operation" => name.clone(), "outcome" => *outcome),
            )
        });
    }
}

/// Whether the server caused the error. The HTTP status can be 200 even then.
fn is_fault(error: &ServerError) -> bool {
    let faults = [Code::Internal, Code::Unavailable].map(Code::as_str);
    code_of(error).is_some_and(|code| faults.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_limited_and_only_users_add_them() {
        let names = OperationMetrics::default();
        assert_eq!(names.label("Page", false), "other");
        assert_eq!(names.label("Page", true), "Page");
        assert_eq!(names.label("Page", false), "Page");
        assert_eq!(names.label(&"x".repeat(65), true), "other");
        for number in 1..MAX_NAMES {
            let name = format!("Q{number}");
            assert_eq!(names.label(&name, true), name);
        }
        assert_eq!(names.label("OneMore", true), "other");
    }
}
