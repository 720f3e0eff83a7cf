//! Turns a valid operation into the form that async-graphql executes.
//!
//! async-graphql departs from the specification for directives whose variables have defaults, repeated fields, absent
//! variables, and fragments at the root of a subscription. So it gets none of these. By the algorithms of the
//! specification, `@skip` and `@include` are evaluated, fragments are expanded, fields are merged, and arguments
//! without a value are removed. The result has only fields, with their positions and variables.

use std::cell::Cell;
use std::collections::HashSet;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Field as LibraryField, InlineFragment, OperationDefinition, Selection as LibrarySelection, SelectionSet,
    TypeCondition, VariableDefinition as LibraryVariable,
};
use async_graphql::{Name, Pos, Positioned};
use async_graphql_value::{ConstValue, Value as LibraryValue};

use super::coercion::Values;
use super::model::{InputModel, KindModel, Model, TypeId, TypeRef, input};
use super::problem::Problem;
use super::syntax::{Argument, Directive, Document, Field, Literal, Operation, Resolved, Selection, Value};

/// Normalises an operation. The result depends on the variables in directives, and on which variables are absent.
/// Fails if a variable in a directive is null: a variable with a default may be null, a condition may not.
pub(in crate::graphql) fn normalize(
    document: &Document,
    operation: &Operation,
    values: &Values,
    model: &Model,
) -> Result<Positioned<OperationDefinition>, Problem> {
    let normalizer = Normalizer {
        document,
        values,
        model,
        null_condition: Cell::default(),
    };
    let selections = model
        .root(operation.kind)
        .map(|root| normalizer.object(root, &[&operation.selections]));
    if let Some((name, pos)) = normalizer.null_condition.get() {
        return Err(Problem {
            message: format!("The variable '${name}' is null; the condition of @skip and @include is true or false"),
            positions: vec![pos],
        });
    }
    let definition = OperationDefinition {
        ty: operation.kind,
        variable_definitions: operation.variables.iter().map(variable).collect(),
        directives: Vec::new(),
        selection_set: Positioned::new(selections.unwrap_or_default(), operation.pos),
    };
    Ok(Positioned::new(definition, operation.pos))
}

/// The fields of a normalised selection set. On an interface they are in inline fragments, one for each object type.
pub(in crate::graphql) fn fields(set: &SelectionSet) -> impl Iterator<Item = &LibraryField> {
    set.items.iter().flat_map(|selection| {
        let items = match &selection.node {
            LibrarySelection::InlineFragment(fragment) => fragment.node.selection_set.node.items.as_slice(),
            _ => std::slice::from_ref(selection),
        };
        items.iter().filter_map(|selection| match &selection.node {
            LibrarySelection::Field(field) => Some(&field.node),
            _ => None,
        })
    })
}

/// The part of the variables that the normalised operation depends on: one character for each variable.
pub(in crate::graphql) fn key(operation: &Operation, values: &Values) -> String {
    let variables = operation.variables.iter();
    let states = variables.map(|variable| match values.get(&variable.name.node) {
        None => '-',
        Some(ConstValue::Boolean(true)) => 't',
        Some(ConstValue::Boolean(false)) => 'f',
        Some(_) => '+',
    });
    states.collect()
}

fn variable(definition: &super::syntax::VariableDefinition) -> Positioned<LibraryVariable> {
    let variable = LibraryVariable {
        name: definition.name.clone(),
        var_type: definition.kind.clone(),
        directives: Vec::new(),
        default_value: None,
    };
    Positioned::new(variable, definition.name.pos)
}

struct Normalizer<'a> {
    document: &'a Document,
    values: &'a Values,
    model: &'a Model,
    /// A variable in a directive that is null, and its position there.
    null_condition: Cell<Option<(&'a Name, Pos)>>,
}

type ByKey<'a> = IndexMap<&'a Name, Vec<&'a Field>>;

impl<'a> Normalizer<'a> {
    fn object(&self, kind: TypeId, sets: &[&'a [Selection]]) -> SelectionSet {
        let mut fields = ByKey::new();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect(kind, set, &mut fields, &mut visited);
        }
        let items = fields.into_values().filter_map(|fields| self.field(kind, &fields));
        SelectionSet { items: items.collect() }
    }

    /// `CollectFields` of the specification.
    fn collect(&self, kind: TypeId, set: &'a [Selection], fields: &mut ByKey<'a>, visited: &mut HashSet<&'a Name>) {
        let selected = set.iter().filter(|selection| !self.is_skipped(selection.directives()));
        for selection in selected {
            match self.document.resolve(selection, visited) {
                Some(Resolved::Field(field)) => fields.entry(&field.key().node).or_default().push(field),
                Some(Resolved::Fragment(condition, set)) if condition.is_none_or(|name| self.applies(name, kind)) => {
                    self.collect(kind, set, fields, visited);
                }
                _ => {}
            }
        }
    }

