//! Rules for fields, fragment spreads and directives.

use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Pos, Positioned};

use super::{Uses, Validator};
use crate::graphql::execution::model::{FieldModel, TypeId};
use crate::graphql::execution::syntax::{Directive, Field, Selection};

/// The directives that operations may use.
const USABLE: [&str; 2] = ["skip", "include"];
/// The directives that only a schema may use.
const OF_SCHEMAS: [&str; 3] = ["deprecated", "oneOf", "specifiedBy"];

/// The root fields of introspection.
const INTROSPECTION: [&str; 2] = ["__schema", "__type"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A field, fragment spread or inline fragment.
    Selection,
    /// The definition of an operation, variable or fragment.
    Definition,
}

impl<'a> Validator<'a> {
    /// Checks selections on `parent`, which is `None` if the type is unknown.
    pub(super) fn selections(&mut self, parent: Option<TypeId>, selections: &'a [Selection], uses: &mut Uses<'a>) {
        for selection in selections {
            self.directives(selection.directives(), Location::Selection, uses);
            match selection {
                Selection::Field(field) => self.field(parent, field, uses),
                Selection::Inline(inline) => {
                    let kind = match &inline.condition {
                        Some(condition) => {
                            let kind = self.condition(condition);
                            self.possible_spread(parent, kind, condition);
                            kind
                        }
                        None => parent,
                    };
                    self.selections(kind, &inline.selections, uses);
                }
                Selection::Spread(spread) => {
                    uses.spreads.push(spread);
                    if let Some(fragment) = self.document.fragment(&spread.name.node) {
                        let kind = self.composite(&fragment.condition.node);
                        self.possible_spread(parent, kind, &spread.name);
                    } else {
                        let fragments = self.document.fragments.iter();
                        let names = fragments.map(|fragment| fragment.name.node.as_str());
                        let similar = self.similar(&spread.name.node, names);
                        let message = format!("The document has no fragment '{}'{similar}", spread.name.node);
                        self.report(message, [spread.name.pos]);
                    }
                }
            }
        }
    }

    fn composite(&self, name: &str) -> Option<TypeId> {
        self.model.find(name).filter(|kind| self.model.is_composite(*kind))
    }

    /// The type condition of a fragment, if it exists and has fields.
    pub(super) fn condition(&mut self, condition: &Positioned<Name>) -> Option<TypeId> {
        let name = &condition.node;
        let kind = self.composite(name);
        if kind.is_none() {
            if self.model.find(name).is_some() {
                let message = format!("The type '{name}' has no fields, so no fragment can be on it");
                self.report(message, [condition.pos]);
            } else {
                self.unknown_type(name, condition.pos);
            }
        }
        kind
    }

    pub(super) fn unknown_type(&mut self, name: &str, pos: Pos) {
        let similar = self.similar(name, self.model.type_names());
        self.report(format!("The schema has no type '{name}'{similar}"), [pos]);
    }

    fn possible_spread(&mut self, parent: Option<TypeId>, kind: Option<TypeId>, at: &Positioned<Name>) {
        let (Some(parent), Some(kind)) = (parent, kind) else {
            return;
        };
        if !self.model.overlap(parent, kind) {
            let (parent, kind) = (self.model.name(parent), self.model.name(kind));
            let message = format!("A '{parent}' is never a '{kind}', so the fragment selects nothing");
            self.report(message, [at.pos]);
        }
    }

    fn field(&mut self, parent: Option<TypeId>, field: &'a Field, uses: &mut Uses<'a>) {
        let model = self.model;
        let definition = parent.and_then(|parent| model.field(parent, &field.name.node));
        if let (Some(parent), None) = (parent, definition) {
            self.unknown_field(parent, &field.name);
        }
        let of = format!("field '{}'", field.name.node);
        let arguments = definition.map(|definition| definition.arguments.as_slice());
        self.inputs(("argument", &of), &field.arguments, arguments, field.name.pos, uses);
        if let Some(definition) = definition {
            self.leaf(definition, field);
        }
        let kind = definition.map(|definition| definition.kind.named());
        let kind = kind.filter(|kind| model.is_composite(*kind));
        self.selections(kind, &field.selections, uses);
    }

    fn unknown_field(&mut self, parent: TypeId, name: &Positioned<Name>) {
        let is_query = self.model.root(OperationType::Query) == Some(parent);
        if is_query && INTROSPECTION.contains(&name.node.as_str()) {
            let message = format!(
                "Introspection is switched off on this server, so there is no field '{}'",
                name.node
            );
            return self.report(message, [name.pos]);
        }
        let similar = self.similar(&name.node, self.model.field_names(parent));
        let parent = self.model.name(parent);
        self.report(format!("Type '{parent}' has no field '{name}'{similar}"), [name.pos]);
    }

    /// Composite types need a selection set; leaf types have none.
    fn leaf(&mut self, definition: &FieldModel, field: &Field) {
        let problem = match (self.model.is_leaf(definition.kind.named()), field.selections.is_empty()) {
            (true, false) => "has no fields to select",
            (false, true) => "needs a selection of fields, such as { id }",
            _ => return,
        };
        let (name, kind) = (&field.name, self.model.shown(&definition.kind));
        self.report(format!("The field '{name}' of type '{kind}' {problem}"), [name.pos]);
    }

    pub(super) fn directives(&mut self, directives: &'a [Directive], location: Location, uses: &mut Uses<'a>) {
        let names = directives.iter().map(|directive| &directive.name);
        self.unique("directive", names.map(|name| (&name.node, name.pos)));
        for directive in directives {
            let (name, pos) = (directive.name.node.as_str(), directive.name.pos);
            let is_usable = USABLE.contains(&name);
            if !is_usable && !OF_SCHEMAS.contains(&name) {
                let similar = self.similar(name, USABLE.into_iter());
                self.report(format!("The schema has no directive '@{name}'{similar}"), [pos]);
            } else if !is_usable || location != Location::Selection {
                let message = format!(
                    "The directive '@{name}' cannot be used on this; use @skip and @include on fields and fragments that are spread"
                );
                self.report(message, [pos]);
            }
            let of = format!("directive '@{name}'");
            let arguments = is_usable.then(|| self.model.directive_arguments());
            self.inputs(("argument", &of), &directive.arguments, arguments, pos, uses);
        }
    }
}
