//! An operation that was prepared: what it is, what was given with it, and what the library executes.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{PathSegment, Request, ServerError, Variables};
use serde_json::{Map, Value as Json, json};

use super::cost::SIGNING_IN;
use super::document::{Document, Prepared, hash_of};
use crate::graphql::answer_size::AnswerSize;
use crate::graphql::context::RequestContext;
use crate::graphql::types::session::SECRET_FIELDS;

/// An operation that may run once it is paid for.
pub(in crate::graphql) struct Operation {
    pub(in crate::graphql) document: Arc<Document>,
    pub(in crate::graphql) name: Option<String>,
    pub(super) given: Option<Map<String, Json>>,
    pub(in crate::graphql) prepared: Prepared,
    pub(in crate::graphql) answer_size: Arc<AnswerSize>,
}

impl Operation {
    /// What it is: a query, a mutation or a subscription.
    pub(in crate::graphql) fn kind(&self) -> OperationType {
        self.prepared.operation.kind
    }

    /// Whether it only reads.
    pub(in crate::graphql) fn is_query(&self) -> bool {
        self.kind() == OperationType::Query
    }

    /// Whether it is answered with each event.
    pub(in crate::graphql) fn is_subscription(&self) -> bool {
        self.kind() == OperationType::Subscription
    }

    /// The values of its variables.
    pub(in crate::graphql) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        variables.extend(self.prepared.values.clone());
        variables
    }

    /// What the library executes, in this context. The text is not looked at again: the normalised operation goes with it.
    pub(in crate::graphql) fn request(&self, variables: Variables, context: RequestContext) -> Request {
        let mut request = Request::new("").variables(variables).data(context);
        request.set_parsed_query(self.prepared.operation.document.clone());
        request
    }

    /// The variables that were given with it, by name.
    pub(in crate::graphql) fn given(&self) -> Option<&Map<String, Json>> {
        self.given.as_ref()
    }

    /// The same in a request with others, whose answers together have a limit.
    pub(in crate::graphql) fn within(mut self, size: &AnswerSize) -> Self {
        self.answer_size = Arc::new(size.share());
        self
    }

    /// An error of the whole answer. It has the path of the first field, for it comes after execution.
    pub(super) fn at_root(&self, mut error: ServerError) -> ServerError {
        let first = self.prepared.operation.first_key();
        error.path = first
            .map(|key| PathSegment::Field(key.to_string()))
            .into_iter()
            .collect();
        error
    }

    /// Whether it signs somebody in.
    pub(in crate::graphql) fn signs_in(&self) -> bool {
        let operation = &self.prepared.operation;
        SIGNING_IN.iter().any(|name| operation.selects_at_root(name))
    }

    /// Whether its answer can hold tokens.
    pub(in crate::graphql) fn shows_secrets(&self) -> bool {
        self.prepared.operation.selects_any(&SECRET_FIELDS)
    }

    /// How many files it takes.
    pub(in crate::graphql) fn uploads(&self) -> usize {
        self.prepared.cost.uploads as usize
    }

    /// Tells this operation and its variables from others.
    pub(in crate::graphql) fn fingerprint(&self) -> String {
        let whole = json!([self.document.text, self.name, self.given]);
        hex::encode(hash_of(&whole.to_string()))
    }
}
