//! Fields with the same response key must be the same field. If their parent types exclude each other, it is enough
//! that their responses have the same shape.
//!
//! Fields are compared in groups and not in pairs, so the work grows with the number of fields after fragments are
//! expanded, which is limited.

use std::collections::{BTreeMap, HashSet};

use async_graphql::Pos;
use async_graphql::indexmap::IndexMap;

use super::Validator;
use crate::graphql::execution::model::{FieldModel, Model, TypeId, TypeRef};
use crate::graphql::execution::syntax::{Argument, Document, Field, Literal, Selection, Value};

#[derive(Clone, Copy)]
struct Selected<'a> {
    field: &'a Field,
    parent: TypeId,
    definition: &'a FieldModel,
}

impl Selected<'_> {
    fn pos(&self) -> Pos {
        self.field.key().pos
    }
}

type ByKey<'a> = IndexMap<&'a str, Vec<Selected<'a>>>;

struct Conflict {
    message: String,
    positions: [Pos; 2],
}

impl Validator<'_> {
    pub(super) fn overlaps(&mut self) {
        let overlaps = Overlaps {
            model: self.model,
            document: self.document,
        };
        for operation in &self.document.operations {
            let Some(root) = self.model.root(operation.kind) else {
                continue;
            };
            let mut fields = ByKey::new();
            overlaps.collect(root, &operation.selections, &mut fields, &mut HashSet::new());
            let checked = overlaps
                .same_shapes(&fields)
                .and_then(|()| overlaps.same_fields(&fields));
            if let Err(conflict) = checked {
                self.report(conflict.message, conflict.positions);
            }
        }
    }
}

struct Overlaps<'a> {
    model: &'a Model,
    document: &'a Document,
}

impl<'a> Overlaps<'a> {
    fn collect(
        &self,
        parent: TypeId,
        selections: &'a [Selection],
        fields: &mut ByKey<'a>,
        visited: &mut HashSet<&'a str>,
    ) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    if let Some(definition) = self.model.field(parent, &field.name.node) {
                        fields.entry(field.key().node.as_str()).or_default().push(Selected {
                            field,
                            parent,
                            definition,
                        });
                    }
                }
                Selection::Inline(inline) => {
                    let condition = inline.condition.as_ref();
                    let kind = condition.and_then(|condition| self.model.find(&condition.node));
                    self.collect(kind.unwrap_or(parent), &inline.selections, fields, visited);
                }
                Selection::Spread(spread) => {
                    let fragment = self.document.fragment(&spread.name.node);
                    if let Some(fragment) = fragment
                        && visited.insert(&spread.name.node)
                        && let Some(kind) = self.model.find(&fragment.condition.node)
                    {
                        self.collect(kind, &fragment.selections, fields, visited);
                    }
                }
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
    fn same_shapes(&self, fields: &ByKey<'a>) -> Result<(), Conflict> {
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
    fn same_fields(&self, fields: &ByKey<'a>) -> Result<(), Conflict> {
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

fn conflict(key: &str, why: &str, one: &Selected<'_>, other: &Selected<'_>) -> Conflict {
    Conflict {
        message: format!("Fields '{key}' conflict: {why}; use different aliases"),
        positions: [one.pos(), other.pos()],
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
        (Literal::Variable(one), Literal::Variable(other)) | (Literal::Enum(one), Literal::Enum(other)) => one == other,
        (Literal::Int(one), Literal::Int(other)) | (Literal::Float(one), Literal::Float(other)) => one == other,
        (
            Literal::String { text, is_block },
            Literal::String {
                text: other,
                is_block: is_other_block,
            },
        ) => text == other && is_block == is_other_block,
        (Literal::Boolean(one), Literal::Boolean(other)) => one == other,
        (Literal::Null, Literal::Null) => true,
        (Literal::List(one), Literal::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Literal::Object(one), Literal::Object(other)) => same_arguments(one, other),
        _ => false,
    }
}
