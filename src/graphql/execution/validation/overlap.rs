//! Fields with the same response key must be the same field. If their parent types exclude each other, it is enough
//! that their responses have the same shape.
//!
//! Fields are compared in groups and not in pairs, so the work grows with the number of fields after fragments are
//! expanded, which is limited.

use std::collections::{BTreeMap, HashSet};

use async_graphql::Name;
use async_graphql::indexmap::IndexMap;

use super::{Problem, Validator};
use crate::graphql::execution::model::{FieldModel, TypeId, TypeRef};
use crate::graphql::execution::syntax::{Argument, Field, Literal, Resolved, Selection, Value};

#[derive(Clone, Copy)]
struct Selected<'a> {
    field: &'a Field,
    parent: TypeId,
    definition: &'a FieldModel,
}

type ByKey<'a> = IndexMap<&'a str, Vec<Selected<'a>>>;

impl<'a> Validator<'a> {
    /// Reports the first conflict of each operation.
    pub(super) fn overlaps(&mut self) {
        for operation in &self.document.operations {
            let Some(root) = self.model.root(operation.kind) else {
                continue;
            };
            let mut fields = ByKey::new();
            self.collect(root, &operation.selections, &mut fields, &mut HashSet::new());
            let checked = self.same_shapes(&fields).and_then(|()| self.same_fields(&fields));
            self.problems.extend(checked.err());
        }
    }

    fn collect(
        &self,
        parent: TypeId,
        selections: &'a [Selection],
        fields: &mut ByKey<'a>,
        visited: &mut HashSet<&'a Name>,
    ) {
        for selection in selections {
            match self.document.resolve(selection, visited) {
                Some(Resolved::Field(field)) => {
                    if let Some(definition) = self.model.field(parent, &field.name.node) {
                        fields.entry(field.key().node.as_str()).or_default().push(Selected {
                            field,
                            parent,
                            definition,
                        });
                    }
                }
                Some(Resolved::Fragment(condition, selections)) => {
                    let kind = condition.and_then(|condition| self.model.find(condition));
                    self.collect(kind.unwrap_or(parent), selections, fields, visited);
                }
                None => {}
            }
        }
    }

    /// The merged selection sets of these fields.
    fn below(&self, group: &[Selected<'a>]) -> ByKey<'a> {
        let mut fields = ByKey::new();
        let mut visited = HashSet::new();
        for selected in group {
            let kind = selected.definition.kind.named();
            self.collect(kind, &selected.field.selections, &mut fields, &mut visited);
        }
        fields
    }

    /// Checks that the responses under each key have the same shape.
    fn same_shapes(&self, fields: &ByKey<'a>) -> Result<(), Problem> {
        for (key, group) in fields {
            let [first, others @ ..] = group.as_slice() else {
                continue;
            };
            for other in others {
                let (one, two) = (&first.definition.kind, &other.definition.kind);
                if !self.is_same_shape(one, two) {
                    let why = format!(
                        "their types are '{}' and '{}'",
                        self.model.shown(one),
                        self.model.shown(two)
                    );
                    return Err(conflict(key, &why, first, other));
                }
            }
            self.same_shapes(&self.below(group))?;
        }
        Ok(())
    }

    fn is_same_shape(&self, one: &TypeRef, two: &TypeRef) -> bool {
        if one.is_non_null() != two.is_non_null() {
            return false;
        }
        match (one, two) {
            (TypeRef::List(one, _), TypeRef::List(two, _)) => self.is_same_shape(one, two),
            (TypeRef::Named(one, _), TypeRef::Named(two, _)) => {
                one == two || (self.model.is_composite(*one) && self.model.is_composite(*two))
            }
            _ => false,
        }
    }

    /// Checks that each key has one field with one set of arguments, for every possible object type.
    fn same_fields(&self, fields: &ByKey<'a>) -> Result<(), Problem> {
        for (key, group) in fields {
            let (of_objects, of_interfaces): (Vec<_>, Vec<_>) = group
                .iter()
                .copied()
                .partition(|selected| self.model.is_object(selected.parent));
            let mut together: BTreeMap<TypeId, Vec<Selected<'a>>> = BTreeMap::new();
            for selected in of_objects {
                let same_type = together.entry(selected.parent).or_insert_with(|| of_interfaces.clone());
                same_type.push(selected);
            }
            let alone = together.is_empty().then_some(of_interfaces);
            for group in together.into_values().chain(alone) {
                let [first, others @ ..] = group.as_slice() else {
                    continue;
                };
                for other in others {
                    let (one, two) = (&first.field, &other.field);
                    if one.name.node != two.name.node {
                        let why = format!("'{}' and '{}' are different fields", one.name.node, two.name.node);
                        return Err(conflict(key, &why, first, other));
                    }
                    if !same_arguments(&one.arguments, &two.arguments) {
                        return Err(conflict(key, "their arguments differ", first, other));
                    }
                }
                self.same_fields(&self.below(&group))?;
            }
        }
        Ok(())
    }
}

fn conflict(key: &str, why: &str, one: &Selected<'_>, other: &Selected<'_>) -> Problem {
    Problem {
        message: format!("Fields '{key}' conflict: {why}; use different aliases"),
        positions: [one, other].map(|selected| selected.field.key().pos).to_vec(),
    }
}

/// Compares names and values in any order.
fn same_arguments(one: &[Argument], other: &[Argument]) -> bool {
    one.len() == other.len()
        && one.iter().all(|argument| {
            let same = other.iter().find(|other| other.name.node == argument.name.node);
            same.is_some_and(|other| is_equal(&argument.value, &other.value))
        })
}

/// Compares values as they are written, ignoring the order of input fields.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (&one.node, &other.node) {
        (Literal::List(one), Literal::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Literal::Object(one), Literal::Object(other)) => same_arguments(one, other),
        (one, other) => one == other,
    }
}
