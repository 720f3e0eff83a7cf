//! Invalid dates, files and ids: errors name the path, the value and what is allowed. In mutations, invalid dates and
//! files are user errors; all others are top-level errors.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{Form, UPLOAD};
use crate::support::person::global_id;

const ALLOWED: &str =
    "is not a date and time; use RFC 3339, such as 2026-12-01T12:00:00Z, or a date, such as 2026-12-01";
const ERRORS: &str = "userErrors { code field message }";

/// Values that are not a date and time, each as an error message shows it.
fn wrong_dates() -> Vec<(Value, String)> {
    let long = "9".repeat(200);
    vec![
        (json!("2026-13-01"), "'2026-13-01'".to_owned()),
        (json!("2026-12-1"), "'2026-12-1'".to_owned()),
        (json!(" 2026-12-1"), "' 2026-12-1'".to_owned()),
        (json!("2026-12- 1"), "'2026-12- 1'".to_owned()),
        (json!("+2026-12-1"), "'+2026-12-1'".to_owned()),
        (json!("tomorrow"), "'tomorrow'".to_owned()),
        (json!("2026-02-30T00:00:00Z"), "'2026-02-30T00:00:00Z'".to_owned()),
        (json!("2026-12-01T12:00:00"), "'2026-12-01T12:00:00'".to_owned()),
        (json!(""), "''".to_owned()),
        (json!("\u{0}\n"), "'\u{0}\n'".to_owned()),
        (json!(long), format!("'{}…'", &long[..80])),
        (json!("ü".repeat(81)), format!("'{}…'", "ü".repeat(80))),
        (json!(1_764_590_400), "1764590400".to_owned()),
        (json!(1.5), "1.5".to_owned()),
        (json!(true), "true".to_owned()),
        (json!(["2026-12-01T12:00:00Z"]), "[\"2026-12-01T12:00:00Z\"]".to_owned()),
        (json!({ "year": 2026 }), "{year: 2026}".to_owned()),
    ]
}

#[track_caller]
fn is_user_error(answer: &Answer, mutation: &str, message: &str) {
    let (code, field, shown) = answer.user_error(mutation);
    assert_eq!(
        (code.as_str(), field.as_str(), shown.as_str()),
        ("INVALID", "input.dueDate", message),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn an_invalid_due_date_is_a_user_error_in_every_mutation_that_takes_one() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "T" })).await);
    let before = app.footprint().await;
    for (value, shown) in wrong_dates() {
        let message = format!("dueDate: {shown} {ALLOWED}");
        // As a variable for the whole input, and for the field.
        for (kinds, create, update, variables) in [
            (
                "$create: TaskCreateInput!, $update: TaskUpdateInput!",
                "$create",
                "$update",
                json!({ "create": { "title": "T", "dueDate": value }, "update": { "dueDate": value } }),
            ),
            (
                "$date: DateTime",
                "{title: \"T\", dueDate: $date}",
                "{dueDate: $date}",
                json!({ "date": value }),
            ),
        ] {
            let document = format!(
                "mutation({kinds}) {{ taskCreate(input: {create}) {{ task {{ id }} {ERRORS} }}
                taskUpdate(id: \"{id}\", input: {update}) {{ task {{ id }} {ERRORS} }}
                tasksBulkUpdate(ids: [\"{id}\", \"{id}\"], input: {update}) {{
                    total successful failed results {{ taskId }} {ERRORS} }} }}"
            );
            let answer = ann.graphql(&document, variables).await;
            for mutation in ["taskCreate", "taskUpdate", "tasksBulkUpdate"] {
                is_user_error(&answer, mutation, &message);
            }
            assert_eq!(answer.at("/data/taskCreate/task"), &Value::Null);
            assert_eq!(answer.at("/data/taskUpdate/task"), &Value::Null);
            let bulk = answer.at("/data/tasksBulkUpdate");
            assert_eq!(
                (&bulk["total"], &bulk["successful"], &bulk["failed"], &bulk["results"]),
                (&json!(1), &json!(0), &json!(1), &json!([]))
            );
        }
    }
    for (literal, shown) in [
        ("\"2026-13-01\"", "'2026-13-01'"),
        ("5", "5"),
        ("1e400", "'1e400'"),
        ("TODAY", "TODAY"),
        ("[1, \"a\"]", "[1, \"a\"]"),
        ("{a: 1}", "{a: 1}"),
    ] {
        let document = format!("mutation {{ taskCreate(input: {{title: \"T\", dueDate: {literal}}}) {{ {ERRORS} }} }}");
        let answer = ann.graphql(&document, json!({})).await;
        is_user_error(&answer, "taskCreate", &format!("dueDate: {shown} {ALLOWED}"));
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_valid_due_date_is_read_and_null_clears_it() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "T" })).await);
    let update = "mutation($id: ID!, $input: TaskUpdateInput!) { taskUpdate(id: $id, input: $input) {
        task { dueDate } userErrors { message } } }";
    for (sent, kept) in [
        (
            json!({ "dueDate": "2026-12-01T12:00:00+02:00" }),
            json!("2026-12-01T10:00:00+00:00"),
        ),
        (json!({ "title": "U" }), json!("2026-12-01T10:00:00+00:00")),
        (json!({ "dueDate": null }), Value::Null),
    ] {
        let answer = ann.graphql(update, json!({ "id": id, "input": sent })).await;
        assert_eq!(answer.data()["taskUpdate"]["task"]["dueDate"], kept, "{sent}");
    }
    // A default value is read like a sent one.
    let document = format!(
        "mutation($date: DateTime = \"soon\") {{ taskCreate(input: {{title: \"T\", dueDate: $date}}) {{ {ERRORS} }} }}"
    );
    let answer = ann.graphql(&document, json!({})).await;
    is_user_error(&answer, "taskCreate", &format!("dueDate: 'soon' {ALLOWED}"));
}

