//! Changing many tasks at once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const UPDATE: &str = "mutation($ids: [ID!]!, $input: TaskUpdateInput!, $policy: BulkErrorPolicy! = PARTIAL) {
    payload: tasksBulkUpdate(ids: $ids, input: $input, errorPolicy: $policy) {
      total successful failed results { taskId task { title status assignee { databaseId } tags version } userErrors { code field message } }
      userErrors { code field message } } }";
const TRANSITION: &str = "mutation($ids: [ID!]!, $status: TaskStatus!, $policy: BulkErrorPolicy! = PARTIAL) {
    payload: tasksBulkTransition(ids: $ids, status: $status, errorPolicy: $policy) {
      total successful failed results { taskId task { status version } userErrors { code field message } }
      userErrors { code field message } } }";

fn ids(tasks: &[i64]) -> Vec<String> {
    tasks.iter().map(|task| global_id("Task", *task)).collect()
}

async fn update(person: &Person<'_>, tasks: &[i64], input: Value, policy: &str) -> Value {
    let variables = json!({ "ids": ids(tasks), "input": input, "policy": policy });
    person.graphql(UPDATE, variables).await.data()["payload"].clone()
}

async fn transition(person: &Person<'_>, tasks: &[i64], status: &str, policy: &str) -> Value {
    let variables = json!({ "ids": ids(tasks), "status": status, "policy": policy });
    person.graphql(TRANSITION, variables).await.data()["payload"].clone()
}

/// The first user error of each result; null where there is none.
fn codes(payload: &Value) -> Vec<&Value> {
    let results = payload["results"].as_array().unwrap();
    results.iter().map(|result| &result["userErrors"][0]["code"]).collect()
}

fn counts(payload: &Value) -> (&Value, &Value, &Value) {
    (&payload["total"], &payload["successful"], &payload["failed"])
}

async fn tasks(person: &Person<'_>, statuses: &[&str]) -> Vec<i64> {
    let mut created = Vec::new();
    for status in statuses {
        created.push(person.creates_task(json!({ "title": status, "status": status })).await);
    }
    created
}

#[tokio::test]
async fn all_are_changed_each_with_its_event_in_request_order() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let [one, two] = tasks(&ann, &["TODO", "TODO"]).await[..] else {
        unreachable!()
    };
    let input = json!({ "title": "Both", "status": "DONE", "tags": ["b", "a"], "assigneeId": bob.global_id() });
    // Duplicate ids count once.
    let payload = update(&ann, &[two, one, two], input, "ALL_OR_NOTHING").await;
    assert_eq!(counts(&payload), (&json!(2), &json!(2), &json!(0)));
    let task = json!({ "title": "Both", "status": "DONE", "assignee": { "databaseId": bob.id }, "tags": ["a", "b"], "version": 2 });
    assert_eq!(
        (&payload["results"], &payload["userErrors"]),
        (
            &json!([
                { "taskId": global_id("Task", two), "task": task, "userErrors": [] },
                { "taskId": global_id("Task", one), "task": task, "userErrors": [] },
            ]),
            &json!([])
        )
    );
    for task in [one, two] {
        let events = app.events(task).await;
        assert_eq!((events.len(), events[1].kind.as_str()), (2, "STATUS_CHANGED"));
        assert_eq!(events[1].audience, json!([ann.id, bob.id]));
    }
}

#[tokio::test]
async fn by_default_valid_changes_are_applied() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let [done, todo] = tasks(&ann, &["DONE", "TODO"]).await[..] else {
        unreachable!()
    };
    let foreign = bob.creates_task(json!({ "title": "Bob's" })).await;
    let answer = ann
        .graphql(
            &TRANSITION
                .replace("$policy: BulkErrorPolicy! = PARTIAL", "")
                .replace(", errorPolicy: $policy", ""),
            json!({ "ids": ids(&[foreign, done, todo]), "status": "IN_PROGRESS" }),
        )
        .await;
    let payload = &answer.data()["payload"];
    assert_eq!(counts(payload), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(
        codes(payload),
        [&json!("NOT_FOUND"), &json!("INVALID_TRANSITION"), &Value::Null]
    );
    assert_eq!(payload["results"][0]["userErrors"][0]["field"], json!(["ids", "0"]));
    assert_eq!(
        payload["results"][1]["userErrors"],
        json!([{ "code": "INVALID_TRANSITION", "field": ["status"], "message": "Invalid transition from 'done' to 'in_progress'" }])
    );
    assert_eq!(payload["results"][0]["task"], Value::Null);
    assert_eq!(
        payload["results"][1]["task"],
        json!({ "status": "DONE", "version": 1 }),
        "as it is"
    );
    assert_eq!(
        payload["results"][2]["task"],
        json!({ "status": "IN_PROGRESS", "version": 2 })
    );
    assert_eq!(payload["userErrors"], json!([]));
}

