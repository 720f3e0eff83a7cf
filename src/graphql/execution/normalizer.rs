//! Turns a valid operation into what the library executes.
//!
//! The library departs from the specification where directives have defaulted variables, where a field is selected
//! twice, where a variable is absent, and for fragments at the root of a subscription. So it gets none of these: here
//! `@skip` and `@include` are decided, fragments are expanded, fields are merged and arguments without a value are left
//! out, by the specification's algorithms. What is left are fields, with their positions and their variables.

use std::collections::{HashMap, HashSet};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field as LibraryField, InlineFragment, OperationDefinition,
    Selection as LibrarySelection, SelectionSet, TypeCondition, VariableDefinition as LibraryVariable,
};
use async_graphql::{Name, Pos, Positioned};
use async_graphql_value::{ConstValue, Value as LibraryValue};

use super::coercion::{self, Values};
use super::model::{InputModel, KindModel, Model, TypeId, TypeRef, input};
use super::syntax::{Argument, Directive, Document, Field, Literal, Operation, Selection, Value};

/// The operation with these variables. It depends on them only through the values of those in directives, and through
/// which of them are absent.
pub(in crate::graphql) fn normalize(
    document: &Document,
    operation: &Operation,
    values: &Values,
    model: &Model,
) -> ExecutableDocument {
    let normalizer = Normalizer {
        document,
        values,
        model,
    };
    let selections = model
        .root(operation.kind)
        .map(|root| normalizer.object(root, &[&operation.selections]));
    let definition = OperationDefinition {
        ty: operation.kind,
        variable_definitions: operation.variables.iter().map(variable).collect(),
        directives: Vec::new(),
        selection_set: Positioned::new(selections.unwrap_or_default(), operation.pos),
    };
    ExecutableDocument {
        operations: DocumentOperations::Single(Positioned::new(definition, operation.pos)),
        fragments: HashMap::default(),
    }
}

/// What of the variables the normalised operation depends on: a character for each variable, the same for the same
/// operation.
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
}

type ByKey<'a> = IndexMap<&'a Name, Vec<&'a Field>>;

impl<'a> Normalizer<'a> {
    /// What is selected of an object.
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
        for selection in set {
            if self.is_left_out(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => fields.entry(&field.key().node).or_default().push(field),
                Selection::Inline(inline) => {
                    let condition = inline.condition.as_ref();
                    if condition.is_none_or(|condition| self.applies(&condition.node, kind)) {
                        self.collect(kind, &inline.selections, fields, visited);
                    }
                }
                Selection::Spread(spread) => {
                    if visited.insert(&spread.name.node)
                        && let Some(fragment) = self.document.fragment(&spread.name.node)
                        && self.applies(&fragment.condition.node, kind)
                    {
                        self.collect(kind, &fragment.selections, fields, visited);
                    }
                }
            }
        }
    }

    /// Whether a fragment on this type is one on the object too.
    fn applies(&self, condition: &Name, object: TypeId) -> bool {
        let condition = self.model.find(condition);
        condition.is_some_and(|condition| self.model.possible(&condition).contains(&object))
    }

    fn is_left_out(&self, directives: &[Directive]) -> bool {
        directives.iter().any(|directive| {
            let condition = directive.arguments.first().map(|argument| &argument.value.node);
            let is_true = match condition {
                Some(Literal::Boolean(value)) => *value,
                Some(Literal::Variable(name)) => self.values.get(name) == Some(&ConstValue::Boolean(true)),
                _ => false,
            };
            is_true == (directive.name.node == "skip")
        })
    }

    /// A field with what is selected below it by all that select it.
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

    /// What is selected of an interface: a fragment for each object that it may be.
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

    /// A value in which variables stand. None if it is a variable that is absent.
    fn value(&self, value: &Value, kind: &TypeRef) -> Option<LibraryValue> {
        Some(match &value.node {
            Literal::Variable(name) => {
                return self
                    .values
                    .contains_key(name)
                    .then(|| LibraryValue::Variable(name.clone()));
            }
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
                _ => coercion::literal(value, kind, self.model).into_value(),
            },
            _ => {
                // A list of one item is given to the library without the list, which it takes.
                let kind = TypeRef::Named(kind.named(), false);
                coercion::literal(value, &kind, self.model).into_value()
            }
        })
    }
}
