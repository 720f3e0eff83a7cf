//! The number of SQL statements of a request.

use axum::http::Method;
use serde_json::{Value, json};

use crate::noun::{self, Ids};
use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::person::{Person, global_id};

/// The number of statements of a query with an empty user cache, and its data.
async fn cost(app: &TestApp, person: &Person<'_>, query: &str) -> (u64, Value) {
    app.database.forget_users().await;
    let before = app.app.domain().statements();
    let answer = person.graphql(query, json!({})).await;
    let statements = app.app.domain().statements() - before;
    (statements, answer.data().clone())
}

/// Creates `count` tasks of one owner, with alternating assignees and two tags.
async fn tasks(owner: &Person<'_>, assignees: &[Person<'_>], count: usize) {
    for number in 0..count {
        let assignee = assignees[number % assignees.len()].global_id();
        owner
            .creates_task(json!({ "title": format!("Task {number}"), "assigneeId": assignee, "tags": ["a", "b"] }))
            .await;
    }
}

/// How often the resources of all nouns are created.
const ROUNDS: usize = 34;

#[tokio::test]
async fn a_page_of_a_noun_takes_the_same_number_of_statements_at_any_size() {
    let app = TestApp::start().await;
    let (owner, assignee) = (app.member().await, app.member().await);
    for _ in 0..ROUNDS {
        Ids::create(noun::ALL, &owner, &assignee).await;
    }
    for (query, expected) in noun::ALL.iter().flat_map(|noun| noun.statements) {
        for size in [2, 100] {
            let page = query.replace("SIZE", &size.to_string());
            let (statements, data) = cost(&app, &owner, &format!("{{ {page} }}")).await;
            let mut lists = data.as_object().unwrap().values();
            let nodes = lists.next().unwrap()["nodes"].as_array().unwrap();
            assert!(nodes.len() >= size.min(ROUNDS), "{page}: {} rows", nodes.len());
            assert_eq!(statements, *expected, "{page}");
        }
    }
}

#[tokio::test]
async fn a_page_of_50_tasks_with_owner_and_assignee_takes_3_statements() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let others = [app.member().await, app.member().await, app.member().await];
    tasks(&ann, &others, 60).await;
    let query =
        "{ tasks(first: 50) { nodes { title owner { username } assignee { username } } pageInfo { hasNextPage } } }";
    let (statements, data) = cost(&app, &ann, query).await;
    let nodes = data["tasks"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 50);
    assert!(
        nodes
            .iter()
            .all(|task| task["owner"]["username"].is_string() && task["assignee"]["username"].is_string())
    );
    assert_eq!(statements, 3, "the session, the page, and its users in one batch");
    let before = app.app.domain().statements();
    ann.graphql(query, json!({})).await;
    let statements = app.app.domain().statements() - before;
    assert_eq!(statements, 2, "the session and the page, with users in memory");
}

/// Database ids of the person's tasks, in list order.
async fn newest(person: &Person<'_>) -> Vec<i64> {
    let answer = person
        .graphql("{ tasks(first: 100) { nodes { databaseId } } }", json!({}))
        .await;
    let nodes = answer.data()["tasks"]["nodes"].as_array().unwrap();
    nodes.iter().filter_map(|task| task["databaseId"].as_i64()).collect()
}

#[tokio::test]
async fn a_page_has_files_and_history_of_each_task_at_any_size() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let others = [app.member().await, app.member().await, app.member().await];
    tasks(&ann, &others, 100).await;
    let ids: Vec<i64> = newest(&ann).await;
    for id in [ids[0], ids[50], ids[99]] {
        for name in ["a.txt", "b.txt"] {
            ann.keeps(Some(id), name, b"content").await;
        }
    }
    for size in [2, 100] {
        let query = format!(
            "{{ tasks(first: {size}) {{ totalCount nodes {{ title tags attachments {{ filename }} owner {{ username }} assignee {{ username }} }} }} }}"
        );
        let (_, data) = cost(&app, &ann, &query).await;
        assert_eq!(data["tasks"]["nodes"].as_array().unwrap().len(), size);
        assert_eq!(data["tasks"]["nodes"][0]["tags"], json!(["a", "b"]));
        assert_eq!(
            data["tasks"]["nodes"][0]["attachments"],
            json!([{ "filename": "a.txt" }, { "filename": "b.txt" }])
        );
        let query = format!(
            "{{ tasks(first: {size}) {{ nodes {{ history(last: 1) {{ totalCount nodes {{ type actor {{ username }} task {{ tags }} }} }} }} }} }}"
        );
        let (_, data) = cost(&app, &ann, &query).await;
        assert_eq!(
            data["tasks"]["nodes"][1]["history"],
            json!({ "totalCount": 1, "nodes": [{ "type": "CREATED", "actor": { "username": ann.name }, "task": { "tags": ["a", "b"] } }] })
        );
    }
}