#[track_caller]
fn is_failure(answer: &Answer, message: &str) {
    assert_eq!(answer.error_code(), "BAD_USER_INPUT", "{}", answer.text);
    assert!(
        answer.error_message().starts_with(message),
        "{message}: {}",
        answer.text
    );
}

#[tokio::test]
async fn a_filter_names_the_path_of_an_invalid_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (value, shown) in wrong_dates() {
        for comparison in ["eq", "neq", "lt", "lte", "gt", "gte"] {
            for field in ["dueDate", "createdAt"] {
                let document = "query($f: TaskFilter) { tasks(filter: $f) { totalCount } }";
                let answer = ann
                    .graphql(document, json!({ "f": { field: { comparison: value } } }))
                    .await;
                is_failure(&answer, &format!("filter.{field}.{comparison}: {shown} {ALLOWED}"));
            }
        }
    }
    let task = global_id("Task", 1);
    let user = ann.global_id();
    for (filter, message) in [
        (
            "{dueDate: {gte: \"2026-13-01\"}}".to_owned(),
            format!("filter.dueDate.gte: '2026-13-01' {ALLOWED}"),
        ),
        (
            "{dueDate: {lt: 5, gte: \"x\"}}".to_owned(),
            format!("filter.dueDate.lt: 5 {ALLOWED}"),
        ),
        (
            "{and: [{isOverdue: true}, {or: [{not: {createdAt: {eq: NOW}}}]}]}".to_owned(),
            format!("filter.and.1.or.0.not.createdAt.eq: NOW {ALLOWED}"),
        ),
        (
            "{owner: {eq: \"x\"}}".to_owned(),
            "filter.owner.eq: 'x' is not the id of a User".to_owned(),
        ),
        (
            format!("{{assignee: {{nin: [\"{user}\", \"{task}\"]}}}}"),
            format!("filter.assignee.nin.1: '{task}' is not the id of a User"),
        ),
        (
            format!("{{or: [{{owner: {{in: [\"{user}\", \"\"]}}}}]}}"),
            "filter.or.0.owner.in.1: '' is not the id of a User".to_owned(),
        ),
        (
            "{or: [{dueDate: {lt: \"9999-12-31T23:59:59-14:00\"}}]}".to_owned(),
            "filter.or.0.dueDate.lt is in the year 10000; the years 1 to 9999 are allowed".to_owned(),
        ),
        (
            "{not: {tag: {all: [\"red\", \"\"]}}}".to_owned(),
            "filter.not.tag.all: '' is 0 characters long; 1 to 50 are allowed".to_owned(),
        ),
        (
            "{and: [{}, {not: {includeDeleted: true}}]}".to_owned(),
            "filter.and.1.not.includeDeleted counts for the whole list".to_owned(),
        ),
    ] {
        for document in [
            format!("{{ tasks(filter: {filter}) {{ totalCount }} }}"),
            format!("{{ viewer {{ ownedTasks(filter: {filter}) {{ totalCount }} }} }}"),
        ] {
            is_failure(&ann.graphql(&document, json!({})).await, &message);
        }
    }
}

