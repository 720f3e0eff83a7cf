//! Documents: parsed and measured once, then kept for whoever sends the same one again.
//!
//! They are kept by the SHA-256 of their text, so the same store serves Apollo's automatic persisted
//! queries: a client sends only the hash of a document that was sent before.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, ServerError, parser};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::limits::{self, Excess};
use super::row::NothingToMerge;
use crate::config::GraphqlLimits;
use crate::meter::LookUps;

/// The SHA-256 of a document's text.
pub(super) type Hash = [u8; 32];

/// How much memory the documents may take together, in bytes.
const CAPACITY: u64 = 32 * 1024 * 1024;
/// A parsed document takes so many times the memory of its text, by a rough count.
const WEIGHT_OF_A_BYTE: usize = 24;

/// A document that was parsed and keeps to the limits.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) parsed: ExecutableDocument,
    /// Whether no object is selected twice under one key.
    pub(super) nothing_to_merge: Option<NothingToMerge>,
    /// Whether its one operation was found valid.
    is_valid: AtomicBool,
}

impl Document {
    fn new(text: String, parsed: ExecutableDocument) -> Self {
        Self {
            nothing_to_merge: NothingToMerge::of(&parsed),
            is_valid: AtomicBool::new(false),
            text,
            parsed,
        }
    }

    /// Whether its one operation was found valid.
    pub(super) fn is_valid(&self) -> bool {
        self.is_valid.load(Ordering::Relaxed)
    }

    /// An operation was found valid. Of several, each would have to be.
    pub(super) fn note_valid(&self) {
        let is_the_only_one = self.parsed.operations.iter().count() == 1;
        self.is_valid.store(is_the_only_one, Ordering::Relaxed);
    }

    /// The operation that is meant: the one of this name, or the only one.
    pub(super) fn operation(&self, name: Option<&str>) -> Option<&OperationDefinition> {
        let mut candidates = self
            .parsed
            .operations
            .iter()
            .filter(|(candidate, _)| name.is_none() || candidate.map(Name::as_str) == name);
        let (_, operation) = candidates.next()?;
        candidates.next().is_none().then_some(&operation.node)
    }

    /// How many fields of the root the operation of this name selects, by their names in the answer.
    pub(super) fn root_fields(&self, operation: Option<&str>) -> usize {
        let mut names = HashSet::new();
        if let Some(operation) = self.operation(operation) {
            self.collect(&operation.selection_set.node, &mut names);
        }
        names.len()
    }

    fn collect<'a>(&'a self, set: &'a SelectionSet, names: &mut HashSet<&'a str>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    names.insert(field.node.response_key().node.as_str());
                }
                Selection::InlineFragment(fragment) => self.collect(&fragment.node.selection_set.node, names),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.parsed.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(&fragment.node.selection_set.node, names);
                    }
                }
            }
        }
    }

    /// Whether the operation of this name selects a root field of that one, in fragments too.
    pub(super) fn selects_at_root(&self, operation: Option<&str>, field: &str) -> bool {
        self.operation(operation)
            .is_some_and(|operation| self.holds(&operation.selection_set.node, field))
    }

    fn holds(&self, set: &SelectionSet, name: &str) -> bool {
        set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => field.node.name.node == name,
            Selection::InlineFragment(fragment) => self.holds(&fragment.node.selection_set.node, name),
            Selection::FragmentSpread(spread) => {
                let fragment = self.parsed.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| self.holds(&fragment.node.selection_set.node, name))
            }
        })
    }
}

/// Why a text is no document that can be run.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It passes a limit.
    Excess(Excess),
    /// It is not GraphQL.
    Syntax(ServerError),
}

/// The documents that were sent lately.
pub(super) struct Documents {
    limits: GraphqlLimits,
    kept: Cache<Hash, Arc<Document>>,
    look_ups: LookUps,
}

impl Documents {
    pub(super) fn new(limits: GraphqlLimits) -> Self {
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_: &Hash, document: &Arc<Document>| {
                u32::try_from(document.text.len() * WEIGHT_OF_A_BYTE + 1024).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            limits,
            kept,
            look_ups: LookUps::of("documents"),
        }
    }

    /// The document with this hash, if it was sent before.
    pub(super) fn find(&self, hash: &Hash) -> Option<Arc<Document>> {
        let found = self.kept.get(hash);
        self.look_ups.count(found.is_some());
        found
    }

    /// The document with this text. `hash` is the hash of the text, if it is known already.
    pub(super) fn read(&self, text: String, hash: Option<Hash>) -> Result<Arc<Document>, Unusable> {
        limits::check_length(&text, &self.limits).map_err(Unusable::Excess)?;
        let hash = hash.unwrap_or_else(|| hash_of(&text));
        if let Some(document) = self.find(&hash) {
            return Ok(document);
        }
        limits::check_tokens(&text, &self.limits).map_err(Unusable::Excess)?;
        let parsed = parser::parse_query(&text).map_err(|error| Unusable::Syntax(readable(error)))?;
        limits::check(&parsed, &self.limits).map_err(Unusable::Excess)?;
        let document = Arc::new(Document::new(text, parsed));
        self.kept.insert(hash, Arc::clone(&document));
        Ok(document)
    }
}

/// The hash of a document's text.
pub(super) fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Reads a hash as clients write it, in hexadecimal.
pub(super) fn read_hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

/// The parser draws the document with an arrow; clients have the locations, and need only what was expected.
fn readable(error: parser::Error) -> ServerError {
    let mut error = ServerError::from(error);
    if let Some((_, expected)) = error.message.rsplit_once("\n  = ") {
        error.message = format!("Syntax error: {}", expected.trim());
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GraphqlLimits = GraphqlLimits {
        bytes: 1_000,
        tokens: 20,
        depth: 15,
        fields: 500,
        aliases: 30,
        directives: 50,
        complexity: 10_000,
        batch: 10,
    };

    #[test]
    fn a_document_is_found_by_its_hash_once_it_was_read() {
        let documents = Documents::new(LIMITS);
        let hash = hash_of("{ viewer { id } }");
        assert!(documents.find(&hash).is_none());
        let read = documents.read("{ viewer { id } }".to_owned(), None).unwrap();
        let found = documents.find(&hash).unwrap();
        assert!(Arc::ptr_eq(&read, &found));
    }

    #[test]
    fn what_cannot_be_run_is_not_kept() {
        let documents = Documents::new(LIMITS);
        for text in ["{", &"a ".repeat(30), &" ".repeat(1_001)] {
            assert!(documents.read(text.to_owned(), None).is_err());
            assert!(documents.find(&hash_of(text)).is_none());
        }
    }

    #[test]
    fn a_syntax_error_says_what_was_expected_and_where() {
        let documents = Documents::new(LIMITS);
        let Err(Unusable::Syntax(error)) = documents.read("{ viewer { id }".to_owned(), None) else {
            panic!("it has no end");
        };
        assert!(
            error.message.starts_with("Syntax error: expected "),
            "{}",
            error.message
        );
        assert_eq!(error.locations.len(), 1);
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits() {
        let text = "{}";
        let hex = hex::encode(hash_of(text));
        assert_eq!(read_hash(&hex), Some(hash_of(text)));
        assert_eq!(read_hash(&hex.to_uppercase()), Some(hash_of(text)));
        for wrong in ["", "ab", &"+1".repeat(32), &"é".repeat(32), &"xy".repeat(32)] {
            assert_eq!(read_hash(wrong), None, "{wrong}");
        }
    }
}