#[tokio::test]
async fn statements_of_nested_lists_grow_with_depth_and_not_with_rows() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let people = [app.member().await, app.member().await, app.member().await];
    for owner in &people {
        tasks(owner, &people, 12).await;
    }
    for size in [1, 10] {
        let query = format!(
            "{{ users(first: 10) {{ nodes {{ ownedTasks(first: {size}) {{ totalCount nodes {{ assignee {{ username
                assignedTasks(first: {size}) {{ nodes {{ owner {{ fullName }} }} }} }} }} }} }} }} }}"
        );
        let (statements, data) = cost(&app, &boss, &query).await;
        let tasks = &data["users"]["nodes"][1]["ownedTasks"];
        assert_eq!(
            (&tasks["totalCount"], tasks["nodes"].as_array().unwrap().len()),
            (&json!(12), size)
        );
        let inner = tasks["nodes"][0]["assignee"]["assignedTasks"]["nodes"]
            .as_array()
            .unwrap();
        assert_eq!(inner.len(), size);
        assert_eq!(
            statements, 6,
            "the session, the users, their tasks and totals, assignees, their tasks; owners are the same users"
        );
    }
}

#[tokio::test]
async fn the_users_of_nested_tasks_are_one_batch() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let people = [app.member().await, app.member().await, app.member().await];
    for owner in &people {
        tasks(owner, &people, 4).await;
    }
    let query = "{ users { nodes { databaseId ownedTasks(first: 3) { nodes { owner { databaseId } assignee { username } } } } } }";
    let (statements, data) = cost(&app, &boss, query).await;
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    for user in data["users"]["nodes"].as_array().unwrap() {
        for task in user["ownedTasks"]["nodes"].as_array().unwrap() {
            assert_eq!(task["owner"]["databaseId"], user["databaseId"]);
            assert!(
                names.contains(&task["assignee"]["username"].as_str().unwrap()),
                "{task}"
            );
        }
    }
    assert_eq!(statements, 4, "the session, the users, their tasks, the users of those");
}

#[tokio::test]
async fn over_rest_the_users_of_a_page_are_one_batch() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let bob = app.member().await;
    tasks(&ann, std::slice::from_ref(&bob), 5).await;
    let id = newest(&ann).await[0];
    for (path, tags) in [
        ("/api/v1/tasks?limit=3".to_owned(), "/items/0/tags"),
        (format!("/api/v1/tasks?limit=3&owner_id={}", ann.id), "/items/0/tags"),
        ("/api/v1/tasks?limit=10".to_owned(), "/items/0/tags"),
        (format!("/api/v1/tasks/{id}"), "/tags"),
    ] {
        app.database.forget_users().await;
        let before = app.app.domain().statements();
        let answer = ann.rest(Method::GET, &path, Value::Null).await;
        assert_eq!(answer.at(tags), &json!(["a", "b"]), "{path}");
        let total = answer.body.get("total").unwrap_or(&json!(5)).clone();
        assert_eq!(total, json!(5), "{path}");
        let statements = app.app.domain().statements() - before;
        assert_eq!(
            statements, 3,
            "the session, the page with its total or the task, and users: {path}"
        );
    }
}

#[tokio::test]
async fn creating_a_task_takes_one_statement_where_the_database_supports_it() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.app.domain().statements();
    ann.creates_task(json!({ "title": "T" })).await;
    let statements = app.app.domain().statements() - before;
    let expected = if is_postgres() { 2 } else { 3 };
    assert_eq!(statements, expected, "the session, and the task with its event");
}

#[tokio::test]
async fn descriptions_are_read_only_if_selected() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    boss.creates_task(json!({ "title": "T", "description": "D" })).await;
    let query = "{
        tasks { nodes { title } edges { node { ... on Node { ... on Task { ...F } } } } }
        again: tasks { nodes { text: description } }
        users(first: 20) { nodes { ownedTasks { nodes { ...F owner { username } } } assignedTasks { totalCount } } } }
        fragment F on Task { description }";
    let (_, data) = cost(&app, &boss, query).await;
    assert_eq!(data["tasks"]["edges"][0]["node"]["description"], "D");
    assert_eq!(data["again"]["nodes"][0]["text"], "D");
    assert_eq!(data["users"]["nodes"][0]["ownedTasks"]["nodes"][0]["description"], "D");
}

#[tokio::test]
async fn a_list_without_selected_rows_takes_no_statement() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let task = json!(global_id("Task", boss.creates_task(json!({ "title": "T" })).await));
    let bare = format!("viewer {{ id }} task(id: {task}) {{ id }}");
    let (expected, _) = cost(&app, &boss, &format!("{{ {bare} }}")).await;
    for list in [
        "tasks { __typename }",
        "users { __typename }",
        "tags { __typename }",
        "notifications { __typename }",
        "tasks(first: 0) { nodes { id } }",
        "viewer { ownedTasks { __typename } assignedTasks(first: 0) { edges { cursor } } }",
    ] {
        let (statements, _) = cost(&app, &boss, &format!("{{ {bare} {list} }}")).await;
        assert_eq!(statements, expected, "{list}");
    }
    let history = format!("{{ viewer {{ id }} task(id: {task}) {{ id history {{ __typename }} }} }}");
    assert_eq!(cost(&app, &boss, &history).await.0, expected);
    // An invalid cursor is an error, whatever is selected.
    let refused = boss.graphql("{ tasks(after: \"x\") { __typename } }", json!({})).await;
    assert_eq!(refused.error_code(), "BAD_USER_INPUT");
}