#[tokio::test]
async fn all_or_nothing_writes_nothing_when_one_fails_and_the_others_say_so() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = tasks(&ann, &["TODO", "CANCELLED", "TODO"]).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    let payload = transition(&ann, &created, "DONE", "ALL_OR_NOTHING").await;
    assert_eq!(counts(&payload), (&json!(3), &json!(0), &json!(3)));
    assert_eq!(
        codes(&payload),
        [&json!("ABORTED"), &json!("INVALID_TRANSITION"), &json!("ABORTED")]
    );
    assert_eq!(payload["results"][0]["task"], Value::Null);
    let nobody = global_id("User", 999_999);
    let payload = update(
        &ann,
        &created,
        json!({ "assigneeId": nobody, "tags": ["t"] }),
        "ALL_OR_NOTHING",
    )
    .await;
    assert_eq!(
        payload["results"][2]["userErrors"][0]["field"],
        json!(["input", "assigneeId"])
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn the_rules_are_those_of_single_changes() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let lent = ann
        .creates_task(json!({ "title": "Lent", "assigneeId": bob.global_id() }))
        .await;
    let own = bob.creates_task(json!({ "title": "Own" })).await;
    // Assignees may unassign themselves, but not assign others.
    let payload = update(&bob, &[lent, own], json!({ "assigneeId": ann.global_id() }), "PARTIAL").await;
    assert_eq!(codes(&payload), [&json!("FORBIDDEN"), &Value::Null]);
    // An update without changes succeeds without an event.
    let payload = update(
        &bob,
        &[lent, own],
        json!({ "assigneeId": ann.global_id(), "title": "Own" }),
        "PARTIAL",
    )
    .await;
    assert_eq!(payload["results"][1]["task"]["version"], 2);
    // A task in the trash is not found.
    bob.changes_task("taskDelete", own, "").await;
    let payload = transition(&bob, &[lent, own], "DONE", "PARTIAL").await;
    assert_eq!(codes(&payload), [&Value::Null, &json!("NOT_FOUND")]);
}

