//! Static cost of an operation: the price of every selected field, times how often it is resolved.
//!
//! Operations are normalised and within the limits, which bound the number of their fields.

use std::borrow::Cow;
use std::collections::HashSet;
use std::convert::Infallible;

use async_graphql::Name;
use async_graphql::parser::types::{Field, OperationDefinition, OperationType, Selection, SelectionSet};
use async_graphql_value::{ConstValue, Value};

use super::coercion::Values;
use super::model::{InputModel, KindModel, Model, TypeId, TypeRef, input};
use super::normalizer::fields;
use super::price::{self, Price, SearchWords};
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// Mutations that check or set a password, renew tokens, or verify an e-mail address. A request runs at most one.
pub(in crate::graphql) const CREDENTIALS: [&str; 7] = [
    "register",
    "login",
    "passwordChange",
    REFRESH,
    "emailVerify",
    "emailVerificationSend",
    EMAIL_CHANGE,
];
/// Counts as a credential operation only with a password.
const EMAIL_CHANGE: &str = "userUpdate";
/// Mutations that sign a user in. They ignore `Idempotency-Key`.
pub(in crate::graphql) const SIGNING_IN: [&str; 3] = ["register", "login", REFRESH];
/// Has a separate rate limit per session.
pub(in crate::graphql) const REFRESH: &str = "refresh";
/// Mutations that take a file. They have a separate rate limit.
const UPLOADING: [&str; 1] = ["attachmentUpload"];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::graphql) struct Cost {
    pub(in crate::graphql) points: u64,
    /// The part of the points that grows with the number of visible tasks.
    pub(super) scans: u64,
    /// Number of fields in [`CREDENTIALS`].
    pub(in crate::graphql) credentials: u32,
    /// Number of fields that take a file.
    pub(in crate::graphql) uploads: u32,
}

/// Factor on the price of scans for administrators, who see all tasks.
const SCANS_OF_ALL: u64 = 20;

impl Cost {
    /// The cost for a user who sees all tasks.
    pub(in crate::graphql) fn of_administrator(self) -> Self {
        Self {
            points: self.points.saturating_add(self.scans.saturating_mul(SCANS_OF_ALL - 1)),
            ..self
        }
    }
}

pub(in crate::graphql) fn cost(operation: &OperationDefinition, values: &Values, model: &Model) -> Cost {
    let (set, words) = (&operation.selection_set.node, SearchWords::default());
    let walk = Walk { model, values, words };
    let is_mutation = operation.ty == OperationType::Mutation;
    let count = |names: &[&str]| if is_mutation { walk.selected(names, set) } else { 0 };
    let root = model.root(operation.ty);
    let price = root.map_or(Price::default(), |root| walk.selection_set(set, root, 1));
    Cost {
        points: price::OPERATION.saturating_add(price.all).div_ceil(price::POINT),
        scans: price.scans / price::POINT,
        credentials: count(&CREDENTIALS),
        uploads: count(&UPLOADING),
    }
}

struct Walk<'a> {
    model: &'a Model,
    values: &'a Values,
    words: SearchWords,
}

