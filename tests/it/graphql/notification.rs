//! Notifications of changes by others.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const LIST: &str = "query($first: Int, $after: String, $last: Int, $before: String, $unreadOnly: Boolean = false) {
    notifications(first: $first, after: $after, last: $last, before: $before, unreadOnly: $unreadOnly) {
      totalCount unreadCount
      nodes { id kind taskId taskTitle previousStatus status isRead readAt actor { username } task { title } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
const MARK: &str = "mutation($ids: [ID!]) { notificationsMarkRead(ids: $ids) {
    notifications { id isRead readAt } unreadCount userErrors { code field message } } }";

async fn list(person: &Person<'_>, arguments: Value) -> Value {
    person.graphql(LIST, arguments).await.data()["notifications"].clone()
}

/// Kind and task title of each notification, newest first.
fn kinds_and_titles(page: &Value) -> Vec<(&str, &str)> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["taskTitle"].as_str().unwrap()))
        .collect()
}

async fn moves(person: &Person<'_>, task: i64, status: &str) {
    person
        .changes_task("taskTransition", task, &format!(", status: {status}"))
        .await;
}

#[tokio::test]
async fn the_assignee_is_notified_and_the_actor_is_not() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .creates_task(json!({ "title": "Paint", "assigneeId": bob.global_id() }))
        .await;
    ann.creates_task(json!({ "title": "Own", "assigneeId": ann.global_id() }))
        .await;
    let page = list(&bob, json!({})).await;
    assert_eq!(
        page["nodes"][0],
        json!({
            "id": page["nodes"][0]["id"], "kind": "ASSIGNED", "taskId": global_id("Task", task), "taskTitle": "Paint",
            "previousStatus": null, "status": "TODO", "isRead": false, "readAt": null,
            "actor": { "username": ann.name }, "task": { "title": "Paint" },
        })
    );
    assert_eq!((&page["totalCount"], &page["unreadCount"]), (&json!(1), &json!(1)));
    assert_eq!(kinds_and_titles(&list(&ann, json!({})).await), []);
}

#[tokio::test]
async fn owner_and_assignee_are_notified_of_a_new_status_unless_they_set_it() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let task = ann
        .creates_task(json!({ "title": "Paint", "assigneeId": bob.global_id() }))
        .await;
    app.advance(TimeDelta::minutes(1));
    moves(&bob, task, "IN_PROGRESS").await;
    app.advance(TimeDelta::minutes(1));
    moves(&boss, task, "DONE").await;
    let moved = ("STATUS_CHANGED", "Paint");
    let anns = list(&ann, json!({})).await;
    assert_eq!(kinds_and_titles(&anns), [moved, moved]);
    assert_eq!(
        (&anns["nodes"][0]["previousStatus"], &anns["nodes"][0]["status"]),
        (&json!("IN_PROGRESS"), &json!("DONE"))
    );
    assert_eq!(
        kinds_and_titles(&list(&bob, json!({})).await),
        [moved, ("ASSIGNED", "Paint")]
    );
    assert_eq!(kinds_and_titles(&list(&boss, json!({})).await), []);
}

#[tokio::test]
async fn a_refused_change_notifies_nobody() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let refused = format!(", input: {{assigneeId: \"{}\", title: \"\"}}", bob.global_id());
    ann.mutates_task("taskUpdate", task, &refused).await;
    assert_eq!(kinds_and_titles(&list(&bob, json!({})).await), []);
}

#[tokio::test]
async fn a_notification_stays_when_its_task_becomes_invisible() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .creates_task(json!({ "title": "Secret", "assigneeId": bob.global_id() }))
        .await;
    ann.changes_task("taskUpdate", task, ", input: {assigneeId: null, title: \"Newer\"}")
        .await;
    let page = list(&bob, json!({})).await;
    assert_eq!(kinds_and_titles(&page), [("ASSIGNED", "Secret")]);
    assert_eq!(page["nodes"][0]["task"], Value::Null);
    // Others cannot see it.
    let node = "query($id: ID!) { node(id: $id) { id ... on Notification { taskTitle } } }";
    let id = json!({ "id": page["nodes"][0]["id"] });
    assert_eq!(
        bob.graphql(node, id.clone()).await.data()["node"]["taskTitle"],
        "Secret"
    );
    for other in [&ann, &app.admin().await] {
        assert_eq!(other.graphql(node, id.clone()).await.data()["node"], Value::Null);
    }
}

