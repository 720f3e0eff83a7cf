//! Caches of validated documents and of their operations, normalised for their variables.
//!
//! The key of a document is the SHA-256 of its text, so the same cache serves Apollo's automatic persisted queries:
//! a client sends only the hash of a document that was sent before.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, SelectionSet,
};
use async_graphql::{Name, Positioned, Request, Variables};
use moka::sync::Cache;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::coercion::{self, Values};
use super::cost::{self, Cost};
use super::limits;
use super::memory::{self, check_repeated};
use super::model::Model;
use super::normalizer::{self, fields};
use super::problem::{Problem, Rejection};
use super::syntax::{self, Operation, parse};
use super::validation::validate;
use crate::config::{GraphqlConfig, GraphqlLimits};
use crate::graphql::context::RequestContext;
use crate::telemetry::metric::LookUps;

/// The SHA-256 of a document's text.
pub(in crate::graphql) type Hash = [u8; 32];

/// Capacity of the document cache, in bytes.
const DOCUMENTS: u64 = 32 * 1024 * 1024;
/// Capacity of the cache of normalised operations, in bytes.
const OPERATIONS: u64 = 32 * 1024 * 1024;

/// A valid document within the limits.
#[derive(Debug)]
pub(in crate::graphql) struct Document {
    pub(in crate::graphql) text: String,
    hash: Hash,
    parsed: syntax::Document,
    /// The prepared operation, if it is the only one and has no variables: then it is the same for all requests.
    constant: Option<Prepared>,
}

impl Document {
    /// Estimated memory, in bytes.
    fn memory(&self) -> usize {
        let constant = self.constant.as_ref();
        self.text.len() * memory::OF_A_BYTE + constant.map_or(0, |prepared| prepared.operation.memory())
    }

    /// Without a name, the only operation. Also returns its index.
    fn operation(&self, name: Option<&str>) -> Result<(usize, &Operation), Rejection> {
        let operations = &self.parsed.operations;
        let found = match name {
            Some(name) => operations.iter().position(|operation| named(operation) == Some(name)),
            None if operations.len() == 1 => Some(0),
            None => None,
        };
        if let Some(index) = found {
            return Ok((index, &operations[index]));
        }
        let names: Vec<&str> = operations.iter().filter_map(named).collect();
        let names = if names.is_empty() {
            "none with a name".to_owned()
        } else {
            names.join(", ")
        };
        let message = match name {
            Some(name) => format!(
                "operationName: the document has no operation '{}'; it has {names}",
                name.chars().take(80).collect::<String>()
            ),
            None => format!("operationName is missing, and the document has several operations: send one of {names}"),
        };
        Err(Rejection::invalid(vec![Problem::new(message)]))
    }

    pub(in crate::graphql) fn operations(&self) -> impl Iterator<Item = (OperationType, Option<&str>)> {
        self.parsed
            .operations
            .iter()
            .map(|operation| (operation.kind, named(operation)))
    }
}

fn named(operation: &Operation) -> Option<&str> {
    operation.name.as_ref().map(|name| name.node.as_str())
}

/// An operation as async-graphql executes it: without fragment spreads, directives or repeated fields.
#[derive(Debug)]
pub(in crate::graphql) struct Normalized {
    definition: Positioned<OperationDefinition>,
    pub(in crate::graphql) name: Option<Name>,
    /// Length of the document's text. The names in the operation are parts of it.
    text_bytes: usize,
}

impl Normalized {
    /// Estimated memory, in bytes.
    fn memory(&self) -> usize {
        self.text_bytes + memory::of_selections(self.selection_set())
    }

    /// The request for async-graphql. It contains the normalised operation, so the text is not parsed again.
    pub(in crate::graphql) fn request(&self, variables: Variables, context: RequestContext) -> Request {
        let mut request = Request::new("").variables(variables).data(context);
        request.set_parsed_query(self.document());
        request
    }

    pub(super) fn document(&self) -> ExecutableDocument {
        ExecutableDocument {
            operations: DocumentOperations::Single(self.definition.clone()),
            fragments: HashMap::default(),
        }
    }

    pub(super) fn kind(&self) -> OperationType {
        self.definition.node.ty
    }

