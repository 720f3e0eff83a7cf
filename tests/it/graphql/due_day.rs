//! Due days. A due day is past when it has ended in the time zone of the viewer.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};

const CREATE: &str = "mutation($input: TaskCreateInput!) { taskCreate(input: $input) {
    task { databaseId dueDate dueOn isOverdue } userErrors { code field message } } }";
const UPDATE: &str = "mutation($id: ID!, $input: TaskUpdateInput!) { taskUpdate(id: $id, input: $input) {
    task { dueDate dueOn isOverdue } userErrors { code field message } } }";

/// The tests' clock begins on 15 January 2026 at noon UTC: the 16th in Kiritimati (UTC+14), and 1 o'clock on the 15th in
/// Pago Pago (UTC-11).
const EAST: &str = "Pacific/Kiritimati";
const WEST: &str = "Pacific/Pago_Pago";

async fn create(person: &Person<'_>, input: Value) -> Answer {
    person.graphql(CREATE, json!({ "input": input })).await
}

async fn update(person: &Person<'_>, task: i64, input: Value) -> Answer {
    let variables = json!({ "id": global_id("Task", task), "input": input });
    person.graphql(UPDATE, variables).await
}

async fn moves_to(person: &Person<'_>, time_zone: &str) -> Answer {
    let mutation = "mutation($id: ID!, $zone: String) { userUpdate(id: $id, input: {timeZone: $zone}) {
        user { timeZone } userErrors { code field message } } }";
    let variables = json!({ "id": person.global_id(), "zone": time_zone });
    person.graphql(mutation, variables).await
}

/// Titles of overdue tasks. Checks that field, filters and counts of both APIs agree.
async fn overdue(person: &Person<'_>) -> Vec<String> {
    let query = "{ tasks(orderBy: [{field: TITLE}]) { nodes { title isOverdue } } taskStatistics { overdue } }";
    let answer = person.graphql(query, json!({})).await;
    let nodes = answer.data()["tasks"]["nodes"].as_array().unwrap().clone();
    let titles_of = |is_overdue: bool| -> Vec<String> {
        let nodes = nodes.iter().filter(|node| node["isOverdue"] == is_overdue);
        nodes.map(|node| node["title"].as_str().unwrap().to_owned()).collect()
    };
    let found = titles_of(true);
    assert_eq!(
        person
            .titles("filter: {isOverdue: true}, orderBy: [{field: TITLE}]")
            .await,
        found
    );
    assert_eq!(
        person
            .titles("filter: {not: {isOverdue: true}}, orderBy: [{field: TITLE}]")
            .await,
        titles_of(false)
    );
    assert_eq!(answer.data()["taskStatistics"]["overdue"], found.len());
    let by_rest = person
        .rest(
            Method::GET,
            "/tasks?overdue=true&sort_by=title&sort_order=asc",
            Value::Null,
        )
        .await;
    let by_rest = by_rest.at("/items").as_array().unwrap().iter();
    let by_rest: Vec<_> = by_rest.map(|task| task["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(by_rest, found);
    let counted = person.rest(Method::GET, "/tasks/statistics", Value::Null).await;
    assert_eq!(counted.at("/overdue"), found.len());
    found
}

#[tokio::test]
async fn a_task_is_due_at_a_moment_or_on_a_day() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = create(&ann, json!({ "title": "A", "dueOn": "2026-02-28" })).await;
    let task = &created.data()["taskCreate"]["task"];
    assert_eq!(
        (&task["dueOn"], &task["dueDate"], &task["isOverdue"]),
        (&json!("2026-02-28"), &Value::Null, &json!(false))
    );
    let task = task["databaseId"].as_i64().unwrap();
    let moment = "2026-03-01T09:30:00+00:00";
    for (input, due_date, due_on) in [
        (json!({ "title": "B" }), Value::Null, json!("2026-02-28")),
        (json!({ "dueDate": moment }), json!(moment), Value::Null),
        (json!({ "dueOn": null }), json!(moment), Value::Null),
        (
            json!({ "dueOn": "2026-03-02", "dueDate": null }),
            Value::Null,
            json!("2026-03-02"),
        ),
        (json!({ "dueDate": moment, "dueOn": null }), json!(moment), Value::Null),
        (json!({ "dueOn": "9999-12-31" }), Value::Null, json!("9999-12-31")),
        (json!({ "dueOn": null }), Value::Null, Value::Null),
    ] {
        let answer = update(&ann, task, input.clone()).await;
        let updated = &answer.data()["taskUpdate"]["task"];
        assert_eq!(
            (&updated["dueDate"], &updated["dueOn"]),
            (&due_date, &due_on),
            "{input}"
        );
        let stored = ann.rest(Method::GET, &format!("/tasks/{task}"), Value::Null).await;
        assert_eq!(stored.at("/due_on"), &due_on);
    }
    let events = app.events(task).await;
    assert_eq!(
        events[2].changes,
        json!({ "due_date": { "from": null, "to": "2026-03-01T09:30:00Z" }, "due_on": { "from": "2026-02-28", "to": null } })
    );
    let history = "query($id: ID!) { task(id: $id) { history(last: 1) { nodes { changes { field } } } } }";
    let history = ann.graphql(history, json!({ "id": global_id("Task", task) })).await;
    assert_eq!(
        history.data()["task"]["history"]["nodes"][0]["changes"],
        json!([{ "field": "dueOn" }])
    );
}

#[tokio::test]
async fn an_invalid_due_day_or_one_with_a_due_date_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "A" })).await;
    for (value, message) in [
        (
            json!("2026-02-30"),
            "dueOn: '2026-02-30' is not a date; use year, month and day, such as 2026-12-31",
        ),
        (
            json!("2026-02-28T00:00:00Z"),
            "dueOn: '2026-02-28T00:00:00Z' is not a date",
        ),
        (json!("12026-02-28"), "dueOn: '12026-02-28' is not a date"),
        (json!(""), "dueOn: '' is not a date"),
        (json!(20_260_228), "dueOn: 20260228 is not a date"),
        (
            json!("0000-01-01"),
            "dueOn is in the year 0; the years 1 to 9999 are allowed",
        ),
    ] {
        let input = json!({ "title": "A", "dueOn": value });
        for (answer, mutation) in [
            (create(&ann, input.clone()).await, "taskCreate"),
            (update(&ann, task, input).await, "taskUpdate"),
        ] {
            let (code, field, shown) = answer.user_error(mutation);
            assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.dueOn"), "{shown}");
            assert!(shown.starts_with(message), "{shown}");
        }
    }
    let both = json!({ "title": "A", "dueOn": "2026-02-28", "dueDate": "2026-02-28T12:00:00Z" });
    for (answer, mutation) in [
        (create(&ann, both.clone()).await, "taskCreate"),
        (update(&ann, task, both).await, "taskUpdate"),
    ] {
        let (code, field, shown) = answer.user_error(mutation);
        assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.dueOn"));
        assert_eq!(
            shown,
            "dueOn cannot be set together with a due date; a task has one of them"
        );
    }
    for (path, method) in [
        ("/tasks".to_owned(), Method::POST),
        (format!("/tasks/{task}"), Method::PATCH),
    ] {
        let both = json!({ "title": "A", "due_on": "2026-02-28", "due_date": "2026-02-28" });
        let refused = ann.rest(method.clone(), &path, both).await;
        assert_eq!(refused.problem(), (422, "INVALID", "due_on"), "{}", refused.text);
        let refused = ann
            .rest(method, &path, json!({ "title": "A", "due_on": "28.02.2026" }))
            .await;
        assert_eq!(refused.problem(), (422, "INVALID", "due_on"), "{}", refused.text);
    }
    let filter = ann
        .graphql(
            "{ tasks(filter: {dueOn: {in: [\"2026-02-28\", \"x\"]}}) { totalCount } }",
            json!({}),
        )
        .await;
    assert_eq!(filter.error_code(), "BAD_USER_INPUT");
    assert!(
        filter
            .error_message()
            .starts_with("filter.dueOn.in.1: 'x' is not a date"),
        "{}",
        filter.text
    );
}

