//! Whether a document selects an object twice under one key, so that its answer has the fields of both.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// Data of a request whose document selects no object twice under one key: answers written as JSON cannot be merged.
#[derive(Clone, Copy, Debug)]
pub struct NothingToMerge(());

impl NothingToMerge {
    /// Whether it holds of a document.
    #[must_use]
    pub fn of(document: &ExecutableDocument) -> Option<Self> {
        (!may_merge(document)).then_some(Self(()))
    }
}

/// Fragments are taken to hold for every type.
fn may_merge(document: &ExecutableDocument) -> bool {
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set);
    operations.chain(fragments).any(|set| any_below(document, &set.node))
}

/// Whether the set does, or one below it.
fn any_below(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    let mut seen = Seen::default();
    !seen.add_all(document, set)
        || set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => any_below(document, &field.node.selection_set.node),
            Selection::InlineFragment(fragment) => any_below(document, &fragment.node.selection_set.node),
            // It is looked at by itself.
            Selection::FragmentSpread(_) => false,
        })
}

/// The objects and fragments of one set.
#[derive(Default)]
struct Seen<'a> {
    objects: HashSet<&'a Name>,
    fragments: HashSet<&'a Name>,
}

impl<'a> Seen<'a> {
    /// Whether nothing in the set was there before.
    fn add_all(&mut self, document: &'a ExecutableDocument, set: &'a SelectionSet) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) if field.node.selection_set.node.items.is_empty() => true,
            Selection::Field(field) => self.objects.insert(&field.node.response_key().node),
            Selection::InlineFragment(fragment) => self.add_all(document, &fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = document.fragments.get(name);
                self.fragments.insert(name)
                    && fragment.is_none_or(|fragment| self.add_all(document, &fragment.node.selection_set.node))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn merges(text: &str) -> bool {
        may_merge(&parse_query(text).unwrap())
    }

    #[test]
    fn an_object_under_one_key_twice_is_merged_wherever_it_stands() {
        assert!(merges("{ a { b } a { c } }"));
        assert!(merges("{ x: a { b } x: a { c } }"));
        assert!(merges("{ q { a { b } ... on T { a { c } } } }"));
        assert!(merges("{ q { a { b } ...F } } fragment F on T { a { c } }"));
        assert!(merges(
            "{ q { ...F ...G } } fragment F on T { a { b } } fragment G on T { a { c } }"
        ));
        assert!(merges("{ q { ...F ...F } } fragment F on T { a { b } }"));
        assert!(merges("{ q { ...F } } fragment F on T { a { b } a { c } }"));
        assert!(merges(
            "{ ...F q { a } } fragment F on Query { ...G } fragment G on Query { q { b } }"
        ));
    }

    #[test]
    fn what_stands_once_is_not() {
        assert!(!merges("{ a { b } c { b } }"));
        assert!(!merges("{ x: a { b } y: a { b } }"));
        assert!(!merges("{ a { t t ...F } } fragment F on T { t }"));
        assert!(!merges("{ a { ...F } b { ...F } } fragment F on T { c { d } }"));
        assert!(!merges("query A { a { b } } query B { a { c } }"));
    }
}
