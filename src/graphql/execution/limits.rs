//! Limits on documents, counted after fragments are expanded and before validation.
//!
//! Each fragment is counted once, and its saturating sum is added wherever it is spread. So a chain of fragments that
//! each spread the next one twice costs no more to count than to read.

use std::collections::HashMap;

use super::problem::{Problem, Rejection};
use super::syntax::{Document, Selection};
use crate::config::GraphqlLimits;

/// The size of a selection set after its fragments are expanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    /// Number of fields and fragments.
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

struct Counter<'a> {
    document: &'a Document,
    /// By fragment; `None` while it is counted.
    counted: HashMap<&'a str, Option<Weight>>,
    /// Current depth of recursion, limited to protect the stack.
    nesting: usize,
    max_nesting: usize,
}

/// Maximum length of a chain of fragments that spread each other.
const MAX_FRAGMENT_CHAIN: usize = 100;

pub(in crate::graphql) fn check(document: &Document, limits: &GraphqlLimits) -> Result<(), Rejection> {
    let mut counter = Counter {
        document,
        counted: HashMap::new(),
        nesting: 0,
        max_nesting: limits.depth.saturating_mul(2) + MAX_FRAGMENT_CHAIN,
    };
    for operation in &document.operations {
        let mut weight = counter.selection_set(&operation.selections)?;
        weight.directives = weight.directives.saturating_add(operation.directives.len());
        within("depth", weight.depth, limits.depth)?;
        within("fields after fragments are expanded", weight.selections, limits.fields)?;
        within("aliases", weight.aliases, limits.aliases)?;
        within("directives", weight.directives, limits.directives)?;
    }
    Ok(())
}

pub(super) fn within(what: &str, reached: usize, allowed: usize) -> Result<(), Rejection> {
    if reached <= allowed {
        return Ok(());
    }
    let reached = if reached == usize::MAX {
        "too many to count".to_owned()
    } else {
        reached.to_string()
    };
    Err(Rejection::limit(what, reached, allowed))
}

impl<'a> Counter<'a> {
    fn selection_set(&mut self, set: &'a [Selection]) -> Result<Weight, Rejection> {
        self.nesting += 1;
        within("fragments spread inside each other", self.nesting, self.max_nesting)?;
        let mut sum = Weight::default();
        for selection in set {
            let mut weight = match selection {
                Selection::Field(field) => {
                    let mut weight = self.selection_set(&field.selections)?;
                    weight.depth += 1;
                    weight.aliases = weight.aliases.saturating_add(usize::from(field.alias.is_some()));
                    weight
                }
                Selection::Inline(inline) => self.selection_set(&inline.selections)?,
                Selection::Spread(spread) => self.fragment(&spread.name.node)?,
            };
            weight.selections = weight.selections.saturating_add(1);
            weight.directives = weight.directives.saturating_add(selection.directives().len());
            sum.add(weight);
        }
        self.nesting -= 1;
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a str) -> Result<Weight, Rejection> {
        match self.counted.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => {
                let message = format!("The fragment '{name}' spreads itself, directly or through others");
                return Err(Rejection::invalid(vec![Problem::new(message)]));
            }
            None => {}
        }
        // Validation reports missing fragments with their position.
        let Some(fragment) = self.document.fragment(name) else {
            return Ok(Weight::default());
        };
        self.counted.insert(name, None);
        let weight = self.selection_set(&fragment.selections)?;
        self.counted.insert(name, Some(weight));
        Ok(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::execution::syntax::parse;

    fn checked(document: &str) -> Result<(), Rejection> {
        check(
            &parse(document, &GraphqlLimits::DEFAULT).unwrap(),
            &GraphqlLimits::DEFAULT,
        )
    }

    fn refusal(document: &str) -> String {
        checked(document).unwrap_err().problems.remove(0).message
    }

    fn chain(links: usize, end: &str) -> String {
        let links: Vec<String> = (0..links)
            .map(|n| format!("fragment f{n} on Query{{...f{} ...f{}}}", n + 1, n + 1))
            .collect();
        let links = links.concat();
        format!("{{...f0}}{links}{end}")
    }

    #[test]
    fn each_limit_names_itself_and_the_value_reached() {
        let deep = format!("{{{}a{}}}", "a{".repeat(15), "}".repeat(15));
        assert_eq!(
            refusal(&deep),
            "The document exceeds the limit of depth: 16; up to 15 are allowed"
        );
        let aliases: Vec<String> = (0..31).map(|n| format!("a{n}:viewer{{id}} ")).collect();
        let aliases = aliases.concat();
        assert_eq!(
            refusal(&format!("{{{aliases}}}")),
            "The document exceeds the limit of aliases: 31; up to 30 are allowed"
        );
        let directives = "@skip(if:false)".repeat(51);
        assert!(refusal(&format!("{{viewer{directives}{{id}}}}")).contains("directives: 51; up to 50"));
    }

    #[test]
    fn chained_fragments_are_counted_once_each() {
        let text = refusal(&chain(22, "fragment f22 on Query{viewer{id}}"));
        assert!(text.contains("fields after fragments are expanded"), "{text}");
        assert!(refusal(&chain(90, "fragment f90 on Query{viewer{id}}")).contains("too many to count"));
        assert!(refusal(&chain(140, "fragment f140 on Query{viewer{id}}")).contains("inside each other"));
    }

    #[test]
    fn spreads_without_any_field_count_too() {
        assert!(checked(&chain(30, "fragment f30 on Query{...missing}")).is_err());
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_refused_by_name() {
        let problem = Problem::new("The fragment 'a' spreads itself, directly or through others");
        assert_eq!(
            checked("{...a} fragment a on Query{...b ...b} fragment b on Query{...a ...a}"),
            Err(Rejection::invalid(vec![problem]))
        );
    }
}