#[tokio::test]
async fn a_due_day_is_past_when_it_has_ended_in_the_viewers_time_zone() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "10080")]).await;
    let people = [
        app.member().await,
        app.member().await,
        app.admin().await,
        app.admin().await,
    ];
    let [east, west, east_admin, west_admin] = &people;
    for (person, zone) in [(east, EAST), (west, WEST), (east_admin, EAST), (west_admin, WEST)] {
        assert_eq!(
            moves_to(person, zone).await.data()["userUpdate"]["user"]["timeZone"],
            zone
        );
    }
    for (title, due) in [
        ("13", json!({ "dueOn": "2026-01-13" })),
        ("14", json!({ "dueOn": "2026-01-14" })),
        ("15", json!({ "dueOn": "2026-01-15" })),
        ("16", json!({ "dueOn": "2026-01-16" })),
        ("done", json!({ "dueOn": "2026-01-13", "status": "DONE" })),
        ("moment", json!({ "dueDate": "2026-01-15T11:59:59Z" })),
        ("never", json!({})),
    ] {
        let mut input = json!({ "title": title, "assigneeId": west.global_id() });
        input.as_object_mut().unwrap().extend(due.as_object().unwrap().clone());
        east.creates_task(input).await;
    }
    for (hours, in_the_east, in_the_west) in [
        (0, vec!["13", "14", "15", "moment"], vec!["13", "14", "moment"]),
        (21, vec!["13", "14", "15", "moment"], vec!["13", "14", "moment"]),
        (
            2,
            vec!["13", "14", "15", "16", "moment"],
            vec!["13", "14", "15", "moment"],
        ),
    ] {
        app.advance(TimeDelta::hours(hours));
        for person in [east, east_admin] {
            assert_eq!(overdue(person).await, in_the_east, "after {hours} more hours");
        }
        for person in [west, west_admin] {
            assert_eq!(overdue(person).await, in_the_west, "after {hours} more hours");
        }
    }
    // A change of the time zone takes effect at once.
    moves_to(west, EAST).await.data();
    assert_eq!(overdue(west).await, ["13", "14", "15", "16", "moment"]);
}

