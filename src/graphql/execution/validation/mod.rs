//! Validates documents against the schema, by the rules of the specification of September 2025.
//!
//! The rules are those of `graphql-js` 16 and 17, and tests compare the results. Where the two differ, the
//! specification decides: a selection set has one selection or more (16), and the root of a subscription has no
//! `@skip` or `@include` (17).
//!
//! | module | rules for |
//! |---|---|
//! | `definition` | whole operations and fragments |
//! | `selection` | fields, fragment spreads, directives |
//! | `value` | arguments and literals |
//! | `variable` | variables |
//! | `overlap` | fields with the same response key |

mod definition;
mod overlap;
mod selection;
mod value;
mod variable;

use async_graphql::{Name, Pos};

pub(in crate::graphql) use self::value::article;
use self::variable::Usage;
use super::model::Model;
use super::problem::Problem;
use super::syntax::{Document, Spread};

/// Maximum number of problems in a response.
const MAX_PROBLEMS: usize = 20;
/// Maximum length of a name that gets suggestions, in bytes. Comparing two names takes time for each pair of their
/// characters.
const MAX_COMPARED: usize = 100;

/// The problems of a document; empty if it is valid. The document must be within the limits: no operation reaches a
/// cycle of fragments.
pub(in crate::graphql) fn validate(document: &Document, model: &Model) -> Vec<Problem> {
    let mut validator = Validator {
        model,
        document,
        problems: Vec::new(),
    };
    validator.definitions();
    if validator.problems.is_empty() {
        validator.overlaps();
    }
    validator.problems.truncate(MAX_PROBLEMS);
    validator.problems
}

struct Validator<'a> {
    model: &'a Model,
    document: &'a Document,
    problems: Vec<Problem>,
}

#[derive(Default)]
struct Uses<'a> {
    variables: Vec<Usage<'a>>,
    spreads: Vec<&'a Spread>,
}

