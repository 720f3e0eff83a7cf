//! Tasks through GraphQL.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

#[tokio::test]
async fn a_task_is_created_changed_and_read_back() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = ann
        .creates_task(
            json!({ "title": "  Write the report ", "tags": ["Work", "work"], "assigneeId": bob.global_id() }),
        )
        .await;

    let answer = ann
        .graphql(
            "mutation($id: ID!, $input: TaskUpdateInput!) {
               taskUpdate(id: $id, input: $input) { task { title description priority status version tags } userErrors { message } }
             }",
            json!({ "id": global_id("Task", id), "input": { "description": "By Friday", "priority": "HIGH", "status": "DONE" } }),
        )
        .await;
    assert_eq!(
        answer.data()["taskUpdate"]["task"],
        json!({ "title": "Write the report", "description": "By Friday", "priority": "HIGH", "status": "DONE", "version": 2, "tags": ["work"] })
    );

    let answer = bob
        .graphql(
            "query($id: ID!) { task(id: $id) { owner { databaseId } assignee { username email } completedAt allowedTransitions viewerCanUpdate } }",
            json!({ "id": global_id("Task", id) }),
        )
        .await;
    assert_eq!(
        answer.data()["task"],
        json!({
            "owner": { "databaseId": ann.id }, "assignee": { "username": bob.name, "email": format!("{}@example.com", bob.name) },
            "completedAt": "2026-01-15T12:00:00+00:00", "allowedTransitions": ["TODO"], "viewerCanUpdate": true,
        })
    );
}

/// The task as the person reads it; null if they cannot see it.
async fn read(person: &Person<'_>, id: i64) -> Value {
    let query = "query($id: ID!) { task(id: $id) { title status version tags completedAt isOverdue viewerCanUpdate viewerCanDelete allowedTransitions } }";
    person
        .graphql(query, json!({ "id": global_id("Task", id) }))
        .await
        .data()["task"]
        .clone()
}

#[tokio::test]
async fn an_update_distinguishes_absent_null_and_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann
        .creates_task(json!({ "title": "T", "description": "D", "dueDate": "2026-02-01T00:00:00Z", "tags": ["a"], "assigneeId": ann.global_id() }))
        .await;
    let payload = ann.mutates_task("taskUpdate", id, ", input: {priority: LOW}").await;
    assert_eq!(
        payload["task"],
        json!({ "title": "T", "description": "D", "status": "TODO", "priority": "LOW", "dueDate": "2026-02-01T00:00:00+00:00",
            "completedAt": null, "version": 2, "tags": ["a"], "deletedAt": null, "assignee": { "databaseId": ann.id } })
    );
    let nulls = ", input: {description: null, dueDate: null, tags: null, assigneeId: null}";
    let payload = ann.mutates_task("taskUpdate", id, nulls).await;
    assert_eq!(
        payload["task"],
        json!({ "title": "T", "description": null, "status": "TODO", "priority": "LOW", "dueDate": null,
            "completedAt": null, "version": 3, "tags": [], "deletedAt": null, "assignee": null })
    );
}

#[tokio::test]
async fn an_absent_variable_changes_nothing_and_null_clears() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T", "description": "D" })).await;
    let document = "mutation($id: ID!, $text: String) { taskUpdate(id: $id, input: {description: $text}) { task { description } } }";
    let id = global_id("Task", id);
    let answer = ann.graphql(document, json!({ "id": id })).await;
    assert_eq!(answer.data()["taskUpdate"]["task"]["description"], "D");
    let answer = ann.graphql(document, json!({ "id": id, "text": null })).await;
    assert_eq!(answer.data()["taskUpdate"]["task"]["description"], Value::Null);
}

#[tokio::test]
async fn a_task_is_deleted_restored_and_purged() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T", "tags": ["a"] })).await;
    let payload = ann.mutates_task("taskDelete", id, "").await;
    assert_eq!(payload["task"]["deletedAt"], "2026-01-15T12:00:00+00:00");
    assert_eq!(read(&ann, id).await, Value::Null);
    let payload = ann.mutates_task("taskUpdate", id, ", input: {title: \"Other\"}").await;
    assert_eq!(payload["userErrors"][0]["code"], "NOT_FOUND");
    let payload = ann.mutates_task("taskRestore", id, "").await;
    assert_eq!(
        (&payload["task"]["deletedAt"], &payload["task"]["tags"]),
        (&Value::Null, &json!(["a"]))
    );
    assert_eq!(read(&ann, id).await["title"], "T");
    let payload = ann.mutates_task("taskPurge", id, "").await;
    assert_eq!(
        (&payload["task"]["title"], &payload["task"]["tags"]),
        (&json!("T"), &json!(["a"]))
    );
    assert_eq!(
        ann.mutates_task("taskRestore", id, "").await["userErrors"][0]["code"],
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn completed_at_follows_done() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T", "status": "DONE" })).await;
    assert_eq!(read(&ann, id).await["completedAt"], "2026-01-15T12:00:00+00:00");
    app.advance(chrono::TimeDelta::minutes(20));
    // Setting the same status again changes nothing.
    assert_eq!(
        ann.mutates_task("taskTransition", id, ", status: DONE").await["task"]["version"],
        1
    );
    let payload = ann.mutates_task("taskTransition", id, ", status: TODO").await;
    assert_eq!(
        (&payload["task"]["completedAt"], &payload["task"]["version"]),
        (&Value::Null, &json!(2))
    );
    let payload = ann.mutates_task("taskTransition", id, ", status: DONE").await;
    assert_eq!(payload["task"]["completedAt"], "2026-01-15T12:20:00+00:00");
    assert_eq!(read(&ann, id).await["allowedTransitions"], json!(["TODO"]));
}

