//! Execution by the specification where the GraphQL library deviates from it.

use serde_json::json;

use super::{SPECIFIED, ask, refused};
use crate::support::TestApp;
use crate::support::person::global_id;

#[tokio::test]
async fn a_mutation_that_a_default_skips_does_not_run() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "Kept" })).await);
    for (mutation, given) in [
        (
            "mutation($id: ID!, $dry: Boolean = true) { taskPurge(id: $id) @skip(if: $dry) { userErrors { code } } }",
            json!({}),
        ),
        (
            "mutation($id: ID!, $go: Boolean! = false) { taskPurge(id: $id) @include(if: $go) { userErrors { code } } }",
            json!({}),
        ),
        (
            "mutation($id: ID!, $dry: Boolean!) { ...F } fragment F on Mutation { ... @skip(if: $dry) { taskPurge(id: $id) { userErrors { code } } } }",
            json!({ "dry": true }),
        ),
        (
            "mutation($id: ID!) { ... @include(if: false) { taskPurge(id: $id) { userErrors { code } } } }",
            json!({}),
        ),
    ] {
        let mut variables = given;
        if mutation.contains("($id: ID!, $") || mutation.contains("$id") {
            variables["id"] = id.clone().into();
        }
        let answer = ann.graphql(mutation, variables).await;
        // A document that uses a variable only where it is skipped is still valid.
        assert_eq!(answer.data(), &json!({}), "{mutation}");
        assert_eq!(
            ann.titles("filter: {includeDeleted: true}").await,
            ["Kept"],
            "{mutation}"
        );
    }
}

#[tokio::test]
async fn a_mutation_with_null_as_its_condition_does_not_run() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "Kept" })).await);
    for mutation in [
        "mutation($id: ID!, $dry: Boolean = true) { taskPurge(id: $id) @skip(if: $dry) { userErrors { code } } }",
        "mutation($id: ID!, $dry: Boolean = true) { ...F } \
         fragment F on Mutation { taskPurge(id: $id) { userErrors { code @include(if: $dry) field } } }",
    ] {
        let answer = ann.graphql(mutation, json!({ "id": id, "dry": null })).await;
        refused(&answer, 200, "BAD_USER_INPUT");
        assert!(answer.error_message().contains("$dry"), "{}", answer.text);
        assert_eq!(
            ann.titles("filter: {includeDeleted: true}").await,
            ["Kept"],
            "{mutation}"
        );
    }
}

#[tokio::test]
async fn what_is_skipped_needs_no_other_condition() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for query in [
        "query($go: Boolean = true) { viewer { username id @include(if: $go) @skip(if: true) } }",
        "query($go: Boolean = true) { viewer { username id @skip(if: true) @include(if: $go) } }",
        "query($go: Boolean = true, $no: Boolean = true) { viewer { username ... @include(if: $go) @skip(if: $no) { id } } }",
    ] {
        let answer = ann.graphql(query, json!({ "go": null })).await;
        assert_eq!(answer.data(), &json!({ "viewer": { "username": ann.name } }), "{query}");
    }
}

#[tokio::test]
async fn a_mutation_that_is_selected_more_than_once_runs_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (number, mutation) in [
        "mutation($i: TaskCreateInput!) { T: taskCreate(input: $i) { task { title } } T: taskCreate(input: $i) { task { version } } }",
        "mutation($i: TaskCreateInput!) { ...F T: taskCreate(input: $i) { task { version } } } \
         fragment F on Mutation { T: taskCreate(input: $i) { task { title } } }",
        "mutation($i: TaskCreateInput!) { ...F ...F ... on Mutation { ...F T: taskCreate(input: $i) { task { version } } } } \
         fragment F on Mutation { T: taskCreate(input: $i) { task { title } } }",
    ]
    .into_iter()
    .enumerate()
    {
        let title = format!("Number {number}");
        let answer = ann.graphql(mutation, json!({ "i": { "title": title } })).await;
        assert_eq!(answer.text, json!({ "data": { "T": { "task": { "title": title, "version": 1 } } } }).to_string());
        assert_eq!(ann.titles("filter: {includeDeleted: true}").await.len(), number + 1, "{mutation}");
    }
}

