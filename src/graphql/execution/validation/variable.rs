//! Rules for the definition and the use of variables.

use async_graphql::{Name, Pos};

use super::selection::Location;
use super::{Uses, Validator};
use crate::graphql::execution::model::TypeRef;
use crate::graphql::execution::syntax::{Literal, Operation, VariableDefinition};

pub(super) struct Usage<'a> {
    pub(super) name: &'a Name,
    pub(super) pos: Pos,
    /// `None` if the expected type is unknown.
    pub(super) expected: Option<&'a TypeRef>,
    /// Whether the argument or input field has a default.
    pub(super) has_default: bool,
}

impl<'a> Validator<'a> {
    pub(super) fn variable_definitions(&mut self, operation: &'a Operation) {
        let names = operation.variables.iter().map(|variable| &variable.name);
        let names: Vec<(Name, Pos)> = names
            .map(|name| (Name::new(format!("${}", name.node)), name.pos))
            .collect();
        self.unique("variable", names.iter().map(|(name, pos)| (name, *pos)));
        for variable in &operation.variables {
            self.directives(&variable.directives, Location::Definition, &mut Uses::default());
            self.variable_definition(variable);
        }
    }

    fn variable_definition(&mut self, variable: &'a VariableDefinition) {
        let name = &variable.name.node;
        let Some(kind) = self.model.resolve(&variable.kind.node) else {
            let named = variable.kind.node.to_string().replace(['[', ']', '!'], "");
            return self.unknown_type(&named, variable.kind.pos);
        };
        if !self.model.is_input(kind.named()) {
            let kind = self.model.shown(&kind);
            let message = format!(
                "'{kind}' cannot be the type of a variable, but is that of '${name}'; use a scalar, an enum or an input"
            );
            return self.report(message, [variable.kind.pos]);
        }
        if let Some(default) = &variable.default {
            // The parser allows no variables in a default.
            self.value(default, Some(&kind), false, &mut Uses::default());
        }
    }

    /// Checks each use of a variable in an operation and its fragments.
    pub(super) fn variables_in_use(&mut self, operation: &'a Operation, usages: &[&Usage<'a>]) {
        for usage in usages {
            let definition = operation
                .variables
                .iter()
                .find(|variable| variable.name.node == *usage.name);
            if let Some(definition) = definition {
                self.variable_position(definition, usage);
                continue;
            }
            let of = operation.name.as_ref();
            let of = of.map_or_else(String::new, |name| format!(" in the operation '{}'", name.node));
            let message = format!("The variable '${}' is not defined{of}", usage.name);
            self.report(message, [usage.pos, operation.pos]);
        }
        for variable in &operation.variables {
            let name = &variable.name;
            if usages.iter().all(|usage| *usage.name != name.node) {
                self.report(format!("The variable '${name}' is not used"), [name.pos]);
            }
        }
    }

    /// A nullable variable fits a non-null position if the variable or the position has a default.
    fn variable_position(&mut self, definition: &VariableDefinition, usage: &Usage<'a>) {
        let Some((kind, expected)) = self.model.resolve(&definition.kind.node).zip(usage.expected) else {
            return;
        };
        let default = definition.default.as_ref();
        let has_default = default.is_some_and(|default| !matches!(default.node, Literal::Null));
        let is_non_null = kind.is_non_null() || has_default || usage.has_default;
        if !kind.is_subtype_of(expected, is_non_null) {
            let (name, kind) = (&definition.name.node, self.model.shown(&kind));
            let expected = self.model.shown(expected);
            self.report(
                format!("The variable '${name}' of type '{kind}' cannot be used where '{expected}' is expected"),
                [definition.name.pos, usage.pos],
            );
        }
    }
}