    fn applies(&self, condition: &Name, object: TypeId) -> bool {
        let condition = self.model.find(condition);
        condition.is_some_and(|condition| self.model.possible(&condition).contains(&object))
    }

    fn is_skipped(&self, directives: &'a [Directive]) -> bool {
        let conditions = |name: &'static str| {
            let named = directives.iter().filter(move |directive| directive.name.node == name);
            named.map(|directive| self.condition(directive))
        };
        // In this order: the condition of `@include` may be null where `@skip` applies.
        conditions("skip").any(|is_true| is_true) || conditions("include").any(|is_true| !is_true)
    }

    fn condition(&self, directive: &'a Directive) -> bool {
        let condition = directive.arguments.first().map(|argument| &argument.value);
        match condition.map(|value| (&value.node, value.pos)) {
            Some((Literal::Boolean(value), _)) => *value,
            Some((Literal::Variable(name), pos)) => self.is_true(name, pos),
            _ => false,
        }
    }

    fn is_true(&self, variable: &'a Name, pos: Pos) -> bool {
        let value = self.values.get(variable);
        if value == Some(&ConstValue::Null) {
            self.null_condition.set(Some((variable, pos)));
        }
        value == Some(&ConstValue::Boolean(true))
    }

    /// Merges fields with the same response key.
    fn field(&self, parent: TypeId, fields: &[&'a Field]) -> Option<Positioned<LibrarySelection>> {
        let first = *fields.first()?;
        let definition = self.model.field(parent, &first.name.node)?;
        let sets: Vec<&[Selection]> = fields.iter().map(|field| field.selections.as_slice()).collect();
        let kind = definition.kind.named();
        let pos = first.key().pos;
        let selection_set = if self.model.is_leaf(kind) {
            SelectionSet::default()
        } else if self.model.is_object(kind) {
            self.object(kind, &sets)
        } else {
            self.interface(kind, &sets, pos)
        };
        let field = LibraryField {
            alias: first.alias.clone(),
            name: first.name.clone(),
            arguments: self.arguments(&first.arguments, &definition.arguments),
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, pos),
        };
        let field = Positioned::new(field, pos);
        Some(Positioned::new(LibrarySelection::Field(field), pos))
    }

    /// The selection set on an interface: an inline fragment for each of its object types.
    fn interface(&self, kind: TypeId, sets: &[&'a [Selection]], pos: Pos) -> SelectionSet {
        let fragments = self.model.possible(&kind).iter().map(|object| {
            let condition = TypeCondition {
                on: Positioned::new(self.model.name(*object).clone(), pos),
            };
            let fragment = InlineFragment {
                type_condition: Some(Positioned::new(condition, pos)),
                directives: Vec::new(),
                selection_set: Positioned::new(self.object(*object, sets), pos),
            };
            let fragment = LibrarySelection::InlineFragment(Positioned::new(fragment, pos));
            Positioned::new(fragment, pos)
        });
        SelectionSet {
            items: fragments.collect(),
        }
    }

    fn arguments(
        &self,
        arguments: &[Argument],
        definitions: &[InputModel],
    ) -> Vec<(Positioned<Name>, Positioned<LibraryValue>)> {
        let arguments = arguments.iter().filter_map(|argument| {
            let definition = input(definitions, &argument.name.node)?;
            let value = self.value(&argument.value, &definition.kind)?;
            Some((argument.name.clone(), Positioned::new(value, argument.value.pos)))
        });
        arguments.collect()
    }

    /// Converts a value and keeps its variables. `None` if it is an absent variable.
    fn value(&self, value: &Value, kind: &TypeRef) -> Option<LibraryValue> {
        Some(match &value.node {
            Literal::Variable(name) if self.values.contains_key(name) => LibraryValue::Variable(name.clone()),
            Literal::Variable(_) => return None,
            Literal::List(items) => {
                let item = kind.item().unwrap_or(kind);
                let items = items.iter().map(|value| self.value(value, item).unwrap_or_default());
                LibraryValue::List(items.collect())
            }
            Literal::Object(fields) => match &self.model.get(kind.named()).kind {
                KindModel::Input(definitions) => {
                    let fields = fields.iter().filter_map(|field| {
                        let definition = input(definitions, &field.name.node)?;
                        Some((field.name.node.clone(), self.value(&field.value, &definition.kind)?))
                    });
                    LibraryValue::Object(fields.collect())
                }
                _ => self.model.literal(value, kind).into_value(),
            },
            _ => {
                // async-graphql accepts a single item in the place of a list.
                let kind = TypeRef::Named(kind.named(), false);
                self.model.literal(value, &kind).into_value()
            }
        })
    }
}