impl Walk<'_> {
    /// Counts root fields with one of these names. [`EMAIL_CHANGE`] counts only with a password.
    fn selected(&self, names: &[&str], set: &SelectionSet) -> u32 {
        let counted = fields(set).filter(|field| {
            let name = field.name.node.as_str();
            names.contains(&name) && (name != EMAIL_CHANGE || self.has_password(field))
        });
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }

    fn has_password(&self, field: &Field) -> bool {
        match self.given(field, "input").as_deref() {
            Some(ConstValue::Object(input)) => input
                .get("currentPassword")
                .is_some_and(|password| *password != ConstValue::Null),
            _ => false,
        }
    }

    /// The price of the selections on `parent`. `rows` is its number of rows if it is a connection.
    fn selection_set(&self, set: &SelectionSet, parent: TypeId, rows: u64) -> Price {
        let prices = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node, parent, rows),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let kind = condition.and_then(|condition| self.model.find(&condition.node.on.node));
                self.selection_set(&fragment.node.selection_set.node, kind.unwrap_or(parent), rows)
            }
            // A normalised operation has none.
            Selection::FragmentSpread(_) => Price::default(),
        });
        // A value has one type of the interface, so only the most expensive fragment counts.
        let together = if self.model.is_object(parent) {
            Price::plus
        } else {
            Price::max
        };
        prices.fold(Price::default(), together)
    }

    fn field(&self, field: &Field, parent: TypeId, rows: u64) -> Price {
        let name = field.name.node.as_str();
        let Some(definition) = self.model.field(parent, name) else {
            return Price::new(price::POINT, false);
        };
        let kind = definition.kind.named();
        let parent = self.model.name(parent).as_str();
        let arguments = field.arguments.iter().filter_map(|(name, value)| {
            let argument = input(&definition.arguments, &name.node)?;
            Some(self.value((None, argument), &argument.kind, self.resolved(&value.node)?.as_ref()))
        });
        let arguments = arguments.fold(Price::default(), Price::plus);
        let scan = if arguments.scans > 0 { price::SCAN } else { 0 };
        let own = price::field(parent, name, self.model.is_leaf(kind)).plus(arguments);
        let own = own.plus(Price::new(scan, true));
        let is_list = definition.kind.item().is_some();
        let is_paged = input(&definition.arguments, "first").is_some();
        let page_rows = if is_paged { self.page_size(field) } else { 1 };
        let set = &field.selection_set.node;
        let mut below = self.selection_set(set, kind, page_rows);
        if is_list && is_paged {
            // The list is loaded once. The resolver refuses a larger page.
            let rows = page_rows.min(u64::from(MAX_PAGE_SIZE));
            return own.plus(below.plus(Price::new(price::POINT, false)).times(rows));
        }
        if fields(set).any(|field| field.name.node == "pageInfo") {
            // Its cursors are those of rows, which are read for it.
            below = below.max(Price::new(price::ROW_READ, false).times(page_rows));
        }
        let times = if price::is_rows(parent, name) {
            rows
        } else {
            let usual = if is_list { price::usual_length(parent, name) } else { 1 };
            usual.max(self.list_argument_length(field))
        };
        own.plus(below).times(times)
    }

    /// The requested number of rows. The resolver refuses a number out of range.
    fn page_size(&self, field: &Field) -> u64 {
        let number = |name: &&str| match self.given(field, name)?.as_ref() {
            ConstValue::Number(number) => number.as_u64(),
            _ => None,
        };
        ["first", "last"]
            .iter()
            .find_map(number)
            .unwrap_or(u64::from(DEFAULT_PAGE_SIZE))
    }

    /// The length of the argument `ids` or `inputs`: the field does its work for each item.
    fn list_argument_length(&self, field: &Field) -> u64 {
        let lists = ["ids", "inputs"].iter().filter_map(|name| self.given(field, name));
        let lengths = lists.map(|list| match list.as_ref() {
            ConstValue::List(items) => items.len().max(1) as u64,
            _ => 1,
        });
        lengths.max().unwrap_or(1)
    }

    fn given<'v>(&'v self, field: &'v Field, name: &str) -> Option<Cow<'v, ConstValue>> {
        field.get_argument(name).and_then(|value| self.resolved(&value.node))
    }

    /// Replaces variables by their values. `None` if it is an absent variable.
    fn resolved<'v>(&'v self, value: &'v Value) -> Option<Cow<'v, ConstValue>> {
        if let Value::Variable(name) = value {
            return self.values.get(name).map(Cow::Borrowed);
        }
        let of_variable = |name: Name| Ok::<_, Infallible>(self.values.get(&name).cloned().unwrap_or_default());
        value.clone().into_const_with(of_variable).ok().map(Cow::Owned)
    }

    /// The price of a value. `place` is its argument or input field.
    fn value(&self, place: InputPlace<'_>, kind: &TypeRef, value: &ConstValue) -> Price {
        match value {
            ConstValue::Null => Price::default(),
            ConstValue::List(items) => {
                // Equal texts are looked up once.
                let mut texts = HashSet::new();
                let items = items.iter().filter(|item| match item {
                    ConstValue::String(text) => texts.insert(text),
                    _ => true,
                });
                let prices = items.map(|item| self.value(place, kind, item));
                prices.fold(Price::default(), Price::plus)
            }
            ConstValue::Object(fields) => {
                let KindModel::Input(definitions) = &self.model.get(kind.named()).kind else {
                    return Price::new(price::POINT, false);
                };
                let prices = fields.iter().filter_map(|(name, value)| {
                    let definition = input(definitions, name)?;
                    Some(self.value((Some(kind.named()), definition), &definition.kind, value))
                });
                prices.fold(Price::default(), Price::plus)
            }
            ConstValue::String(text) => self.leaf(place, Some(text)),
            ConstValue::Enum(name) => self.leaf(place, Some(name)),
            _ => self.leaf(place, None),
        }
    }

    fn leaf(&self, (of, input): InputPlace<'_>, text: Option<&str>) -> Price {
        let of = of.map_or("", |of| self.model.name(of).as_str());
        price::input(of, &input.name, text, &self.words)
    }
}

