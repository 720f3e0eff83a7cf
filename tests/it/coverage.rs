//! Every root field and every route refuses somebody. A new one without a case here fails with its name.

use std::collections::BTreeSet;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::graphql::{post, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::CONTENT_TYPE;
use crate::support::person::{Person, global_id};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Not signed in.
    Nobody,
    /// Signed in, but neither a participant, nor the account's user, nor an administrator.
    Stranger,
}
use Who::{Nobody, Stranger};

/// Refusals, as GraphQL error codes or HTTP statuses.
type Refusals = &'static [(Who, &'static str)];

/// Fields that show only the caller's own connection. This list should not grow without a reason.
const FOR_EVERYBODY: Refusals = &[];
const SIGNED_IN: Refusals = &[(Nobody, "UNAUTHENTICATED")];
const OF_A_TASK: Refusals = &[(Nobody, "UNAUTHENTICATED"), (Stranger, "NOT_FOUND")];
const OF_AN_ACCOUNT: Refusals = &[(Nobody, "UNAUTHENTICATED"), (Stranger, "FORBIDDEN")];
const BAD_CREDENTIALS: Refusals = &[(Nobody, "INVALID_CREDENTIALS")];
const BAD_INPUT: Refusals = &[(Nobody, "INVALID")];

/// A form with a file.
const FORM: &str = "--between-parts\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n\
                    x\r\n--between-parts--\r\n";

/// Root fields: name, the document text after the name, and the refusal for each caller. TASK, FILE, USER, NOTICE and
/// SESSION are placeholders for ids of another user.
const FIELDS: &[(&str, &str, Refusals)] = &[
    ("viewer", "{ id }", SIGNED_IN),
    ("rateLimit", "{ remaining }", FOR_EVERYBODY),
    ("user", "(id: \"USER\") { id }", SIGNED_IN),
    ("people", "{ id }", SIGNED_IN),
    ("users", "{ nodes { id } }", SIGNED_IN),
    ("sessions", "{ id }", SIGNED_IN),
    ("node", "(id: \"TASK\") { id }", OF_A_TASK),
    ("nodes", "(ids: [\"TASK\"]) { id }", SIGNED_IN),
    ("task", "(id: \"TASK\") { id }", OF_A_TASK),
    ("taskHistory", "(id: \"TASK\") { nodes { cursor } }", OF_A_TASK),
    ("tasks", "{ nodes { id } }", SIGNED_IN),
    ("tags", "{ nodes { name } }", SIGNED_IN),
    ("taskStatistics", "{ total }", SIGNED_IN),
    ("notifications", "{ nodes { id } }", SIGNED_IN),
    ("eventCursor", "", SIGNED_IN),
    (
        "register",
        "(input: {email: \"new@example.com\", password: \"weak\"}) { userErrors { code } }",
        BAD_INPUT,
    ),
    (
        "login",
        "(input: {email: \"new@example.com\", password: \"Password123\"}) { userErrors { code } }",
        BAD_CREDENTIALS,
    ),
    (
        "refresh",
        "(refreshToken: \"none\") { userErrors { code } }",
        BAD_CREDENTIALS,
    ),
    ("logout", "{ userErrors { code } }", SIGNED_IN),
    (
        "sessionEnd",
        "(id: \"SESSION\") { userErrors { code } }",
        &[(Nobody, "UNAUTHENTICATED"), (Stranger, "NOT_FOUND")],
    ),
    (
        "emailVerify",
        "(token: \"none\") { userErrors { code } }",
        BAD_CREDENTIALS,
    ),
    ("emailVerificationSend", "{ userErrors { code } }", SIGNED_IN),
    (
        "passwordChange",
        "(currentPassword: \"Wrong1234\", newPassword: \"Password456\") { userErrors { code } }",
        &[(Nobody, "UNAUTHENTICATED"), (Stranger, "INVALID_CREDENTIALS")],
    ),
    (
        "taskCreate",
        "(input: {title: \"T\"}) { userErrors { code } }",
        SIGNED_IN,
    ),
    (
        "taskUpdate",
        "(id: \"TASK\", input: {title: \"T\"}) { userErrors { code } }",
        OF_A_TASK,
    ),
    ("taskAssign", "(id: \"TASK\") { userErrors { code } }", OF_A_TASK),
    (
        "taskTransition",
        "(id: \"TASK\", status: DONE) { userErrors { code } }",
        OF_A_TASK,
    ),
    (
        "taskAddTags",
        "(id: \"TASK\", tags: [\"t\"]) { userErrors { code } }",
        OF_A_TASK,
    ),
    (
        "taskRemoveTags",
        "(id: \"TASK\", tags: [\"kept\"]) { userErrors { code } }",
        OF_A_TASK,
    ),
    ("taskDelete", "(id: \"TASK\") { userErrors { code } }", OF_A_TASK),
    ("taskRestore", "(id: \"TRASH\") { userErrors { code } }", OF_A_TASK),
    ("taskPurge", "(id: \"TASK\") { userErrors { code } }", OF_A_TASK),
    (
        "tasksBulkCreate",
        "(inputs: [{title: \"T\"}]) { results { userErrors { code } } }",
        SIGNED_IN,
    ),
    (
        "tasksBulkUpdate",
        "(ids: [\"TASK\"], input: {title: \"T\"}) { results { userErrors { code } } }",
        OF_A_TASK,
    ),
    (
        "tasksBulkTransition",
        "(ids: [\"TASK\"], status: DONE) { results { userErrors { code } } }",
        OF_A_TASK,
    ),
    (
        "tasksBulkDelete",
        "(ids: [\"TASK\"]) { results { userErrors { code } } }",
        OF_A_TASK,
    ),
    (
        "attachmentUpload",
        "(input: {taskId: \"TASK\", file: \"upload:0\"}) { userErrors { code } }",
        &[(Nobody, "UNAUTHENTICATED"), (Stranger, "INVALID")],
    ),
    ("attachmentDelete", "(id: \"FILE\") { userErrors { code } }", OF_A_TASK),
    (
        "userUpdate",
        "(id: \"USER\", input: {fullName: \"N\"}) { userErrors { code } }",
        OF_AN_ACCOUNT,
    ),
    (
        "userSetRole",
        "(id: \"USER\", role: ADMIN) { userErrors { code } }",
        OF_AN_ACCOUNT,
    ),
    (
        "userSetActive",
        "(id: \"USER\", isActive: false) { userErrors { code } }",
        OF_AN_ACCOUNT,
    ),
    ("userDelete", "(id: \"USER\") { userErrors { code } }", OF_AN_ACCOUNT),
    (
        "notificationsMarkRead",
        "(ids: [\"NOTICE\"]) { userErrors { code } }",
        OF_A_TASK,
    ),
    // Strangers may subscribe, but receive nothing: tests/it/delivery tests that.
    ("taskEvents", "{ cursor }", SIGNED_IN),
    ("taskStatusChanged", "(taskId: \"TASK\") { cursor }", OF_A_TASK),
    ("notificationReceived", "{ cursor }", SIGNED_IN),
];

