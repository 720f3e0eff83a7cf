//! Rules for whole operations and fragments.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::OperationType;

use super::selection::Location;
use super::variable::Usage;
use super::{Uses, Validator};
use crate::graphql::execution::syntax::{Field, Operation, Resolved, Selection};

/// Lists of introspection that lead from one type to others.
const LISTS_OF_TYPES: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];
/// Maximum nesting of these lists.
const MAX_LISTS_OF_TYPES: usize = 2;

impl<'a> Validator<'a> {
    pub(super) fn definitions(&mut self) {
        let document = self.document;
        let named = document
            .operations
            .iter()
            .filter_map(|operation| operation.name.as_ref());
        self.unique("operation", named.map(|name| (&name.node, name.pos)));
        let fragments = document.fragments.iter().map(|fragment| &fragment.name);
        self.unique("fragment", fragments.map(|name| (&name.node, name.pos)));
        let anonymous = document.operations.iter().find(|operation| operation.name.is_none());
        if let Some(anonymous) = anonymous
            && document.operations.len() > 1
        {
            self.report(
                "An operation without a name must be the only one in its document",
                [anonymous.pos],
            );
        }
        let of_fragments = self.fragments();
        let mut reached = HashSet::new();
        for operation in &document.operations {
            self.operation(operation, &of_fragments, &mut reached);
        }
        for fragment in &document.fragments {
            let name = &fragment.name.node;
            if !reached.contains(name.as_str()) {
                self.report(format!("The fragment '{name}' is not used"), [fragment.name.pos]);
            }
        }
    }

    /// Checks the fragments, and returns what each uses.
    fn fragments(&mut self) -> HashMap<&'a str, Uses<'a>> {
        let document = self.document;
        let mut all = HashMap::new();
        for fragment in &document.fragments {
            let mut uses = Uses::default();
            self.directives(&fragment.directives, Location::Definition, &mut uses);
            let kind = self.condition(&fragment.condition);
            self.selections(kind, &fragment.selections, &mut uses);
            all.entry(fragment.name.node.as_str()).or_insert(uses);
        }
        all
    }

    fn operation(
        &mut self,
        operation: &'a Operation,
        of_fragments: &HashMap<&'a str, Uses<'a>>,
        reached: &mut HashSet<&'a str>,
    ) {
        let mut uses = Uses::default();
        self.directives(&operation.directives, Location::Definition, &mut uses);
        self.variable_definitions(operation);
        let root = self.model.root(operation.kind);
        self.selections(root, &operation.selections, &mut uses);
        let mut visited = HashSet::new();
        let mut usages: Vec<&Usage<'a>> = uses.variables.iter().collect();
        let mut spreads: Vec<&str> = uses.spreads.iter().map(|spread| spread.name.node.as_str()).collect();
        while let Some(name) = spreads.pop() {
            if let Some(uses) = of_fragments.get(name)
                && visited.insert(name)
            {
                usages.extend(&uses.variables);
                spreads.extend(uses.spreads.iter().map(|spread| spread.name.node.as_str()));
            }
        }
        self.variables_in_use(operation, &usages);
        reached.extend(visited);
        if operation.kind == OperationType::Subscription {
            self.subscription_root(operation);
        }
        self.introspection_depth(operation);
    }

    /// Limits nested introspection to what clients need to read a schema.
    fn introspection_depth(&mut self, operation: &'a Operation) {
        let (fields, _) = self.fields(&operation.selections);
        for field in fields {
            let is_introspection = matches!(field.name.node.as_str(), "__schema" | "__type");
            if is_introspection && self.lists_of_types(&field.selections) > MAX_LISTS_OF_TYPES {
                let message = format!(
                    "Introspection is nested too deep: up to {MAX_LISTS_OF_TYPES} of {} may be selected inside each other",
                    LISTS_OF_TYPES.join(", ")
                );
                self.report(message, [field.name.pos]);
            }
        }
    }

    /// Nesting depth of [`LISTS_OF_TYPES`].
    fn lists_of_types(&self, selections: &'a [Selection]) -> usize {
        let (fields, _) = self.fields(selections);
        let depths = fields.iter().map(|field| {
            let is_list = LISTS_OF_TYPES.contains(&field.name.node.as_str());
            usize::from(is_list) + self.lists_of_types(&field.selections)
        });
        depths.max().unwrap_or(0)
    }

    /// A subscription has exactly one root field, for all values of its variables.
    fn subscription_root(&mut self, operation: &'a Operation) {
        let (fields, is_conditional) = self.fields(&operation.selections);
        if is_conditional {
            let message = "The root of a subscription cannot have @skip or @include";
            return self.report(message, [operation.pos]);
        }
        let keys: HashSet<&str> = fields.iter().map(|field| field.key().node.as_str()).collect();
        if keys.len() > 1 {
            let message = format!(
                "A subscription selects exactly one field of the root; this one selects {}",
                keys.len()
            );
            self.report(message, [operation.pos]);
        }
        if let Some(field) = fields.iter().find(|field| field.name.node.starts_with("__")) {
            let message = "The root of a subscription cannot select fields of introspection";
            self.report(message, [field.name.pos]);
        }
    }

    /// The fields of a selection set, including those in fragments, and whether there is a `@skip` or `@include` on one
    /// of the selections.
    fn fields(&self, selections: &'a [Selection]) -> (Vec<&'a Field>, bool) {
        let (mut fields, mut is_conditional) = (Vec::new(), false);
        let mut visited = HashSet::new();
        let mut rest: Vec<&Selection> = selections.iter().rev().collect();
        while let Some(selection) = rest.pop() {
            is_conditional |= !selection.directives().is_empty();
            match self.document.resolve(selection, &mut visited) {
                Some(Resolved::Field(field)) => fields.push(field),
                Some(Resolved::Fragment(_, selections)) => rest.extend(selections.iter().rev()),
                None => {}
            }
        }
        (fields, is_conditional)
    }
}
