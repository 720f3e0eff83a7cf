//! Estimated memory of documents, operations and variables, in bytes.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql_value::Value;

use super::coercion::Values;
use super::limits;
use super::normalizer::fields;
use super::problem::Rejection;

/// A parsed document, for each byte of its text.
pub(super) const OF_A_BYTE: usize = 32;
/// A field in a normalised operation.
const OF_A_FIELD: usize = 768;
/// A value in a normalised operation, without its text.
const OF_A_VALUE: usize = 128;
/// Maximum for variables that are used again.
const REPEATED_VARIABLES: usize = 4 * 1024 * 1024;

/// The fields, inline fragments and arguments of a normalised operation.
pub(super) fn of_selections(set: &SelectionSet) -> usize {
    let sizes = set.items.iter().map(|selection| {
        let below = match &selection.node {
            Selection::Field(field) => {
                let arguments = field.node.arguments.iter().map(|(_, value)| of_value(&value.node));
                arguments.sum::<usize>() + of_selections(&field.node.selection_set.node)
            }
            Selection::InlineFragment(fragment) => of_selections(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => 0,
        };
        OF_A_FIELD + below
    });
    sizes.sum()
}

/// An argument. Wherever a fragment is spread, its arguments are copied.
fn of_value(value: &Value) -> usize {
    let content = match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(of_value).sum(),
        Value::Object(fields) => fields.values().map(of_value).sum(),
        _ => 0,
    };
    OF_A_VALUE + content
}

/// Refuses large variables that are used often. Each use copies the value, even before anything is paid.
pub(super) fn check_repeated(set: &SelectionSet, values: &Values) -> Result<(), Rejection> {
    let mut uses = HashMap::new();
    count_uses(set, &mut uses);
    let repeated = uses.into_iter().filter(|(_, uses)| *uses > 1).map(|(name, uses)| {
        let value = values.get(name).cloned().unwrap_or_default();
        of_value(&value.into_value()).saturating_mul(uses - 1)
    });
    let repeated = repeated.fold(0, usize::saturating_add);
    limits::within("bytes of variables that are used again", repeated, REPEATED_VARIABLES)
}

fn count_uses<'a>(set: &'a SelectionSet, uses: &mut HashMap<&'a Name, usize>) {
    for field in fields(set) {
        for (_, value) in &field.arguments {
            count_uses_in(&value.node, uses);
        }
        count_uses(&field.selection_set.node, uses);
    }
}

fn count_uses_in<'a>(value: &'a Value, uses: &mut HashMap<&'a Name, usize>) {
    match value {
        Value::Variable(name) => *uses.entry(name).or_default() += 1,
        Value::List(items) => items.iter().for_each(|item| count_uses_in(item, uses)),
        Value::Object(fields) => fields.values().for_each(|field| count_uses_in(field, uses)),
        _ => {}
    }
}