/// Routes: method, path, body, and the refusal for each caller. Ids in paths, and TASK in bodies, are another user's.
const ROUTES: &[(&str, &str, &str, Refusals)] = &[
    (
        "POST",
        "/auth/register",
        r#"{"email": "new@example.com", "password": "weak"}"#,
        BAD_INPUT,
    ),
    (
        "POST",
        "/auth/login",
        r#"{"email": "new@example.com", "password": "Password123"}"#,
        BAD_CREDENTIALS,
    ),
    (
        "POST",
        "/auth/login/access-token",
        "username=new&password=Password123",
        BAD_CREDENTIALS,
    ),
    ("POST", "/auth/refresh", r#"{"refresh_token": "none"}"#, BAD_CREDENTIALS),
    ("POST", "/auth/logout", "", SIGNED_IN),
    ("POST", "/auth/verify-email", r#"{"token": "none"}"#, BAD_CREDENTIALS),
    ("POST", "/auth/verify-email/resend", "", SIGNED_IN),
    ("GET", "/auth/me", "", SIGNED_IN),
    ("GET", "/tasks", "", SIGNED_IN),
    ("POST", "/tasks", r#"{"title": "T"}"#, SIGNED_IN),
    ("GET", "/tasks/admin/all", "", OF_AN_ACCOUNT),
    ("GET", "/tasks/statistics", "", SIGNED_IN),
    ("GET", "/tasks/stats", "", SIGNED_IN),
    (
        "PATCH",
        "/tasks/bulk",
        r#"{"task_ids": [TASK], "update": {"title": "T"}}"#,
        OF_A_TASK,
    ),
    (
        "POST",
        "/tasks/bulk-status",
        r#"{"task_ids": [TASK], "target_status": "done"}"#,
        OF_A_TASK,
    ),
    ("GET", "/tasks/{id}", "", OF_A_TASK),
    (
        "PUT",
        "/tasks/{id}",
        r#"{"title": "T", "description": null, "status": "todo", "priority": "low", "due_date": null, "assignee_id": null, "tags": []}"#,
        OF_A_TASK,
    ),
    ("PATCH", "/tasks/{id}", r#"{"title": "T"}"#, OF_A_TASK),
    ("DELETE", "/tasks/{id}", "", OF_A_TASK),
    ("POST", "/tasks/{id}/assign", r#"{"assignee_id": null}"#, OF_A_TASK),
    (
        "POST",
        "/tasks/{id}/transition",
        r#"{"target_status": "done"}"#,
        OF_A_TASK,
    ),
    ("DELETE", "/tasks/{id}/force", "", OF_A_TASK),
    ("POST", "/tasks/{id}/restore", "", OF_A_TASK),
    ("POST", "/tasks/{id}/tags", r#"["t"]"#, OF_A_TASK),
    ("DELETE", "/tasks/{id}/tags/{tag}", "", OF_A_TASK),
    ("POST", "/tasks/{id}/files", FORM, OF_A_TASK),
    ("GET", "/tasks/{id}/files", "", OF_A_TASK),
    ("GET", "/files", "", SIGNED_IN),
    ("GET", "/files/{id}", "", OF_A_TASK),
    ("DELETE", "/files/{id}", "", OF_A_TASK),
    ("POST", "/upload", FORM, SIGNED_IN),
    ("GET", "/download/{filename}", "", OF_A_TASK),
    ("DELETE", "/delete/{filename}", "", OF_A_TASK),
    ("GET", "/async/external", "", SIGNED_IN),
    ("POST", "/async/background-task", "", SIGNED_IN),
    ("GET", "/async/background-task/{id}", "", OF_A_TASK),
    ("GET", "/users", "", SIGNED_IN),
    ("GET", "/users/me", "", SIGNED_IN),
    ("GET", "/users/{id}", "", SIGNED_IN),
    ("PATCH", "/users/{id}", r#"{"full_name": "N"}"#, OF_AN_ACCOUNT),
    ("DELETE", "/users/{id}", "", OF_AN_ACCOUNT),
];

/// The root fields of the schema, with their operation type.
async fn root_fields(app: &TestApp) -> Vec<(&'static str, String)> {
    let answer = app
        .anonymous()
        .graphql(
            "{ __schema { queryType { fields { name } } mutationType { fields { name } }
                subscriptionType { fields { name } } } }",
            json!({}),
        )
        .await;
    let mut fields = Vec::new();
    for (operation, root) in [
        ("query", "queryType"),
        ("mutation", "mutationType"),
        ("subscription", "subscriptionType"),
    ] {
        for field in answer.data()["__schema"][root]["fields"].as_array().unwrap() {
            fields.push((operation, field["name"].as_str().unwrap().to_owned()));
        }
    }
    fields
}

async fn subscribe(person: &Person<'_>, document: &str) -> Answer {
    let request = post(person).header("accept", "text/event-stream");
    let mut answer = send(person, request, json!({ "query": document }).to_string()).await;
    let data = answer.text.lines().find_map(|line| line.strip_prefix("data: "));
    answer.body = serde_json::from_str(data.unwrap()).unwrap();
    answer
}

/// The error code of a field. A query returns null for data that the caller may not see.
fn refusal(answer: &Answer, field: &str) -> String {
    if answer.body.get("errors").is_some() {
        return answer.error_code().to_owned();
    }
    match &answer.data()[field] {
        Value::Null => "NOT_FOUND".to_owned(),
        payload => payload["userErrors"][0]["code"]
            .as_str()
            .or_else(|| payload["results"][0]["userErrors"][0]["code"].as_str())
            .unwrap_or("nothing")
            .to_owned(),
    }
}

fn status_of(code: &str) -> u16 {
    match code {
        "UNAUTHENTICATED" | "INVALID_CREDENTIALS" => 401,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "INVALID" => 422,
        other => panic!("no status is known for {other}"),
    }
}

/// A task with a file, another in the trash, and a notification, all of one owner.
struct Scene {
    task: i64,
    trashed: i64,
    notification: i64,
    file: String,
    file_number: i64,
    owner: i32,
}

impl Scene {
    async fn set(app: &TestApp, owner: &Person<'_>) -> Self {
        let handed_over = json!({ "title": "Handed over", "assigneeId": owner.global_id() });
        app.member().await.creates_task(handed_over).await;
        let notifications = owner
            .graphql("{ notifications { nodes { databaseId } } }", json!({}))
            .await;
        let task = owner.creates_task(json!({ "title": "Kept", "tags": ["kept"] })).await;
        let file = owner.keeps(Some(task), "kept.txt", b"kept").await;
        owner.keeps(None, "own.txt", b"own").await;
        let trashed = owner.creates_task(json!({ "title": "Trashed" })).await;
        let delete = owner
            .rest(Method::DELETE, &format!("/tasks/{trashed}"), Value::Null)
            .await;
        assert_eq!(delete.status, 204, "{}", delete.text);
        Self {
            task,
            trashed,
            notification: notifications
                .at("/data/notifications/nodes/0/databaseId")
                .as_i64()
                .unwrap(),
            file_number: file["databaseId"].as_i64().unwrap(),
            file: file["id"].as_str().unwrap().to_owned(),
            owner: owner.id,
        }
    }

    fn document(&self, operation: &str, field: &str, rest: &str) -> String {
        let rest = rest
            .replace("TASK", &global_id("Task", self.task))
            .replace("TRASH", &global_id("Task", self.trashed))
            .replace("USER", &global_id("User", i64::from(self.owner)))
            .replace("NOTICE", &global_id("Notification", self.notification))
            // The first session belongs to the first user.
            .replace("SESSION", &global_id("Session", 1))
            .replace("FILE", &self.file);
        format!("{operation} {{ {field}{rest} }}")
    }

    fn path(&self, route: &str) -> String {
        let id = if route.starts_with("/users") {
            i64::from(self.owner)
        } else if route.starts_with("/files") {
            self.file_number
        } else if route.ends_with("/restore") {
            self.trashed
        } else {
            self.task
        };
        route
            .replace("{id}", &id.to_string())
            .replace("{tag}", "kept")
            .replace("{filename}", "own.txt")
    }
}

#[tokio::test]
async fn every_root_field_refuses_somebody_without_writing() {
    let app = TestApp::start().await;
    let (owner, stranger, nobody) = (app.member().await, app.member().await, app.anonymous());
    let scene = Scene::set(&app, &owner).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for (operation, field) in root_fields(&app).await {
        let Some((_, rest, refusals)) = FIELDS.iter().find(|(name, ..)| *name == field) else {
            panic!("the field {field} has no case in coverage.rs: who is refused, and how?");
        };
        for (who, code) in *refusals {
            let person = if *who == Nobody { &nobody } else { &stranger };
            let document = scene.document(operation, &field, rest);
            let answer = if operation == "subscription" {
                subscribe(person, &document).await
            } else {
                person.graphql(&document, json!({})).await
            };
            assert_eq!(refusal(&answer, &field), *code, "{field} by {who:?}: {}", answer.text);
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn every_route_refuses_somebody_without_writing() {
    let app = TestApp::start().await;
    let (owner, stranger, nobody) = (app.member().await, app.member().await, app.anonymous());
    let scene = Scene::set(&app, &owner).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for (method, route) in taskwire::rest::route_names() {
        let case = ROUTES.iter().find(|(name, path, ..)| method == *name && *path == route);
        let Some((_, _, body, refusals)) = case else {
            panic!("{method} {route} has no case in coverage.rs: who is refused, and how?");
        };
        for (who, code) in *refusals {
            let person = if *who == Nobody { &nobody } else { &stranger };
            let content_type = if *body == FORM {
                CONTENT_TYPE
            } else if body.starts_with(['{', '[']) {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            let request = person
                .request(method.clone(), &scene.path(&route))
                .header("content-type", content_type);
            let body = body.replace("TASK", &scene.task.to_string());
            let answer = person.send(request.body(body.into()).unwrap()).await;
            // Bulk requests refuse each task separately.
            let (status, given) = match answer.body.pointer("/results/0/code") {
                Some(code) => (status_of(code.as_str().unwrap()), code.as_str().unwrap()),
                None => (answer.problem().0, answer.problem().1),
            };
            assert_eq!(
                (status, given),
                (status_of(code), *code),
                "{method} {route} by {who:?}: {}",
                answer.text
            );
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn every_case_names_an_existing_field_or_route() {
    let app = TestApp::start().await;
    let fields: BTreeSet<String> = root_fields(&app).await.into_iter().map(|(_, field)| field).collect();
    for (field, ..) in FIELDS {
        assert!(fields.contains(*field), "there is no field {field} any more");
    }
    let routes = taskwire::rest::route_names();
    for (method, path, ..) in ROUTES {
        assert!(
            routes.iter().any(|(name, route)| *name == *method && route == path),
            "there is no {method} {path} any more"
        );
    }
}