    pub(in crate::graphql) fn selection_set(&self) -> &SelectionSet {
        &self.definition.node.selection_set.node
    }

    /// Whether it selects one of these fields, at any depth.
    pub(in crate::graphql) fn selects_any(&self, names: &[&str]) -> bool {
        fn selects(set: &SelectionSet, names: &[&str]) -> bool {
            fields(set)
                .any(|field| names.contains(&field.name.node.as_str()) || selects(&field.selection_set.node, names))
        }
        selects(self.selection_set(), names)
    }

    /// The first root field of this name; aliases can repeat it.
    pub(in crate::graphql) fn root_field(&self, name: &str) -> Option<&Field> {
        fields(self.selection_set()).find(|field| field.name.node == name)
    }

    /// The response key of the first root field.
    pub(in crate::graphql) fn first_key(&self) -> Option<&Name> {
        let first = fields(self.selection_set()).next();
        first.map(|field| &field.response_key().node)
    }
}

/// An operation with coerced variables and its cost.
#[derive(Clone, Debug)]
pub(in crate::graphql) struct Prepared {
    pub(in crate::graphql) operation: Arc<Normalized>,
    pub(in crate::graphql) values: Values,
    pub(in crate::graphql) cost: Cost,
}

/// Parses, validates and prepares operations. Caches documents and normalised operations.
pub struct Front {
    pub(in crate::graphql) model: Model,
    limits: GraphqlLimits,
    documents: Cache<Hash, Arc<Document>>,
    operations: Cache<(Hash, usize, String), Arc<Normalized>>,
    look_ups: LookUps,
}

impl Front {
    /// Creates a front for the schema with these settings.
    #[must_use]
    pub fn new(config: &GraphqlConfig) -> Self {
        let documents = Cache::builder()
            .max_capacity(DOCUMENTS)
            .weigher(|_: &Hash, document: &Arc<Document>| weight(document.memory()));
        let operations = Cache::builder()
            .max_capacity(OPERATIONS)
            .weigher(|_: &(Hash, usize, String), operation: &Arc<Normalized>| weight(operation.memory()));
        Self {
            model: Model::new(&crate::graphql::schema::sdl_in_order(), config.introspection),
            limits: config.limits,
            documents: documents.build(),
            operations: operations.build(),
            look_ups: LookUps::of("documents"),
        }
    }

    /// Looks up the cache of this node.
    pub(in crate::graphql) fn find(&self, hash: &Hash) -> Option<Arc<Document>> {
        let found = self.documents.get(hash);
        self.look_ups.count(found.is_some());
        found
    }

    /// Takes a document from the cache, or parses and validates it. `hash` is the SHA-256 of `text`, if already known.
    pub(in crate::graphql) fn read(&self, text: String, hash: Option<Hash>) -> Result<Arc<Document>, Rejection> {
        limits::within("bytes", text.len(), self.limits.bytes)?;
        let hash = hash.unwrap_or_else(|| hash_of(&text));
        if let Some(document) = self.find(&hash) {
            return Ok(document);
        }
        let parsed = parse(&text, &self.limits)?;
        limits::check(&parsed, &self.limits)?;
        let problems = validate(&parsed, &self.model);
        if !problems.is_empty() {
            return Err(Rejection::invalid(problems));
        }
        let mut document = Document {
            text,
            hash,
            parsed,
            constant: None,
        };
        document.constant = self.constant(&document);
        let document = Arc::new(document);
        self.documents.insert(hash, Arc::clone(&document));
        Ok(document)
    }

    fn constant(&self, document: &Document) -> Option<Prepared> {
        let [operation] = document.parsed.operations.as_slice() else {
            return None;
        };
        if !operation.variables.is_empty() {
            return None;
        }
        let values = Values::new();
        // Only a variable can make it fail.
        let operation = self.normalize(document, operation, &values).ok()?;
        Some(self.priced(Arc::new(operation), values))
    }