/// An argument, or a field with its input type.
type InputPlace<'a> = (Option<TypeId>, &'a InputModel);

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::config::{Config, GraphqlLimits};
    use crate::graphql::execution::document::Front;
    use crate::graphql::execution::problem::Rejection;

    static FRONT: LazyLock<Front> = LazyLock::new(|| {
        let mut config = Config::load().unwrap().graphql;
        config.limits = GraphqlLimits::DEFAULT;
        config.introspection = true;
        Front::new(&config)
    });

    fn prepared(text: &str, variables: &Json) -> Result<Cost, Rejection> {
        let document = FRONT.read(text.to_owned(), None).unwrap();
        let prepared = FRONT.prepare(&document, None, variables.as_object())?;
        Ok(prepared.cost)
    }

    fn points(text: &str) -> u64 {
        prepared(text, &Json::Null).unwrap().points
    }

    #[test]
    fn the_price_of_a_list_grows_with_its_page_size() {
        let rows = |first: &str| points(&format!("{{ tasks{first} {{ nodes {{ id owner {{ id }} }} }} }}"));
        assert!(rows("(first: 100)") > 5 * rows("(first: 10)"));
        assert_eq!(rows(""), rows("(first: 50)"));
        assert_eq!(rows("(last: 20)"), rows("(first: 20)"));
        let nested = "{ tasks(first: 100) { nodes { owner { ownedTasks(first: 100) { nodes { id } } } } } }";
        assert_eq!(prepared(nested, &Json::Null).unwrap_err().code, "LIMIT_EXCEEDED");
    }

    #[test]
    fn rows_that_are_read_for_page_info_are_paid() {
        let page = |selection: &str| points(&format!("{{ tasks(first: 100) {{ {selection} }} }}"));
        assert!(page("pageInfo { endCursor }") >= 70);
        assert!(page("__typename") < 20, "no row is read");
        assert!(
            page("nodes { id } pageInfo { endCursor }") <= page("nodes { id }") + 2,
            "the rows are read once"
        );
    }

    #[test]
    fn literals_variables_and_defaults_cost_the_same() {
        for (declared, literal, given) in [
            ("$v: Int", "first: 20", json!(20)),
            ("$v: Int = 20", "first: 20", Json::Null),
            (
                "$v: TaskFilter",
                "filter: {search: \"one two\", status: {in: [DONE, TODO]}}",
                json!({ "search": "one two", "status": { "in": ["DONE", "TODO"] } }),
            ),
            (
                "$v: TaskFilter = {tag: {all: [\"a\", \"b\"]}}",
                "filter: {tag: {all: [\"a\", \"b\"]}}",
                Json::Null,
            ),
        ] {
            let argument = literal.split_once(':').unwrap().0;
            let document = format!("query({declared}) {{ tasks({argument}: $v) {{ nodes {{ id }} }} }}");
            let variables = if given.is_null() {
                json!({})
            } else {
                json!({ "v": given })
            };
            let expected = points(&format!("{{ tasks({literal}) {{ nodes {{ id }} }} }}"));
            assert_eq!(prepared(&document, &variables).unwrap().points, expected, "{document}");
        }
        let ids = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Task { owner { id } } } }";
        let of = |count: usize| prepared(ids, &json!({ "ids": vec!["x"; count] })).unwrap().points;
        assert!(of(100) > 20 * of(1));
        let create = "mutation($inputs: [TaskCreateInput!]!) { tasksBulkCreate(inputs: $inputs) { successful } }";
        let of = |count: usize| {
            let inputs = json!({ "inputs": vec![json!({ "title": "x" }); count] });
            prepared(create, &inputs).unwrap().points
        };
        assert!(of(100) > 20 * of(1));
    }

    #[test]
    fn everything_that_takes_work_costs() {
        let with = |filter: &str| {
            points(&format!(
                "{{ tasks(filter: {{{filter}}}) {{ pageInfo {{ hasNextPage }} }} }}"
            ))
        };
        let plain = with("");
        for filter in [
            "search: \"ab\"",
            "status: {eq: DONE}",
            "tag: {any: [\"a\"]}",
            "or: [{isOverdue: true}]",
            "createdAt: {gt: \"2026-01-01T00:00:00Z\"}",
        ] {
            assert!(with(filter) > plain, "{filter}");
        }
        assert!(with("search: \"ab cd ef\"") > 2 * with("search: \"ab\"") - plain);
        assert!(points("{ tasks { totalCount } }") > points("{ tasks { __typename } }"));
        assert!(points("{ tasks { nodes { description } } }") > points("{ tasks { nodes { title } } }"));
        assert!(points("mutation { taskCreate(input: {title: \"x\"}) { task { id } } }") > points("{ viewer { id } }"));
    }

    #[test]
    fn introspection_of_editors_passes_and_chains_of_it_do_not() {
        let editors = include_str!("../../../tests/it/graphql/introspection.graphql");
        assert!(points(editors) <= GraphqlLimits::DEFAULT.complexity);
        let chain = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
        let rejection = FRONT.read(chain.to_owned(), None).unwrap_err();
        assert_eq!(rejection.code, "GRAPHQL_VALIDATION_FAILED");
    }

    #[test]
    fn administrators_pay_more_for_scans_and_for_nothing_else() {
        let cost = |text: &str| prepared(text, &Json::Null).unwrap();
        let plain = cost("{ tasks { nodes { id owner { id } } } }");
        assert_eq!(plain.of_administrator(), plain);
        for scan in [
            "{ tasks { totalCount } }",
            "{ tasks(filter: {isOverdue: true}) { nodes { id } } }",
            "{ tasks(orderBy: {field: TITLE}) { nodes { id } } }",
        ] {
            assert!(cost(scan).of_administrator().points > cost(scan).points, "{scan}");
        }
    }

    #[test]
    fn credential_operations_are_counted_by_name_and_not_by_alias() {
        let document = "mutation { a: login(input: {password: \"x\"}) { accessToken } ...more } \
                        fragment more on Mutation { refresh(refreshToken: \"x\") { accessToken } }";
        assert_eq!(prepared(document, &Json::Null).unwrap().credentials, 2);
        assert_eq!(
            prepared("{ login: viewer { id } }", &Json::Null).unwrap().credentials,
            0
        );
        let document =
            "mutation($f: Upload!) { a: attachmentUpload(input: {file: $f}) { attachment { id } } logout { success } }";
        let cost = prepared(document, &json!({ "f": "upload:0" })).unwrap();
        assert_eq!((cost.credentials, cost.uploads), (0, 1));
    }

    #[test]
    fn every_mutation_that_takes_a_password_or_gives_tokens_is_a_credential_operation() {
        let model = &FRONT.model;
        let is_secret = |input: &InputModel| input.name.to_lowercase().contains("password");
        let takes_a_password = |input: &InputModel| match &model.get(input.kind.named()).kind {
            KindModel::Input(fields) => fields.iter().any(is_secret),
            _ => is_secret(input),
        };
        let gives_tokens = |kind: TypeId| model.field(kind, "accessToken").is_some();
        let KindModel::Object(mutations) = &model.get(model.root(OperationType::Mutation).unwrap()).kind else {
            panic!("mutations are fields of an object");
        };
        let found = mutations
            .iter()
            .filter(|(_, field)| gives_tokens(field.kind.named()) || field.arguments.iter().any(takes_a_password));
        let found: HashSet<&str> = found.map(|(name, _)| name.as_str()).collect();
        assert!(
            found.len() > 3 && found.is_subset(&HashSet::from(CREDENTIALS)),
            "{found:?}"
        );
    }
}