#[tokio::test]
async fn due_days_are_sorted_among_due_dates_and_filtered_alone() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, due) in [
        ("never", json!({})),
        ("16 at midnight", json!({ "dueDate": "2026-01-16T00:00:00Z" })),
        ("15", json!({ "dueOn": "2026-01-15" })),
        ("14", json!({ "dueOn": "2026-01-14" })),
        ("15 at noon", json!({ "dueDate": "2026-01-15T12:00:00Z" })),
    ] {
        let mut input = json!({ "title": title });
        input.as_object_mut().unwrap().extend(due.as_object().unwrap().clone());
        ann.creates_task(input).await;
    }
    let sorted = ["14", "15 at noon", "15", "16 at midnight", "never"];
    assert_eq!(ann.titles("orderBy: [{field: DUE_DATE}]").await, sorted);
    let mut after = Value::Null;
    for title in sorted {
        let query = "query($after: String) { tasks(first: 1, after: $after, orderBy: [{field: DUE_DATE}]) {
            nodes { title } pageInfo { endCursor } } }";
        let page = ann.graphql(query, json!({ "after": after })).await;
        assert_eq!(page.data()["tasks"]["nodes"], json!([{ "title": title }]));
        after = page.data()["tasks"]["pageInfo"]["endCursor"].clone();
    }
    for (filter, found) in [
        ("{dueOn: {eq: \"2026-01-15\"}}", vec!["15"]),
        ("{dueOn: {lte: \"2026-01-15\"}}", vec!["14", "15"]),
        ("{dueOn: {lt: \"2026-01-15\"}}", vec!["14"]),
        ("{dueOn: {gt: \"2026-01-14\", lte: \"2026-01-31\"}}", vec!["15"]),
        ("{dueOn: {in: [\"2026-01-14\", \"2026-01-16\"]}}", vec!["14"]),
        ("{dueOn: {isNull: false}}", vec!["14", "15"]),
        (
            "{dueOn: {nin: [\"2026-01-14\"]}}",
            vec!["15 at noon", "15", "16 at midnight", "never"],
        ),
        (
            "{dueOn: {neq: \"2026-01-15\"}, dueDate: {isNull: true}}",
            vec!["14", "never"],
        ),
        ("{dueDate: {lte: \"2026-01-15T23:59:59Z\"}}", vec!["15 at noon"]),
    ] {
        let arguments = format!("filter: {filter}, orderBy: [{{field: DUE_DATE}}]");
        assert_eq!(ann.titles(&arguments).await, found, "{filter}");
    }
}

#[tokio::test]
async fn a_time_zone_has_a_name_and_is_visible_to_its_user_and_administrators() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let zone_of = async |asker: &Person<'_>| {
        let query = "query($id: ID!) { user(id: $id) { timeZone } }";
        let answer = asker.graphql(query, json!({ "id": ann.global_id() })).await;
        answer.data()["user"]["timeZone"].clone()
    };
    assert_eq!(zone_of(&ann).await, "UTC");
    assert_eq!(
        moves_to(&ann, "Europe/Berlin").await.data()["userUpdate"]["user"]["timeZone"],
        "Europe/Berlin"
    );
    assert_eq!(
        (zone_of(&ann).await, zone_of(&boss).await),
        (json!("Europe/Berlin"), json!("Europe/Berlin"))
    );
    assert_eq!(zone_of(&bob).await, Value::Null);
    for (name, message) in [
        (
            "Berlin",
            "timeZone 'Berlin' is not a time zone of the IANA database, such as Europe/Berlin or UTC",
        ),
        ("+01:00", "timeZone '+01:00' is not a time zone"),
        ("", "timeZone '' is not a time zone"),
    ] {
        let (code, field, shown) = moves_to(&ann, name).await.user_error("userUpdate");
        assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.timeZone"));
        assert!(shown.starts_with(message), "{shown}");
    }
    let me = ann.rest(Method::GET, "/auth/me", Value::Null).await;
    assert_eq!(me.at("/time_zone"), "Europe/Berlin");
    let path = format!("/users/{}", ann.id);
    let moved = ann
        .rest(Method::PATCH, &path, json!({ "time_zone": "Asia/Tokyo" }))
        .await;
    assert_eq!(moved.at("/time_zone"), "Asia/Tokyo");
    for value in [json!("Tokyo"), Value::Null] {
        let refused = ann.rest(Method::PATCH, &path, json!({ "time_zone": value })).await;
        assert_eq!(refused.problem(), (422, "INVALID", "time_zone"), "{}", refused.text);
    }
    assert_eq!(zone_of(&ann).await, "Asia/Tokyo");
    let others = bob
        .rest(Method::PATCH, &path, json!({ "time_zone": "Europe/Berlin" }))
        .await;
    assert_eq!(others.problem().0, 403, "{}", others.text);
}