#[tokio::test]
async fn notifications_are_paged_newest_first_and_both_ways() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    for title in ["1", "2", "3", "4", "5"] {
        ann.creates_task(json!({ "title": title, "assigneeId": bob.global_id() }))
            .await;
        app.advance(TimeDelta::seconds(1));
    }
    let titles = |page: &Value| {
        kinds_and_titles(page)
            .iter()
            .map(|(_, title)| *title)
            .collect::<String>()
    };
    let first = list(&bob, json!({ "first": 2 })).await;
    assert_eq!((titles(&first), &first["totalCount"]), ("54".to_owned(), &json!(5)));
    let rest = list(&bob, json!({ "first": 9, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(titles(&rest), "321");
    assert_eq!(rest["pageInfo"]["hasPreviousPage"], true);
    let back = list(&bob, json!({ "last": 1, "before": rest["pageInfo"]["startCursor"] })).await;
    assert_eq!(titles(&back), "4");
}

#[tokio::test]
async fn a_notification_is_marked_as_read_once() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    for title in ["1", "2", "3"] {
        ann.creates_task(json!({ "title": title, "assigneeId": bob.global_id() }))
            .await;
        app.advance(TimeDelta::seconds(1));
    }
    let page = list(&bob, json!({})).await;
    let newest = &page["nodes"][0]["id"];
    let answer = bob.graphql(MARK, json!({ "ids": [newest] })).await;
    let payload = &answer.data()["notificationsMarkRead"];
    let read_at = &payload["notifications"][0]["readAt"];
    assert_eq!(
        payload["notifications"],
        json!([{ "id": newest, "isRead": true, "readAt": read_at }])
    );
    assert!(read_at.is_string());
    assert_eq!(
        (&payload["unreadCount"], &payload["userErrors"]),
        (&json!(2), &json!([]))
    );
    // Marking it again keeps the first time.
    app.advance(TimeDelta::minutes(5));
    let again = bob.graphql(MARK, json!({ "ids": [newest] })).await;
    assert_eq!(
        &again.data()["notificationsMarkRead"]["notifications"][0]["readAt"],
        read_at
    );
    let unread = list(&bob, json!({ "unreadOnly": true })).await;
    assert_eq!((kinds_and_titles(&unread).len(), &unread["totalCount"]), (2, &json!(2)));
    // Marks all own notifications, and none of other users.
    ann.graphql(MARK, json!({})).await.data();
    assert_eq!(list(&bob, json!({})).await["unreadCount"], 2);
    // A badge needs only the count, which others cannot read.
    let badge = format!(
        "{{ viewer {{ unreadNotificationCount }} user(id: \"{}\") {{ unreadNotificationCount }} }}",
        bob.global_id()
    );
    for (person, own, of_bob) in [(&bob, json!(2), json!(2)), (&ann, json!(0), Value::Null)] {
        let answer = person.graphql(&badge, json!({})).await;
        let count = |field: &str| answer.data()[field]["unreadNotificationCount"].clone();
        assert_eq!((count("viewer"), count("user")), (own, of_bob));
    }
    let all = bob.graphql(MARK, json!({})).await;
    assert_eq!(
        all.data()["notificationsMarkRead"],
        json!({ "notifications": [], "unreadCount": 0, "userErrors": [] })
    );
}

#[tokio::test]
async fn marking_a_foreign_notification_marks_none() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    for (from, to) in [(&ann, &bob), (&bob, &ann)] {
        from.creates_task(json!({ "title": "T", "assigneeId": to.global_id() }))
            .await;
    }
    let own = list(&bob, json!({})).await["nodes"][0]["id"].clone();
    let foreign = list(&ann, json!({})).await["nodes"][0]["id"].clone();
    let answer = bob.graphql(MARK, json!({ "ids": [own, foreign] })).await;
    let payload = &answer.data()["notificationsMarkRead"];
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["userErrors"][0]["field"]),
        (&json!("NOT_FOUND"), &json!(["ids", "1"]))
    );
    assert_eq!(
        (&payload["unreadCount"], &payload["notifications"]),
        (&json!(1), &json!([]))
    );
    let many: Vec<_> = (0..101).map(|_| own.clone()).collect();
    let answer = bob.graphql(MARK, json!({ "ids": many })).await;
    assert_eq!(
        answer.data()["notificationsMarkRead"]["userErrors"],
        json!([{ "code": "INVALID", "field": ["ids"], "message": "ids: 101 ids were given; up to 100 are allowed" }])
    );
}
