//! What a document may cost, found out before anything runs.
//!
//! Fragments are counted once each and their sums added where they are spread, saturating: a chain
//! of fragments that each spread the next one twice costs no more to count than to read.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned};

use super::tokens;
use crate::config::GraphqlLimits;

/// Why a document is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It passes a limit. The text names the limit, the value reached and what is allowed.
    Limit(String),
    /// A fragment spreads itself, so that it has no end.
    Cycle(String),
}

/// What a selection holds once its fragments are expanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    /// Fields and spreads.
    selections: usize,
    depth: usize,
    aliases: usize,
    directives: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
    }
}

/// How far fragments have been counted.
enum Progress {
    Underway,
    Done(Weight),
}

struct Counter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    counted: HashMap<&'a str, Progress>,
    /// Fragments that are being counted inside each other. Bounded, so that the stack is.
    nesting: usize,
}

/// The most fragments that spread each other in a chain.
const MAX_FRAGMENT_CHAIN: usize = 100;

/// Checks every operation of the document.
pub fn check(document: &ExecutableDocument, limits: &GraphqlLimits) -> Result<(), Excess> {
    let mut counter = Counter {
        fragments: &document.fragments,
        counted: HashMap::new(),
        nesting: 0,
    };
    for (_, operation) in document.operations.iter() {
        let mut weight = counter.selection_set(&operation.node.selection_set.node)?;
        weight.directives = weight.directives.saturating_add(operation.node.directives.len());
        within("depth", weight.depth, limits.depth)?;
        within("fields after fragments are expanded", weight.selections, limits.fields)?;
        within("aliases", weight.aliases, limits.aliases)?;
        within("directives", weight.directives, limits.directives)?;
    }
    Ok(())
}

/// Checks the length of a document's text.
pub fn check_length(text: &str, limits: &GraphqlLimits) -> Result<(), Excess> {
    within("bytes", text.len(), limits.bytes)
}

/// Checks the number of tokens of a document.
pub fn check_tokens(text: &str, limits: &GraphqlLimits) -> Result<(), Excess> {
    let reached = tokens::count(text, limits.tokens);
    if reached <= limits.tokens {
        return Ok(());
    }
    Err(Excess::Limit(format!(
        "The document passes the limit of tokens: more than {}; up to {} are allowed",
        limits.tokens, limits.tokens
    )))
}

fn within(what: &str, reached: usize, allowed: usize) -> Result<(), Excess> {
    if reached <= allowed {
        return Ok(());
    }
    let reached = if reached == usize::MAX {
        "too many to count".to_owned()
    } else {
        reached.to_string()
    };
    Err(Excess::Limit(format!(
        "The document passes the limit of {what}: {reached}; up to {allowed} are allowed"
    )))
}

impl<'a> Counter<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Weight, Excess> {
        let mut sum = Weight::default();
        for selection in &set.items {
            let mut weight = match &selection.node {
                Selection::Field(field) => {
                    let mut weight = self.selection_set(&field.node.selection_set.node)?;
                    weight.depth += 1;
                    weight.aliases = weight.aliases.saturating_add(usize::from(field.node.alias.is_some()));
                    weight
                }
                Selection::InlineFragment(fragment) => self.selection_set(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            weight.selections = weight.selections.saturating_add(1);
            weight.directives = weight.directives.saturating_add(selection.node.directives().len());
            sum.add(weight);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Weight, Excess> {
        match self.counted.get(name.as_str()) {
            Some(Progress::Done(weight)) => return Ok(*weight),
            Some(Progress::Underway) => {
                return Err(Excess::Cycle(format!(
                    "The fragment '{name}' spreads itself, directly or through others"
                )));
            }
            None => {}
        }
        // One that is not there is left to validation, which tells where it is missing.
        let Some(fragment) = self.fragments.get(name) else {
            return Ok(Weight::default());
        };
        within(
            "fragments spread inside each other",
            self.nesting + 1,
            MAX_FRAGMENT_CHAIN,
        )?;
        self.nesting += 1;
        self.counted.insert(name.as_str(), Progress::Underway);
        let weight = self.selection_set(&fragment.node.selection_set.node)?;
        self.counted.insert(name.as_str(), Progress::Done(weight));
        self.nesting -= 1;
        Ok(weight)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    const LIMITS: GraphqlLimits = GraphqlLimits {
        bytes: 65_536,
        tokens: 2_000,
        depth: 15,
        fields: 500,
        aliases: 30,
        directives: 50,
        complexity: 10_000,
        batch: 10,
    };

    fn checked(document: &str) -> Result<(), Excess> {
        check(&parse_query(document).unwrap(), &LIMITS)
    }

    fn refusal(document: &str) -> String {
        match checked(document).unwrap_err() {
            Excess::Limit(text) | Excess::Cycle(text) => text,
        }
    }

    fn chain(links: usize, end: &str) -> String {
        let links: Vec<String> = (0..links)
            .map(|n| format!("fragment f{n} on Query{{...f{} ...f{}}}", n + 1, n + 1))
            .collect();
        let links = links.concat();
        format!("{{...f0}}{links}{end}")
    }

    #[test]
    fn chained_fragments_are_counted_once_each() {
        let text = refusal(&chain(22, "fragment f22 on Query{viewer{id}}"));
        assert!(text.contains("fields after fragments are expanded"), "{text}");
        assert!(refusal(&chain(90, "fragment f90 on Query{viewer{id}}")).contains("too many to count"));
    }

    #[test]
    fn spreads_without_any_field_count_too() {
        assert!(checked(&chain(30, "fragment f30 on Query{...missing}")).is_err());
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_refused_by_name() {
        assert_eq!(
            checked("{...a} fragment a on Query{...b ...b} fragment b on Query{...a ...a}"),
            Err(Excess::Cycle(
                "The fragment 'a' spreads itself, directly or through others".to_owned()
            ))
        );
    }

    #[test]
    fn each_limit_names_itself_and_the_value_reached() {
        let deep = format!("{{{}a{}}}", "a{".repeat(15), "}".repeat(15));
        assert_eq!(
            refusal(&deep),
            "The document passes the limit of depth: 16; up to 15 are allowed"
        );
        let aliases: Vec<String> = (0..31).map(|n| format!("a{n}:viewer{{id}} ")).collect();
        let aliases = aliases.concat();
        assert_eq!(
            refusal(&format!("{{{aliases}}}")),
            "The document passes the limit of aliases: 31; up to 30 are allowed"
        );
        let directives = "@skip(if:false)".repeat(51);
        assert!(refusal(&format!("{{viewer{directives}{{id}}}}")).contains("directives: 51; up to 50"));
    }
}
