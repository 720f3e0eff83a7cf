//! `schema.graphql` matches the served schema, and everything in it has a description.

use serde_json::{Value, json};

use crate::support::TestApp;

#[test]
fn the_schema_file_matches_the_served_schema() {
    let file = include_str!("../../schema.graphql");
    assert!(
        file.trim() == taskwire::graphql::sdl().trim(),
        "schema.graphql is out of date: run `cargo xtask schema`"
    );
}

/// The types of the served schema, by introspection.
async fn types() -> Vec<Value> {
    let app = TestApp::start().await;
    let query = include_str!("graphql/introspection.graphql");
    let answer = app.anonymous().graphql(query, json!({})).await;
    answer.data()["__schema"]["types"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_type_field_argument_and_enum_value_is_described() {
    let types = types().await;
    assert!(types.len() > 30, "{types:?}");
    let mut undescribed = Vec::new();
    // `ID` is a built-in scalar.
    for kind in types
        .iter()
        .filter(|kind| !name(kind).starts_with("__") && name(kind) != "ID")
    {
        note(kind, name(kind), &mut undescribed);
    }
    assert_eq!(undescribed, Vec::<String>::new());
}

/// Relay identifies records by `id` alone: two objects with the same `id` become one.
#[tokio::test]
async fn only_nodes_have_an_id() {
    let types = types().await;
    let has = |kind: &Value, list: &str, wanted: &str| {
        let parts = kind[list].as_array();
        parts.is_some_and(|parts| parts.iter().any(|part| name(part) == wanted))
    };
    let with_id: Vec<&Value> = types
        .iter()
        .filter(|kind| kind["kind"] == "OBJECT" && has(kind, "fields", "id"))
        .collect();
    assert!(with_id.len() > 3, "{types:?}");
    let others = with_id.into_iter().filter(|kind| !has(kind, "interfaces", "Node"));
    assert_eq!(others.map(name).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Collects this part of the schema, and its children, if they have no description.
fn note(part: &Value, path: &str, undescribed: &mut Vec<String>) {
    if part["description"].as_str().is_none_or(str::is_empty) {
        undescribed.push(path.to_owned());
    }
    for list in ["fields", "inputFields", "enumValues", "args"] {
        for inner in part[list].as_array().into_iter().flatten() {
            note(inner, &format!("{path}.{}", name(inner)), undescribed);
        }
    }
}

fn name(part: &Value) -> &str {
    part["name"].as_str().unwrap()
}
