//! What an operation costs, told before it runs: an object is 1, a scalar 0, and what a list holds counts
//! as often as its `first` or `last` asks for.
//!
//! It is called only for documents that keep to the limits, which bound the fields after fragments are
//! expanded: so it may simply expand them.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType, Selection, SelectionSet, Type,
    TypeKind, TypeSystemDefinition,
};
use async_graphql_value::{ConstValue, Value};
use serde_json::{Map, Value as Json};

use crate::domain::page::DEFAULT_PAGE_SIZE;

/// The mutations by which people sign in. They draw on the strict tier of the rate limits.
const SIGNING_IN: [&str; 3] = ["register", "login", "refresh"];
/// The mutations that take a file. They draw on the strict tier too.
const UPLOADING: [&str; 1] = ["attachmentUpload"];
/// The fields of a connection that hold its rows.
const ROWS: [&str; 2] = ["nodes", "edges"];

/// What an operation will draw on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Complexity, and so points.
    pub(super) points: u64,
    /// How often somebody signs in.
    pub(super) sign_ins: u32,
    /// How many files are taken.
    pub(super) uploads: u32,
}

impl Cost {
    /// How often it draws on the strict tier.
    pub(super) fn strict(self) -> u32 {
        self.sign_ins.saturating_add(self.uploads)
    }
}

/// What is known of a field.
#[derive(Debug)]
struct FieldModel {
    /// The name of its type, without lists.
    kind: String,
    /// Whether the client says how many rows it wants.
    is_paged: bool,
}

/// The fields of the schema, by type and name.
#[derive(Debug)]
pub(super) struct CostModel {
    fields: HashMap<String, HashMap<String, FieldModel>>,
}

impl CostModel {
    /// The model of a schema in its definition language; of a text that is none, nothing is known.
    pub(super) fn of(sdl: &str) -> Self {
        let definitions = parse_schema(sdl)
            .map(|document| document.definitions)
            .unwrap_or_default();
        let fields = definitions
            .iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(kind) => Some(&kind.node),
                _ => None,
            })
            .map(|definition| {
                let fields = match &definition.kind {
                    TypeKind::Object(object) => object.fields.as_slice(),
                    TypeKind::Interface(interface) => interface.fields.as_slice(),
                    _ => &[],
                };
                let fields = fields.iter().map(|field| {
                    let name = field.node.name.node.to_string();
                    (name, FieldModel::of(&field.node))
                });
                (definition.name.node.to_string(), fields.collect())
            })
            .collect();
        Self { fields }
    }

    /// The name of the type of a field, without lists.
    pub(super) fn type_of(&self, parent: &str, field: &str) -> Option<&str> {
        let model = self.fields.get(parent)?.get(field)?;
        Some(model.kind.as_str())
    }

    /// What `operation` costs with these variables.
    pub(super) fn cost(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: Option<&Map<String, Json>>,
    ) -> Cost {
        let walk = Walk {
            model: self,
            document,
            operation,
            variables,
        };
        let (root, is_mutation) = match operation.ty {
            OperationType::Query => ("Query", false),
            OperationType::Mutation => ("Mutation", true),
            OperationType::Subscription => ("Subscription", false),
        };
        let set = &operation.selection_set.node;
        Cost {
            points: walk.selection_set(set, root, 1),
            sign_ins: if is_mutation { walk.count(&SIGNING_IN, set) } else { 0 },
            uploads: if is_mutation { walk.count(&UPLOADING, set) } else { 0 },
        }
    }
}

impl FieldModel {
    fn of(field: &FieldDefinition) -> Self {
        Self {
            kind: name_of(&field.ty.node),
            is_paged: field
                .arguments
                .iter()
                .any(|argument| argument.node.name.node == "first"),
        }
    }
}

fn name_of(kind: &Type) -> String {
    kind.to_string()
        .chars()
        .filter(|character| !matches!(character, '[' | ']' | '!'))
        .collect()
}

struct Walk<'a> {
    model: &'a CostModel,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: Option<&'a Map<String, Json>>,
}

