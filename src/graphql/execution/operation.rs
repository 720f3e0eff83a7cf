//! A prepared operation: its document, name, variables and cost.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{PathSegment, ServerError, Variables};
use serde_json::{Map, Value as Json, json};

use super::cost::SIGNING_IN;
use super::document::{Document, Prepared, hash_of};
use crate::graphql::response_size::ResponseSize;
use crate::graphql::types::session::SECRET_FIELDS;

pub(in crate::graphql) struct Operation {
    pub(in crate::graphql) document: Arc<Document>,
    pub(in crate::graphql) name: Option<String>,
    /// The variables as the client sent them.
    pub(in crate::graphql) given: Option<Map<String, Json>>,
    pub(in crate::graphql) prepared: Prepared,
    pub(in crate::graphql) response_size: Arc<ResponseSize>,
    /// Whether the response has the cost, in `extensions.cost`. Only HTTP requests can ask for it, by a header.
    pub(in crate::graphql) shows_cost: bool,
}

impl Operation {
    pub(in crate::graphql) fn kind(&self) -> OperationType {
        self.prepared.operation.kind()
    }

    pub(in crate::graphql) fn is_query(&self) -> bool {
        self.kind() == OperationType::Query
    }

    pub(in crate::graphql) fn is_subscription(&self) -> bool {
        self.kind() == OperationType::Subscription
    }

    pub(in crate::graphql) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        variables.extend(self.prepared.values.clone());
        variables
    }

    /// Length of the document and of the variables as JSON.
    pub(in crate::graphql) fn text_bytes(&self) -> usize {
        let given = self.given.as_ref().map(serde_json::to_string);
        // Serialising JSON values cannot fail.
        self.document.text.len() + given.map_or(0, |given| given.unwrap_or_default().len())
    }

    /// Shares one limit of response size with the other operations of a batch.
    pub(in crate::graphql) fn within(mut self, size: &ResponseSize) -> Self {
        self.response_size = Arc::new(size.share());
        self
    }

    /// Sets the path of an error of the whole response to the first field: a path marks errors after execution began.
    pub(super) fn at_root(&self, mut error: ServerError) -> ServerError {
        let first = self.prepared.operation.first_key();
        error.path = first
            .map(|key| PathSegment::Field(key.to_string()))
            .into_iter()
            .collect();
        error
    }

    pub(in crate::graphql) fn signs_in(&self) -> bool {
        let operation = &self.prepared.operation;
        SIGNING_IN.iter().any(|name| operation.root_field(name).is_some())
    }

    /// Whether its response can contain tokens.
    pub(in crate::graphql) fn shows_secrets(&self) -> bool {
        self.prepared.operation.selects_any(&SECRET_FIELDS)
    }

    pub(in crate::graphql) fn uploads(&self) -> usize {
        self.prepared.cost.uploads as usize
    }

    /// Hash of the document, the operation name and the variables.
    pub(in crate::graphql) fn fingerprint(&self) -> String {
        let whole = json!([self.document.text, self.name, self.given]);
        hex::encode(hash_of(&whole.to_string()))
    }
}