#[tokio::test]
async fn an_error_of_the_whole_request_is_reported_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = tasks(&ann, &["TODO", "TODO"]).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    let payload = update(&ann, &created, json!({ "title": "", "priority": null }), "PARTIAL").await;
    assert_eq!(
        (&payload["results"], counts(&payload)),
        (&json!([]), (&json!(2), &json!(0), &json!(2)))
    );
    assert_eq!(payload["userErrors"][0]["field"], json!(["input", "title"]));
    assert_eq!(payload["userErrors"][1]["field"], json!(["input", "priority"]));
    // Duplicate ids count once, as in a mutation that is not refused.
    let twice = [created.as_slice(), created.as_slice()].concat();
    let payload = update(&ann, &twice, json!({ "title": "" }), "PARTIAL").await;
    assert_eq!(counts(&payload), (&json!(2), &json!(0), &json!(2)));
    let many: Vec<i64> = (1..=101).collect();
    let payload = transition(&ann, &many, "DONE", "PARTIAL").await;
    assert_eq!(
        payload["userErrors"],
        json!([{ "code": "INVALID", "field": ["ids"], "message": "ids: 101 ids were given; up to 100 are allowed" }])
    );
    let payload = transition(&ann, &[], "DONE", "PARTIAL").await;
    assert_eq!((&payload["total"], &payload["userErrors"]), (&json!(0), &json!([])));
    let answer = ann.graphql(TRANSITION, json!({ "ids": ["7"], "status": "DONE" })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(
        answer.error_message().starts_with("ids.0: '7' is not the id"),
        "{}",
        answer.text
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn writers_of_the_same_tasks_in_opposite_orders_wait_for_each_other() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let forwards = tasks(&ann, &["TODO"; 20]).await;
    let backwards: Vec<i64> = forwards.iter().rev().copied().collect();
    for round in 0..5 {
        let title = |name: &str| json!({ "title": format!("{name} {round}"), "tags": [name, "both"] });
        let (one, two) = tokio::join!(
            update(&ann, &forwards, title("one"), "ALL_OR_NOTHING"),
            update(&ann, &backwards, title("two"), "ALL_OR_NOTHING"),
        );
        assert_eq!((&one["successful"], &two["successful"]), (&json!(20), &json!(20)));
    }
    // Versions have no duplicates and no gaps.
    let history = "query($id: ID!) { taskHistory(id: $id) { nodes { snapshot { version } } } }";
    let answer = ann.graphql(history, json!({ "id": ids(&forwards)[0] })).await;
    let nodes = answer.data()["taskHistory"]["nodes"].as_array().unwrap();
    let versions: Vec<i64> = nodes
        .iter()
        .map(|node| node["snapshot"]["version"].as_i64().unwrap())
        .collect();
    assert_eq!(versions, (1..=11).collect::<Vec<i64>>());
}

#[tokio::test]
async fn many_tasks_go_to_the_trash_at_once() {
    const DELETE: &str = "mutation($ids: [ID!]!, $policy: BulkErrorPolicy!) {
        payload: tasksBulkDelete(ids: $ids, errorPolicy: $policy) {
          total successful failed results { taskId task { deletedAt version } userErrors { code field message } }
          userErrors { code field message } } }";

    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let created = tasks(&ann, &["TODO", "DONE"]).await;
    let foreign = bob.creates_task(json!({ "title": "Bob's" })).await;
    let delete = async |which: &[i64], policy: &str| {
        let answer = ann
            .graphql(DELETE, json!({ "ids": ids(which), "policy": policy }))
            .await;
        answer.data()["payload"].clone()
    };
    let before = app.footprint().await;
    let payload = delete(&[created[0], foreign], "ALL_OR_NOTHING").await;
    assert_eq!(codes(&payload), [&json!("ABORTED"), &json!("NOT_FOUND")]);
    assert_eq!(app.footprint().await, before);
    let payload = delete(&[created[0], foreign, created[1], created[0]], "PARTIAL").await;
    assert_eq!(counts(&payload), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(
        payload["results"][2]["task"],
        json!({ "deletedAt": "2026-01-15T12:00:00+00:00", "version": 2 })
    );
    // Tasks in the trash are not found again, and the task of another user is unchanged.
    assert_eq!(
        codes(&delete(&created, "PARTIAL").await),
        [&json!("NOT_FOUND"), &json!("NOT_FOUND")]
    );
    let left = bob.graphql("{ tasks { totalCount } }", json!({})).await;
    assert_eq!(left.data()["tasks"]["totalCount"], 1);
    let trash = "{ tasks(filter: {deletedAt: {isNull: false}}) { totalCount } }";
    assert_eq!(ann.graphql(trash, json!({})).await.data()["tasks"]["totalCount"], 2);
}

#[tokio::test]
async fn a_task_with_another_version_than_expected_is_left_alone() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let bulk = async |field: &str, arguments: &str, created: &[i64], versions: Value| {
        let document = format!(
            "mutation($ids: [ID!]!, $versions: [TaskVersionInput!]) {{
               payload: {field}(ids: $ids, expectedVersions: $versions{arguments}) {{ total successful failed
                 results {{ cursor task {{ version }} userErrors {{ code field message }} }} userErrors {{ code field message }} }} }}"
        );
        let answer = ann
            .graphql(&document, json!({ "ids": ids(created), "versions": versions }))
            .await;
        answer.data()["payload"].clone()
    };
    let version = |task: i64, version: i32| json!({ "id": global_id("Task", task), "version": version });
    for (field, arguments) in [
        ("tasksBulkUpdate", ", input: {title: \"New\"}"),
        ("tasksBulkTransition", ", status: DONE"),
        ("tasksBulkDelete", ""),
    ] {
        let created = tasks(&ann, &["TODO", "TODO", "TODO"]).await;
        let title = json!({ "title": "Changed meanwhile" });
        update(&ann, &created[1..2], title, "PARTIAL").await;
        let versions = json!([version(created[2], 1), version(created[1], 1)]);
        let payload = bulk(field, arguments, &created, versions).await;
        assert_eq!((&payload["successful"], &payload["failed"]), (&json!(2), &json!(1)));
        let conflict = &payload["results"][1];
        assert_eq!(
            (&conflict["cursor"], &conflict["task"], &conflict["userErrors"]),
            (
                &Value::Null,
                &json!({ "version": 2 }),
                &json!([{ "code": "CONFLICT", "field": ["expectedVersions", "1", "version"],
                    "message": "The task has version 2 by now, not 1: read it again and repeat the change" }]),
            )
        );
        // Each version must belong to a task of the request, and each task has at most one.
        let before = app.footprint().await;
        for (versions, problem) in [
            (json!([version(created[0], 2)]), "is not among the tasks to be changed"),
            (
                json!([version(created[1], 1), version(created[1], 2)]),
                "has a version already",
            ),
        ] {
            let payload = bulk(field, arguments, &created[1..], versions).await;
            assert_eq!(
                (
                    &payload["total"],
                    &payload["results"],
                    &payload["userErrors"][0]["field"]
                ),
                (&json!(2), &json!([]), &json!(["expectedVersions"]))
            );
            let message = payload["userErrors"][0]["message"].as_str().unwrap();
            assert!(message.contains(problem), "{message}");
        }
        assert_eq!(app.footprint().await, before);
    }
}