impl Walk<'_> {
    /// The cost of what is selected on `parent`; `rows` is how many rows it holds if it is a connection.
    fn selection_set(&self, set: &SelectionSet, parent: &str, rows: u64) -> u64 {
        let costs = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node, parent, rows),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let kind = condition.map_or(parent, |condition| condition.node.on.node.as_str());
                self.selection_set(&fragment.node.selection_set.node, kind, rows)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| {
                    let kind = fragment.node.type_condition.node.on.node.as_str();
                    self.selection_set(&fragment.node.selection_set.node, kind, rows)
                })
            }
        });
        costs.fold(0, u64::saturating_add)
    }

    /// A field without a selection is a scalar. One that is not known, such as `__schema`, counts as an object.
    fn field(&self, field: &Field, parent: &str, rows: u64) -> u64 {
        if field.selection_set.node.items.is_empty() {
            return 0;
        }
        let name = field.name.node.as_str();
        let model = self.model.fields.get(parent).and_then(|fields| fields.get(name));
        let kind = model.map_or("", |model| model.kind.as_str());
        let held = if model.is_some_and(|model| model.is_paged) {
            self.page_size(field)
        } else {
            1
        };
        let cost = self
            .selection_set(&field.selection_set.node, kind, held)
            .saturating_add(1);
        if parent.ends_with("Connection") && ROWS.contains(&name) {
            cost.saturating_mul(rows)
        } else {
            cost.saturating_mul(self.asked_for_by_id(field))
        }
    }

    /// How many rows are asked for. What is no acceptable number is refused when it is read.
    fn page_size(&self, field: &Field) -> u64 {
        ["first", "last"]
            .iter()
            .find_map(|name| self.number(&field.get_argument(name)?.node))
            .unwrap_or(u64::from(DEFAULT_PAGE_SIZE))
    }

    /// A field that takes a list of ids answers with as many.
    fn asked_for_by_id(&self, field: &Field) -> u64 {
        let Some(ids) = field.get_argument("ids") else {
            return 1;
        };
        let count = match &ids.node {
            Value::List(list) => list.len(),
            Value::Variable(name) => match self.variable(name) {
                Some(Json::Array(list)) => list.len(),
                _ => 1,
            },
            _ => 1,
        };
        count.max(1) as u64
    }

    fn number(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Number(number) => number.as_u64(),
            Value::Variable(name) => match self.variable(name) {
                Some(value) => value.as_u64(),
                None => match self.default_of(name)? {
                    ConstValue::Number(number) => number.as_u64(),
                    _ => None,
                },
            },
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<&Json> {
        self.variables.and_then(|variables| variables.get(name))
    }

    fn default_of(&self, name: &str) -> Option<&ConstValue> {
        let mut definitions = self.operation.variable_definitions.iter();
        let definition = definitions.find(|definition| definition.node.name.node == name)?;
        definition.node.default_value.as_ref().map(|value| &value.node)
    }

    /// How often one of these fields is selected.
    fn count(&self, names: &[&str], set: &SelectionSet) -> u32 {
        let counts = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => u32::from(names.contains(&field.node.name.node.as_str())),
            Selection::InlineFragment(fragment) => self.count(names, &fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| self.count(names, &fragment.node.selection_set.node))
            }
        });
        counts.fold(0, u32::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn cost(document: &str, variables: &Json) -> Cost {
        let document = parse_query(document).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        CostModel::of(&crate::graphql::sdl()).cost(&document, &operation.node, variables.as_object())
    }

    fn points(document: &str) -> u64 {
        cost(document, &Json::Null).points
    }

    #[test]
    fn objects_cost_and_scalars_do_not() {
        assert_eq!(points("{ __typename }"), 0);
        assert_eq!(points("{ viewer { id email } }"), 1);
        assert_eq!(points("{ a: viewer { id } b: viewer { id } }"), 2);
    }

    #[test]
    fn a_list_counts_as_often_as_it_is_asked_for() {
        let page =
            "{ tasks(first: 10) { totalCount nodes { id owner { id } assignee { id } } pageInfo { hasNextPage } } }";
        assert_eq!(points(page), 1 + 10 * 3 + 1);
        assert_eq!(points("{ tasks { nodes { id } } }"), 1 + 50);
        assert_eq!(points("{ tasks(last: 3) { edges { cursor node { id } } } }"), 1 + 3 * 2);
        assert_eq!(points("{ tasks(first: 9) { totalCount } }"), 1);
    }

    #[test]
    fn the_number_may_come_from_a_variable_or_its_default() {
        let document = "query($n: Int = 7) { tasks(first: $n) { nodes { id } } }";
        assert_eq!(cost(document, &json!({ "n": 20 })).points, 21);
        assert_eq!(cost(document, &json!({})).points, 8);
        assert_eq!(cost(document, &json!({ "n": "many" })).points, 51);
    }

    #[test]
    fn fragments_cost_where_they_are_spread() {
        let document = "{ tasks(first: 4) { ...page } } \
                        fragment page on TaskConnection { nodes { ...people } } \
                        fragment people on Task { owner { id } assignee { id } }";
        assert_eq!(points(document), 1 + 4 * 3);
        assert_eq!(points("{ node(id: \"x\") { id ... on Task { owner { id } } } }"), 2);
    }

    #[test]
    fn what_is_not_in_the_schema_counts_as_objects() {
        assert_eq!(points("{ __schema { types { name fields { name } } } }"), 3);
        assert_eq!(points("{ colour { shade } }"), 1);
    }

    #[test]
    fn signing_in_is_counted_by_name_and_not_by_alias() {
        let document = "mutation { a: login(input: {password: \"x\"}) { accessToken } ...more } \
                        fragment more on Mutation { refresh(refreshToken: \"x\") { accessToken } }";
        assert_eq!(cost(document, &Json::Null).sign_ins, 2);
        assert_eq!(cost("{ login: viewer { id } }", &Json::Null).sign_ins, 0);
        let document = "mutation { a: attachmentUpload(input: {file: \"\"}) { attachment { id } } logout { userErrors { code } } }";
        let cost = cost(document, &Json::Null);
        assert_eq!((cost.sign_ins, cost.uploads, cost.strict()), (0, 1, 1));
    }
}