#[tokio::test]
async fn an_invalid_id_is_refused_by_the_path_of_its_argument() {
    let app = TestApp::start().await;
    let (ann, admin) = (app.member().await, app.admin().await);
    let task = global_id("Task", ann.creates_task(json!({ "title": "T" })).await);
    let user = ann.global_id();
    let before = app.footprint().await;
    let long = "x".repeat(500);
    for (operation, place, kind) in [
        (
            "taskCreate(input: {title: \"T\", assigneeId: \"BAD\"})".to_owned(),
            "input.assigneeId",
            "a User",
        ),
        (
            format!("taskUpdate(id: \"{task}\", input: {{assigneeId: \"BAD\"}})"),
            "input.assigneeId",
            "a User",
        ),
        ("taskUpdate(id: \"BAD\", input: {})".to_owned(), "id", "a Task"),
        ("taskAssign(id: \"BAD\")".to_owned(), "id", "a Task"),
        (
            format!("taskAssign(id: \"{task}\", assigneeId: \"BAD\")"),
            "assigneeId",
            "a User",
        ),
        ("taskTransition(id: \"BAD\", status: DONE)".to_owned(), "id", "a Task"),
        ("taskAddTags(id: \"BAD\", tags: [])".to_owned(), "id", "a Task"),
        ("taskRemoveTags(id: \"BAD\", tags: [])".to_owned(), "id", "a Task"),
        ("taskDelete(id: \"BAD\")".to_owned(), "id", "a Task"),
        ("taskRestore(id: \"BAD\")".to_owned(), "id", "a Task"),
        ("taskPurge(id: \"BAD\")".to_owned(), "id", "a Task"),
        (
            format!("tasksBulkUpdate(ids: [\"{task}\", \"BAD\"], input: {{}})"),
            "ids.1",
            "a Task",
        ),
        (
            format!("tasksBulkUpdate(ids: [\"{task}\"], input: {{assigneeId: \"BAD\"}})"),
            "input.assigneeId",
            "a User",
        ),
        (
            format!("tasksBulkTransition(ids: [\"{task}\", \"{task}\", \"BAD\"], status: DONE)"),
            "ids.2",
            "a Task",
        ),
        (
            "notificationsMarkRead(ids: [\"BAD\"])".to_owned(),
            "ids.0",
            "a Notification",
        ),
        ("attachmentDelete(id: \"BAD\")".to_owned(), "id", "an Attachment"),
        (
            "attachmentUpload(input: {taskId: \"BAD\", file: \"upload:0\"})".to_owned(),
            "input.taskId",
            "a Task",
        ),
        ("userUpdate(id: \"BAD\", input: {})".to_owned(), "id", "a User"),
        ("userSetRole(id: \"BAD\", role: USER)".to_owned(), "id", "a User"),
        ("userSetActive(id: \"BAD\", isActive: true)".to_owned(), "id", "a User"),
        ("userDelete(id: \"BAD\")".to_owned(), "id", "a User"),
        (
            format!("userDelete(id: \"{user}\", transferTo: \"BAD\")"),
            "transferTo",
            "a User",
        ),
    ] {
        for bad in ["7", &long] {
            let document = format!("mutation {{ {} {{ {ERRORS} }} }}", operation.replace("BAD", bad));
            let answer = admin.graphql(&document, json!({})).await;
            let shown = if bad.len() > 80 {
                format!("{}…", &bad[..80])
            } else {
                bad.to_owned()
            };
            is_failure(
                &answer,
                &format!("{place}: '{shown}' is not the id of {kind}; use an id"),
            );
        }
    }
    for (query, place) in [
        ("task(id: \"7\") { id }".to_owned(), "id"),
        ("taskHistory(id: \"7\") { totalCount }".to_owned(), "id"),
        ("node(id: \"7\") { id }".to_owned(), "id"),
        (format!("nodes(ids: [\"{task}\", \"7\"]) {{ id }}"), "ids.1"),
        ("user(id: \"7\") { id }".to_owned(), "id"),
    ] {
        let answer = admin.graphql(&format!("{{ {query} }}"), json!({})).await;
        is_failure(&answer, &format!("{place}: '7' is not the id of "));
    }
    let watch = format!("subscription {{ taskEvents(filter: {{taskIds: [\"{task}\", \"7\"]}}) {{ type }} }}");
    let body = json!({ "query": watch }).to_string();
    let request = super::post(&ann).header("accept", "text/event-stream");
    let answer = super::send(&ann, request, body).await;
    assert!(
        answer.text.contains("filter.taskIds.1: '7' is not the id of a Task"),
        "{}",
        answer.text
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_value_other_than_a_file_is_a_user_error_of_its_field() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let message = "file: no file was sent; send it as a part of multipart/form-data, as the GraphQL multipart request \
                   specification says";
    let expected = json!([{ "code": "INVALID", "field": ["input", "file"], "message": message }]);
    for file in [
        json!("x"),
        json!("upload:0"),
        json!("upload:99"),
        json!(7),
        json!([]),
        json!({ "name": "a" }),
    ] {
        let answer = ann.graphql(UPLOAD, json!({ "file": file })).await;
        assert_eq!(answer.data()["attachmentUpload"]["userErrors"], expected, "{file}");
        assert_eq!(answer.data()["attachmentUpload"]["attachment"], Value::Null);
    }
    for literal in ["\"x\"", "5", "FILE", "[\"upload:0\"]", "{a: 1}"] {
        let document =
            format!("mutation {{ attachmentUpload(input: {{file: {literal}}}) {{ attachment {{ id }} {ERRORS} }} }}");
        let answer = ann.graphql(&document, json!({})).await;
        assert_eq!(answer.data()["attachmentUpload"]["userErrors"], expected, "{literal}");
    }
    // A form without files gets the same error.
    let operations = json!({ "query": UPLOAD, "variables": { "file": "a.txt" } }).to_string();
    let form = Form::default().text("operations", &operations).text("map", "{}");
    assert_eq!(
        ann.sends(form.end()).await.data()["attachmentUpload"]["userErrors"],
        expected
    );
    app.expect_stored_files(0).await;
}

#[tokio::test]
async fn a_plain_date_is_the_start_of_that_day_in_inputs_and_filters() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T", "dueDate": "2026-12-01" })).await;
    let query = "query($from: DateTime) { tasks(filter: {dueDate: {gte: $from, lt: \"2026-12-02\"}}) { nodes { databaseId dueDate } } }";
    let answer = ann.graphql(query, json!({ "from": "2026-12-01" })).await;
    assert_eq!(
        answer.data()["tasks"]["nodes"],
        json!([{ "databaseId": id, "dueDate": "2026-12-01T00:00:00+00:00" }])
    );
}

#[tokio::test]
async fn a_root_field_that_fails_is_null_and_leaves_the_others() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "T" })).await;
    for failing in [
        "failing: tasks(first: 101) { totalCount }",
        "failing: tags(after: \"wrong\") { totalCount }",
        "failing: users(first: -1) { totalCount }",
        "failing: people(first: -1) { id }",
        "failing: notifications(before: \"wrong\", last: 1) { totalCount }",
        "failing: taskStatistics(filter: {search: \"x\"}) { total }",
        "failing: nodes(ids: [\"wrong\"]) { id }",
    ] {
        let answer = ann
            .graphql(&format!("{{ viewer {{ username }} {failing} }}"), json!({}))
            .await;
        assert_eq!(
            answer.body["data"],
            json!({ "viewer": { "username": ann.name }, "failing": null }),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["errors"][0]["path"], json!(["failing"]), "{}", answer.text);
    }
}