impl Validator<'_> {
    fn report(&mut self, message: impl Into<String>, positions: impl IntoIterator<Item = Pos>) {
        self.problems.push(Problem {
            message: message.into(),
            positions: positions.into_iter().collect(),
        });
    }

    /// Reports each name that occurs more than once.
    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = (&'n Name, Pos)>) {
        let mut seen: Vec<(&Name, Pos)> = Vec::new();
        for (name, pos) in names {
            match seen.iter().find(|(other, _)| *other == name) {
                Some((_, first)) => self.report(format!("There is more than one {what} '{name}'"), [*first, pos]),
                None => seen.push((name, pos)),
            }
        }
    }

    /// The end of an error message: existing names similar to `name`. Empty if introspection is disabled, and if the
    /// message is not shown.
    fn similar<'n>(&self, name: &str, existing: impl Iterator<Item = &'n str>) -> String {
        let is_shown = self.problems.len() < MAX_PROBLEMS;
        if !self.model.is_introspectable() || !is_shown || name.len() > MAX_COMPARED {
            return String::new();
        }
        let allowed = name.chars().count() / 3 + 1;
        let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
        let mut similar: Vec<(usize, &str)> = existing
            .filter(|other| other.len() <= name.len() + allowed)
            .map(|other| (distance(other), other))
            .filter(|(distance, _)| *distance <= allowed)
            .collect();
        similar.sort_unstable();
        let names: Vec<String> = similar.iter().take(3).map(|(_, other)| format!("'{other}'")).collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("; did you mean {}?", names.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::config::GraphqlLimits;
    use crate::graphql::execution::syntax::parse;

    static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(&crate::graphql::sdl(), true));

    fn problems(text: &str) -> Vec<String> {
        let document = parse(text, &GraphqlLimits::DEFAULT).unwrap();
        validate(&document, &MODEL)
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    #[test]
    fn valid_documents_have_no_problems() {
        for text in [
            "{ viewer { id ...F ... on Node { id } } } fragment F on User { id: id __typename }",
            "query A($a: Boolean = true) { viewer { id @skip(if: $a) } }",
            "query A($a: Boolean) { notifications(unreadOnly: $a) { totalCount } }",
            "{ tasks(orderBy: {field: TITLE}, filter: {status: {in: DONE}, tag: {any: \"a\"}}) { totalCount } }",
            "{ node(id: 12345678901234567890) { ... on Task { x: assignee { id } } ... on Attachment { x: task { id } } } }",
            "{ tasks(filter: {search: \"a\", isOverdue: true}) { totalCount } tasks(filter: {isOverdue: true, search: \"a\"}) { nodes { id } } }",
            "mutation { taskCreate(input: {title: \"a\", dueDate: 5}) { task { id } } }",
            "subscription { ...F ...F } fragment F on Subscription { taskEvents { type } }",
            "{ __schema { types { inputFields(includeDeprecated: true) { isDeprecated } isOneOf } } __type(name: \"a\") { name } }",
            "query A { viewer { id } } query B($v: ID!) { node(id: $v) { id } }",
        ] {
            assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        }
    }

    /// Invalid documents, each with a part of its error message.
    const INVALID: &[(&str, &str)] = &[
        ("{ viewer { colour } }", "has no field 'colour'"),
        ("{ viewer }", "needs a selection"),
        ("{ viewer { id { a } } }", "has no fields to select"),
        ("{ viewer { __typename { a } } }", "has no fields to select"),
        ("{ viewer { ...F } }", "no fragment 'F'"),
        ("{ viewer { id } } fragment F on User { id }", "'F' is not used"),
        (
            "{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }",
            "more than one fragment 'F'",
        ),
        (
            "query A { viewer { id } } query A { viewer { id } }",
            "more than one operation 'A'",
        ),
        (
            "{ viewer { id } } query A { viewer { id } }",
            "without a name must be the only one",
        ),
        ("{ ...F } fragment F on Nope { id }", "no type 'Nope'"),
        ("{ ... on String { id } }", "'String' has no fields"),
        ("{ viewer { ... on Task { id } } }", "never a 'Task'"),
        ("query($a: Nope) { viewer { id } }", "no type 'Nope'"),
        ("query($a: Task) { viewer { id } }", "cannot be the type of a variable"),
        (
            "query($a: Int, $a: Int) { tasks(first: $a) { totalCount } }",
            "more than one variable '$a'",
        ),
        ("query($a: Int) { viewer { id } }", "'$a' is not used"),
        ("{ tasks(first: $a) { totalCount } }", "'$a' is not defined"),
        (
            "query($a: Int = \"x\") { tasks(first: $a) { totalCount } }",
            "is not an Int",
        ),
        ("query($a: Int! = null) { tasks(first: $a) { totalCount } }", "null"),
        (
            "query($a: Int @skip(if: true)) { tasks(first: $a) { totalCount } }",
            "cannot be used on",
        ),
        ("{ viewer @nope { id } }", "no directive '@nope'"),
        ("{ viewer @deprecated { id } }", "cannot be used on"),
        ("query @skip(if: true) { viewer { id } }", "cannot be used on"),
        (
            "{ viewer @skip(if: true) @skip(if: true) { id } }",
            "more than one directive",
        ),
        ("{ viewer @skip { id } }", "'if' is missing"),
        ("{ viewer @skip(if: \"x\") { id } }", "is not a Boolean"),
        ("{ node { id } }", "'id' is missing"),
        ("{ node(id: null) { id } }", "null"),
        ("{ node(id: 1, id: 1) { id } }", "more than one argument 'id'"),
        ("{ node(id: 1, nope: 1) { id } }", "no argument 'nope'"),
        ("{ node(id: 1.5) { id } }", "is not an ID"),
        ("{ tasks(first: 2147483648) { totalCount } }", "is not an Int"),
        (
            "{ tasks(filter: {status: {eq: \"DONE\"}}) { totalCount } }",
            "is not a TaskStatus",
        ),
        ("{ tasks(filter: {status: {eq: OPEN}}) { totalCount } }", "TODO"),
        ("{ tasks(filter: {colour: 1}) { totalCount } }", "no field 'colour'"),
        (
            "{ tasks(filter: {search: \"a\", search: \"a\"}) { totalCount } }",
            "more than one field 'search'",
        ),
        ("{ tasks(filter: {and: [null]}) { totalCount } }", "null"),
        (
            "{ tasks(orderBy: {direction: ASC}) { totalCount } }",
            "'field' is missing",
        ),
        (
            "query($a: [TaskFilter]) { tasks(filter: {and: $a}) { totalCount } }",
            "[TaskFilter!]",
        ),
        (
            "query($a: TaskFilter) { tasks(filter: {and: [$a]}) { totalCount } }",
            "TaskFilter!",
        ),
        ("query($a: Boolean) { viewer { id @skip(if: $a) } }", "Boolean!"),
        ("query($a: Boolean = null) { viewer { id @skip(if: $a) } }", "Boolean!"),
        ("query($a: String) { node(id: $a) { id } }", "ID!"),
        ("{ viewer { x: id x: username } }", "'x' conflict"),
        (
            "{ tasks(first: 1) { totalCount } tasks(first: 2) { totalCount } }",
            "'tasks' conflict",
        ),
        (
            "{ node(id: 1) { ... on Task { x: title } ... on User { x: username } } }",
            "'x' conflict",
        ),
        (
            "{ node(id: 1) { ... on Task { x: assignee { y: id } } ... on Attachment { x: task { y: title } } } }",
            "'y' conflict",
        ),
        (
            "{ node(id: 1) { ... on Task { x: tags } ... on User { x: username } } }",
            "'x' conflict",
        ),
        (
            "subscription { taskEvents { type } notificationReceived { cursor } }",
            "one field",
        ),
        ("subscription { __typename }", "introspection"),
        ("subscription { taskEvents @skip(if: true) { type } }", "@skip"),
        (
            "subscription { ...F } fragment F on Subscription { ... @include(if: true) { taskEvents { type } } }",
            "@skip",
        ),
        ("subscription { __schema { description } }", "has no field '__schema'"),
        ("fragment F on Query { viewer { id } }", "'F' is not used"),
        (
            "{ __schema { types { fields { type { ...F } } } } } fragment F on __Type { fields { type { inputFields { name } } } }",
            "nested too deep",
        ),
    ];

    #[test]
    fn each_rule_rejects_invalid_documents() {
        for (text, expected) in INVALID {
            let found = problems(text);
            assert!(
                found.iter().any(|problem| problem.contains(expected)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn similar_names_are_suggested_only_with_introspection() {
        let document = parse("{ viewr { id } }", &GraphqlLimits::DEFAULT).unwrap();
        let error = |is_introspectable| {
            let model = Model::new(&crate::graphql::sdl(), is_introspectable);
            validate(&document, &model)[0].message.clone()
        };
        assert_eq!(error(true), "Type 'Query' has no field 'viewr'; did you mean 'viewer'?");
        assert_eq!(error(false), "Type 'Query' has no field 'viewr'");
    }
}