    /// Coerces the variables, normalises the operation and checks its cost. Without a name, takes the only operation.
    pub(in crate::graphql) fn prepare(
        &self,
        document: &Document,
        name: Option<&str>,
        given: Option<&Map<String, Json>>,
    ) -> Result<Prepared, Rejection> {
        let (index, operation) = document.operation(name)?;
        let prepared = match &document.constant {
            Some(constant) => constant.clone(),
            None => self.with_variables(document, index, operation, given)?,
        };
        if prepared.cost.points > self.limits.complexity {
            let message = format!(
                "The operation exceeds the limit of complexity: {}; up to {} are allowed. Select fewer rows with first, or fewer fields",
                prepared.cost.points, self.limits.complexity
            );
            return Err(Rejection::new("LIMIT_EXCEEDED", Problem::new(message)));
        }
        Ok(prepared)
    }

    /// Prepares an operation that has variables, or is one of several.
    fn with_variables(
        &self,
        document: &Document,
        index: usize,
        operation: &Operation,
        given: Option<&Map<String, Json>>,
    ) -> Result<Prepared, Rejection> {
        let bad_input = |problem| Rejection::new("BAD_USER_INPUT", problem);
        let values = coercion::coerce(operation, given, &self.model).map_err(bad_input)?;
        let operation = self
            .normalized(document, index, operation, &values)
            .map_err(bad_input)?;
        check_repeated(operation.selection_set(), &values)?;
        Ok(self.priced(operation, values))
    }

    fn priced(&self, operation: Arc<Normalized>, values: Values) -> Prepared {
        Prepared {
            cost: cost::cost(&operation.definition.node, &values, &self.model),
            operation,
            values,
        }
    }

    /// The cost in points, with the defaults of the variables. `None` if there is no such operation.
    pub(in crate::graphql) fn usual_cost(&self, document: &Document, name: Option<&str>) -> Option<u64> {
        let (index, operation) = document.operation(name).ok()?;
        let values = coercion::defaults(operation, &self.model);
        let normalized = self.normalized(document, index, operation, &values).ok()?;
        Some(self.priced(normalized, values).cost.points)
    }

    fn normalized(
        &self,
        document: &Document,
        index: usize,
        operation: &Operation,
        values: &Values,
    ) -> Result<Arc<Normalized>, Problem> {
        let key = (document.hash, index, normalizer::key(operation, values));
        if let Some(normalized) = self.operations.get(&key) {
            return Ok(normalized);
        }
        let normalized = Arc::new(self.normalize(document, operation, values)?);
        self.operations.insert(key, Arc::clone(&normalized));
        Ok(normalized)
    }

    fn normalize(&self, document: &Document, operation: &Operation, values: &Values) -> Result<Normalized, Problem> {
        Ok(Normalized {
            definition: normalizer::normalize(&document.parsed, operation, values, &self.model)?,
            name: operation.name.as_ref().map(|name| name.node.clone()),
            text_bytes: document.text.len(),
        })
    }
}

/// The weight of a cache entry, in bytes. 1024 bytes are an estimate for its key and overhead.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + 1024).unwrap_or(u32::MAX)
}

pub(in crate::graphql) fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Parses 64 hexadecimal digits.
pub(in crate::graphql) fn read_hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_texts_of_arguments_count_in_the_cache_of_operations() {
        const TEXT_BYTES: u64 = 60_000;
        const FLAGS: u32 = 10;
        let mut config = Config::load().unwrap().graphql;
        config.limits = GraphqlLimits::DEFAULT;
        let front = Front::new(&config);
        let flags = |written: fn(u32) -> String| (0..FLAGS).map(written).collect::<Vec<_>>().join(" ");
        let document = format!(
            "query({}) {{ task(id: \"{}\") {{ id }} {} }}",
            flags(|flag| format!("$f{flag}: Boolean!")),
            "x".repeat(usize::try_from(TEXT_BYTES).unwrap()),
            flags(|flag| format!("a{flag}: __typename @include(if: $f{flag})")),
        );
        let document = front.read(document, None).unwrap();
        // Each combination of flags is another operation, with another copy of the text.
        for combination in 0..1_u32 << FLAGS {
            let given = (0..FLAGS).map(|flag| (format!("f{flag}"), json!((combination >> flag) & 1 == 1)));
            let given: Map<String, Json> = given.collect();
            front.prepare(&document, None, Some(&given)).unwrap();
        }
        front.operations.run_pending_tasks();
        let kept = front.operations.entry_count() * TEXT_BYTES;
        assert!(kept <= OPERATIONS, "{kept} bytes of texts");
    }
}
