//! Every write appends its event, in the same transaction.

use serde_json::json;

use crate::support::TestApp;
use crate::support::person::global_id;

#[tokio::test]
async fn a_new_task_has_the_same_event_with_and_without_tags() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let plain = ann.creates_task(json!({ "title": "T", "description": "D" })).await;
    let tagged = ann
        .creates_task(json!({ "title": "T", "description": "D", "tags": ["a"] }))
        .await;
    let mut logged = Vec::new();
    for id in [plain, tagged] {
        let events = app.events(id).await;
        let [event] = &events[..] else {
            panic!("a new task has one event: {events:?}");
        };
        assert_eq!((event.kind.as_str(), event.actor_id), ("CREATED", Some(ann.id)));
        assert_eq!((&event.audience, &event.changes), (&json!([ann.id]), &json!({})));
        assert_eq!(event.task["id"], json!(id));
        let mut task = event.task.clone();
        let tags = task["tags"].take();
        task["id"].take();
        logged.push((task, tags));
    }
    let [(plain, no_tags), (tagged, tags)] = &logged[..] else {
        unreachable!()
    };
    assert_eq!((no_tags, tags), (&json!([]), &json!(["a"])));
    assert_eq!(plain, tagged);
}

#[tokio::test]
async fn each_write_logs_its_audience_and_its_changes() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = ann.creates_task(json!({ "title": "Report", "tags": ["a"] })).await;
    let to_bob = format!(", assigneeId: \"{}\"", bob.global_id());
    for (person, mutation, arguments) in [
        (&ann, "taskAssign", to_bob.as_str()),
        (&bob, "taskTransition", ", status: IN_PROGRESS"),
        (&bob, "taskUpdate", ", input: {title: \"Better report\"}"),
        (&bob, "taskAddTags", ", tags: [\"B\"]"),
        (&bob, "taskRemoveTags", ", tags: [\"a\"]"),
        (&bob, "taskAssign", ""),
        (&ann, "taskDelete", ""),
        (&ann, "taskRestore", ""),
        (&ann, "taskPurge", ""),
    ] {
        person.changes_task(mutation, id, arguments).await;
    }

    let events = app.events(id).await;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "CREATED",
            "ASSIGNED",
            "STATUS_CHANGED",
            "UPDATED",
            "TAGGED",
            "UNTAGGED",
            "UNASSIGNED",
            "DELETED",
            "RESTORED",
            "PURGED"
        ]
    );
    let [
        created,
        assigned,
        moved,
        updated,
        _,
        untagged,
        unassigned,
        deleted,
        _,
        purged,
    ] = &events[..]
    else {
        unreachable!()
    };
    assert_eq!(
        (created.actor_id, &created.audience, created.previous_status),
        (Some(ann.id), &json!([ann.id]), None)
    );
    assert_eq!(assigned.audience, json!([ann.id, bob.id]));
    assert_eq!(
        (moved.actor_id, moved.previous_status, moved.status),
        (Some(bob.id), Some(1), 2)
    );
    assert_eq!(
        moved.changes,
        json!({ "status": { "from": "todo", "to": "in_progress" } })
    );
    assert_eq!(
        updated.changes,
        json!({ "title": { "from": "Report", "to": "Better report" } })
    );
    assert_eq!(untagged.changes, json!({ "tags": { "from": ["a", "b"], "to": ["b"] } }));
    assert_eq!(untagged.task["tags"], json!(["b"]));
    // The user who loses the task receives the event too.
    assert_eq!(unassigned.audience, json!([ann.id, bob.id]));
    assert_eq!(deleted.audience, json!([ann.id]));
    // Each event shows the task at the time of the event.
    assert_eq!(
        (&moved.task["title"], &moved.task["version"]),
        (&json!("Report"), &json!(3))
    );
    assert_eq!(purged.task["version"], json!(9));
}

#[tokio::test]
async fn a_write_that_changes_nothing_or_is_refused_leaves_no_event() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann
        .creates_task(json!({ "title": "Report", "status": "DONE", "tags": ["a"] }))
        .await;
    for (mutation, arguments, code) in [
        ("taskTransition", ", status: DONE", None),
        ("taskUpdate", ", input: {title: \"Report\", tags: [\"A\"]}", None),
        ("taskAddTags", ", tags: [\"a\"]", None),
        ("taskRemoveTags", ", tags: [\"zzz\"]", None),
        ("taskTransition", ", status: IN_PROGRESS", Some("INVALID_TRANSITION")),
        (
            "taskUpdate",
            ", input: {title: \"Other\", status: CANCELLED}",
            Some("INVALID_TRANSITION"),
        ),
        (
            "taskUpdate",
            ", input: {title: \"Other\"}, expectedVersion: 7",
            Some("CONFLICT"),
        ),
        ("taskUpdate", ", input: {title: \"\"}", Some("INVALID")),
        ("taskRestore", "", Some("NOT_FOUND")),
    ] {
        let payload = ann.mutates_task(mutation, id, arguments).await;
        assert_eq!(payload["userErrors"][0]["code"].as_str(), code, "{mutation}{arguments}");
    }
    assert_eq!(app.events(id).await.len(), 1);
    let answer = ann
        .graphql(
            "query($id: ID!) { task(id: $id) { title version status tags } }",
            json!({ "id": global_id("Task", id) }),
        )
        .await;
    assert_eq!(
        answer.data()["task"],
        json!({ "title": "Report", "version": 1, "status": "DONE", "tags": ["a"] })
    );
}

#[tokio::test]
async fn deleting_a_user_logs_an_event_for_each_of_their_tasks() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let owned = ann.creates_task(json!({ "title": "Ann's" })).await;
    let assigned = bob
        .creates_task(json!({ "title": "Bob's", "assigneeId": ann.global_id() }))
        .await;
    let delete = "mutation($id: ID!, $heir: ID) { userDelete(id: $id, transferTo: $heir) { user { databaseId } userErrors { code field message } } }";

    let answer = boss
        .graphql(delete, json!({ "id": ann.global_id(), "heir": ann.global_id() }))
        .await;
    assert_eq!(answer.user_error("userDelete").1, "transferTo");
    let answer = boss
        .graphql(delete, json!({ "id": ann.global_id(), "heir": bob.global_id() }))
        .await;
    assert_eq!(answer.data()["userDelete"]["user"]["databaseId"], json!(ann.id));
    let handed_over = app.events(owned).await.pop().unwrap();
    assert_eq!(
        handed_over.changes,
        json!({ "owner_id": { "from": ann.id, "to": bob.id } })
    );
    assert_eq!(handed_over.audience, json!([ann.id, bob.id]));
    assert_eq!(app.events(assigned).await.pop().unwrap().kind, "UNASSIGNED");

    boss.graphql(delete, json!({ "id": bob.global_id() })).await.data();
    for task in [owned, assigned] {
        assert_eq!(app.events(task).await.pop().unwrap().kind, "PURGED");
    }
    assert_eq!(app.database.number("SELECT COUNT(*) AS number FROM tasks").await, 0);
}
