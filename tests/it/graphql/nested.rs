//! Nested lists: the tasks of users that the viewer can see.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::Person;

async fn titles_of(person: &Person<'_>, user: &Person<'_>, field: &str) -> Vec<String> {
    let query = format!("query($id: ID!) {{ user(id: $id) {{ tasks: {field} {{ totalCount nodes {{ title }} }} }} }}");
    let answer = person.graphql(&query, json!({ "id": user.global_id() })).await;
    let tasks = &answer.data()["user"]["tasks"];
    let titles = titles(tasks);
    assert_eq!(tasks["totalCount"], titles.len(), "{}", answer.text);
    titles
}

fn titles(tasks: &Value) -> Vec<String> {
    let nodes = tasks["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|task| task["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Creates tasks with these titles, a minute apart.
async fn create(app: &TestApp, owner: &Person<'_>, assignee: Option<&Person<'_>>, titles: &[&str]) {
    for title in titles {
        owner
            .creates_task(json!({ "title": title, "assigneeId": assignee.map(Person::global_id) }))
            .await;
        app.advance(TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn the_tasks_of_a_user_are_those_that_the_viewer_can_see() {
    let app = TestApp::start().await;
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    create(&app, &ann, None, &["own"]).await;
    create(&app, &ann, Some(&bob), &["to bob"]).await;
    create(&app, &bob, Some(&ann), &["to ann"]).await;
    create(&app, &bob, Some(&bob), &["bob's"]).await;
    for (viewer, owned, assigned) in [
        (&ann, vec!["to bob", "own"], vec!["to ann"]),
        (&bob, vec!["to bob"], vec!["to ann"]),
        (&boss, vec!["to bob", "own"], vec!["to ann"]),
        (&eve, vec![], vec![]),
    ] {
        assert_eq!(titles_of(viewer, &ann, "ownedTasks").await, owned);
        assert_eq!(titles_of(viewer, &ann, "assignedTasks").await, assigned);
    }
    assert_eq!(titles_of(&ann, &bob, "ownedTasks").await, ["to ann"]);
    assert_eq!(titles_of(&ann, &bob, "assignedTasks").await, ["to bob"]);
    assert_eq!(titles_of(&bob, &bob, "assignedTasks").await, ["bob's", "to bob"]);
}

#[tokio::test]
async fn each_alias_has_its_own_page_filter_and_order() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    create(&app, &ann, None, &["a-1", "a-2", "a-3"]).await;
    create(&app, &bob, None, &["b-1", "b-2"]).await;
    let answer = boss
        .graphql(
            "{ users(first: 2) { nodes {
                newest: ownedTasks(first: 1) { totalCount nodes { title } pageInfo { hasNextPage hasPreviousPage } }
                oldest: ownedTasks(last: 2) { nodes { title } pageInfo { hasNextPage hasPreviousPage } }
                sorted: ownedTasks(orderBy: [{field: TITLE}]) { nodes { title } }
                found: ownedTasks(filter: {search: \"-1\"}) { totalCount nodes { title } }
                wrong: ownedTasks(first: 101) { totalCount } } } }",
            json!({}),
        )
        .await;
    // An error of one nested list fails the query.
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    let answer = boss
        .graphql(
            "{ users(first: 2) { nodes {
                newest: ownedTasks(first: 1) { totalCount nodes { title } pageInfo { hasNextPage hasPreviousPage } }
                oldest: ownedTasks(last: 2) { nodes { title } pageInfo { hasNextPage hasPreviousPage } }
                sorted: ownedTasks(orderBy: [{field: TITLE}]) { nodes { title } }
                found: ownedTasks(filter: {search: \"-1\"}) { totalCount nodes { title } } } } }",
            json!({}),
        )
        .await;
    let page = |titles: &[&str]| titles.iter().map(|title| json!({ "title": title })).collect::<Vec<_>>();
    assert_eq!(
        answer.data()["users"]["nodes"],
        json!([
            {
                "newest": { "totalCount": 3, "nodes": page(&["a-3"]), "pageInfo": { "hasNextPage": true, "hasPreviousPage": false } },
                "oldest": { "nodes": page(&["a-2", "a-1"]), "pageInfo": { "hasNextPage": false, "hasPreviousPage": true } },
                "sorted": { "nodes": page(&["a-1", "a-2", "a-3"]) },
                "found": { "totalCount": 1, "nodes": page(&["a-1"]) },
            },
            {
                "newest": { "totalCount": 2, "nodes": page(&["b-2"]), "pageInfo": { "hasNextPage": true, "hasPreviousPage": false } },
                "oldest": { "nodes": page(&["b-2", "b-1"]), "pageInfo": { "hasNextPage": false, "hasPreviousPage": false } },
                "sorted": { "nodes": page(&["b-1", "b-2"]) },
                "found": { "totalCount": 1, "nodes": page(&["b-1"]) },
            },
        ])
    );
}

#[tokio::test]
async fn a_nested_list_is_paged_both_ways_also_by_a_nullable_column() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, due) in [
        ("none", Value::Null),
        ("late", json!("2026-03-01T00:00:00Z")),
        ("soon", json!("2026-02-01T00:00:00Z")),
        ("also none", Value::Null),
    ] {
        ann.creates_task(json!({ "title": title, "dueDate": due })).await;
    }
    let query = "query($first: Int, $after: String, $last: Int, $before: String) { viewer {
        ownedTasks(first: $first, after: $after, last: $last, before: $before, orderBy: [{field: DUE_DATE}]) {
          nodes { title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    for size in [1, 2, 1] {
        let answer = ann.graphql(query, json!({ "first": size, "after": cursor })).await;
        let page = &answer.data()["viewer"]["ownedTasks"];
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !found.is_empty());
        found.extend(titles(page));
        assert_eq!(page["pageInfo"]["hasNextPage"], found.len() < 4);
        cursor = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(found, ["soon", "late", "none", "also none"]);
    let answer = ann.graphql(query, json!({ "last": 2, "before": cursor })).await;
    let page = &answer.data()["viewer"]["ownedTasks"];
    assert_eq!(titles(page), ["late", "none"]);
    assert_eq!(
        (&page["pageInfo"]["hasPreviousPage"], &page["pageInfo"]["hasNextPage"]),
        (&json!(true), &json!(true))
    );
    let answer = ann.graphql(query, json!({ "after": "7" })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(
        answer.error_message().starts_with("after is not a cursor"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn the_trash_is_excluded_by_default() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create(&app, &ann, None, &["kept", "trashed"]).await;
    let delete = "mutation($id: ID!) { taskDelete(id: $id) { userErrors { code } } }";
    let id = ann
        .graphql("{ viewer { ownedTasks(first: 1) { nodes { id } } } }", json!({}))
        .await
        .at("/data/viewer/ownedTasks/nodes/0/id")
        .clone();
    ann.graphql(delete, json!({ "id": id })).await.data();
    assert_eq!(titles_of(&ann, &ann, "ownedTasks").await, ["kept"]);
    assert_eq!(
        titles_of(&ann, &ann, "ownedTasks(filter: {includeDeleted: true})").await,
        ["trashed", "kept"]
    );
}