#[tokio::test]
async fn a_refused_transition_returns_the_present_task_and_the_allowed_statuses() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let id = ann.creates_task(json!({ "title": "T", "status": "DONE" })).await;
    let before = app.footprint().await;
    for arguments in [
        "taskTransition(id: $id, status: CANCELLED)",
        "taskUpdate(id: $id, input: {status: IN_PROGRESS, title: \"Other\"})",
    ] {
        let document = format!(
            "mutation($id: ID!) {{ payload: {arguments} {{ task {{ title status version allowedTransitions }} \
             userErrors {{ code field }} }} }}"
        );
        let id = json!({ "id": global_id("Task", id) });
        let answer = ann.graphql(&document, id.clone()).await;
        let payload = &answer.data()["payload"];
        assert_eq!(
            payload["task"],
            json!({ "title": "T", "status": "DONE", "version": 1, "allowedTransitions": ["TODO"] })
        );
        assert_eq!(payload["userErrors"][0]["code"], "INVALID_TRANSITION");
        // Users who cannot see the task get "not found".
        let answer = eve.graphql(&document, id).await;
        let payload = &answer.data()["payload"];
        assert_eq!(
            (&payload["task"], &payload["userErrors"][0]["code"]),
            (&Value::Null, &json!("NOT_FOUND"))
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_assignee_works_on_a_task_and_cannot_see_it_after_handing_it_back() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = ann
        .creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    let rights = "query($id: ID!) { task(id: $id) {
        viewerCanUpdate viewerCanDelete viewerCanPurge viewerCanAssign } }";
    for (person, may_assign) in [(&ann, true), (&bob, false), (&app.admin().await, true)] {
        let answer = person.graphql(rights, json!({ "id": global_id("Task", id) })).await;
        assert_eq!(
            answer.data()["task"],
            json!({ "viewerCanUpdate": true, "viewerCanDelete": true, "viewerCanPurge": true,
                "viewerCanAssign": may_assign })
        );
    }
    let to_ann = format!(", assigneeId: \"{}\"", ann.global_id());
    assert_eq!(
        bob.mutates_task("taskAssign", id, &to_ann).await["userErrors"][0]["code"],
        "FORBIDDEN"
    );
    let payload = bob.mutates_task("taskAssign", id, "").await;
    assert_eq!(
        (&payload["userErrors"], &payload["task"]["assignee"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(read(&bob, id).await, Value::Null);
}

#[tokio::test]
async fn an_overdue_task_is_open_and_past_its_due_date() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann
        .creates_task(json!({ "title": "T", "dueDate": "2026-01-15T12:00:00Z" }))
        .await;
    assert_eq!(read(&ann, id).await["isOverdue"], false);
    app.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(read(&ann, id).await["isOverdue"], true);
    ann.changes_task("taskTransition", id, ", status: CANCELLED").await;
    assert_eq!(read(&ann, id).await["isOverdue"], false);
}

#[tokio::test]
async fn statistics_count_visible_tasks() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for status in ["DONE", "TODO", "TODO", "CANCELLED"] {
        ann.creates_task(json!({ "title": status, "status": status, "priority": "HIGH", "tags": ["x"], "dueDate": "2026-01-01T00:00:00Z" }))
            .await;
    }
    bob.creates_task(json!({ "title": "Bob's" })).await;
    let query = "{ taskStatistics { total completed completionRate overdue byStatus { status count } byPriority { priority count } tags { tag count } } }";
    let answer = ann.graphql(query, json!({})).await;
    assert_eq!(
        answer.data()["taskStatistics"],
        json!({
            "total": 4, "completed": 1, "completionRate": 0.25, "overdue": 2, "tags": [{ "tag": "x", "count": 4 }],
            "byStatus": [{ "status": "TODO", "count": 2 }, { "status": "IN_PROGRESS", "count": 0 },
                { "status": "DONE", "count": 1 }, { "status": "CANCELLED", "count": 1 }],
            "byPriority": [{ "priority": "LOW", "count": 0 }, { "priority": "MEDIUM", "count": 0 },
                { "priority": "HIGH", "count": 4 }, { "priority": "URGENT", "count": 0 }],
        })
    );
    assert_eq!(
        boss.graphql(query, json!({})).await.data()["taskStatistics"]["total"],
        5
    );
    let answer = app.member().await.graphql(query, json!({})).await;
    assert_eq!(answer.data()["taskStatistics"]["completionRate"], 0.0);
}

/// RFC 3339 has leap seconds; the databases have none.
#[tokio::test]
async fn a_due_date_at_a_leap_second_is_the_start_of_the_next_minute() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        let input = json!({ "title": "T", "dueDate": "2026-02-01T12:00:60Z" });
        created.push(ann.creates_task(input).await);
    }
    let list = "query($after: String) { tasks(first: 1, after: $after, orderBy: [{field: DUE_DATE}]) {
        nodes { databaseId dueDate } pageInfo { endCursor } } }";
    let mut after = Value::Null;
    for id in &created {
        let answer = ann.graphql(list, json!({ "after": after })).await;
        let page = &answer.data()["tasks"];
        assert_eq!(
            page["nodes"],
            json!([{ "databaseId": id, "dueDate": "2026-02-01T12:01:00+00:00" }])
        );
        after = page["pageInfo"]["endCursor"].clone();
    }
    // The same date again changes nothing.
    let same = ", input: {dueDate: \"2026-02-01T12:00:60Z\"}";
    let payload = ann.mutates_task("taskUpdate", created[0], same).await;
    assert_eq!(
        (&payload["task"]["dueDate"], &payload["task"]["version"]),
        (&json!("2026-02-01T12:01:00+00:00"), &json!(1))
    );
}