#[tokio::test]
async fn a_mutation_with_invalid_variables_does_not_run() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let document = "mutation($i: ID) { T: taskCreate(input: {title: \"x\"}) { task { id } } taskDelete(id: $i) { userErrors { code } } }";
    refused(&ask(&ann, SPECIFIED, document).await, 400, "GRAPHQL_VALIDATION_FAILED");
    let document = "mutation($i: ID!, $p: TaskPriority) { T: taskCreate(input: {title: \"x\", priority: $p}) { task { id } } taskDelete(id: $i) { userErrors { code } } }";
    for variables in [
        json!({}),
        json!({ "i": null }),
        json!({ "i": "x", "p": "GREAT" }),
        json!({ "i": ["x"] }),
    ] {
        let answer = ann.graphql(document, variables).await;
        refused(&answer, 200, "BAD_USER_INPUT");
    }
    assert_eq!(ann.titles("filter: {includeDeleted: true}").await.len(), 0);
}

#[tokio::test]
async fn an_absent_variable_is_replaced_by_the_default() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "Old", "tags": ["a"] })).await;
    ann.creates_task(json!({ "title": "New" })).await;
    let unread = "query($u: Boolean) { notifications(unreadOnly: $u) { totalCount } }";
    assert_eq!(
        ann.graphql(unread, json!({})).await.data()["notifications"]["totalCount"],
        0
    );
    let answer = ann.graphql(unread, json!({ "u": null })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT", "null is not absent");
    let sorted = "query($d: OrderDirection, $f: Int) { tasks(first: $f, orderBy: {field: TITLE, direction: $d}) { nodes { title } } }";
    let answer = ann.graphql(sorted, json!({})).await;
    assert_eq!(
        answer.data()["tasks"]["nodes"],
        json!([{ "title": "New" }, { "title": "Old" }])
    );
    let answer = ann.graphql(sorted, json!({ "d": "DESC", "f": 1.0 })).await;
    assert_eq!(answer.data()["tasks"]["nodes"], json!([{ "title": "Old" }]));
    let create = "mutation($t: [String!]!, $d: String) { taskCreate(input: {title: \"x\", tags: $t, description: $d}) { task { tags description } } }";
    let answer = ann.graphql(create, json!({ "t": "one" })).await;
    assert_eq!(
        answer.data()["taskCreate"]["task"],
        json!({ "tags": ["one"], "description": null })
    );
}

#[tokio::test]
async fn fields_of_fragments_are_merged_in_document_order() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "One" })).await);
    let document = "query($id: ID!) { node(id: $id) { ...F ... on Task { owner { username } title } ... on User { username } id } \
                    node(id: $id) { ... on Task { owner { fullName } version } } } \
                    fragment F on Node { __typename ... on Task { owner { __typename } } }";
    let answer = ann.graphql(document, json!({ "id": id })).await;
    assert_eq!(
        answer.text,
        format!(
            r#"{{"data":{{"node":{{"__typename":"Task","owner":{{"__typename":"User","username":"{}","fullName":null}},"title":"One","id":"{id}","version":1}}}}}}"#,
            ann.name
        )
    );
}

#[tokio::test]
async fn strings_and_numbers_are_read_as_they_are_written() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (literal, expected) in [
        (r#""""a \""" b""""#, "a \"\"\" b"),
        (r#""\u{1F600} \uD83D\uDE00 \u00e9""#, "😀 😀 é"),
        ("\"\"\"\n      first\n        second\n    \"\"\"", "first\n  second"),
    ] {
        let document = format!(
            "mutation {{ taskCreate(input: {{title: \"x\", description: {literal}}}) {{ task {{ description }} }} }}"
        );
        let answer = ask(&ann, SPECIFIED, &document).await;
        assert_eq!(
            answer.data()["taskCreate"]["task"]["description"],
            expected,
            "{literal}"
        );
    }
    // A number beyond all integer types is a valid ID literal, but identifies no object.
    let answer = ask(&ann, SPECIFIED, "{ node(id: 123456789012345678901234567890) { id } }").await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(
        answer.error_message().contains("123456789012345678901234567890"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn every_error_of_a_document_has_its_location() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = ask(&ann, SPECIFIED, "query($a: Int) {\n  viewer { colour }\n  shade\n}").await;
    refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED");
    let errors = answer.at("/errors").as_array().unwrap();
    let lines: Vec<_> = errors
        .iter()
        .map(|error| error["locations"][0]["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 1], "{}", answer.text);
}
