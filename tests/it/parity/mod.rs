//! The same request through REST and GraphQL has the same data, refusal and events.

mod account;
mod bulk;
mod file;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::event::Event;
use crate::support::person::{Person, global_id};

/// A request for both APIs. ANN is a placeholder for the owner's id.
#[derive(Clone, Copy)]
struct Case {
    who: Who,
    /// Mutation for the setup, and its arguments after the task id.
    before: Option<(&'static str, &'static str)>,
    /// Mutation, and its arguments after the task id.
    graphql: (&'static str, &'static str),
    /// Method, path after that of the task, and body.
    rest: (&'static str, &'static str, &'static str),
    /// The expected error code; `None` on success.
    code: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Owner,
    Assignee,
    Stranger,
    Admin,
    Nobody,
}
use Who::{Admin, Assignee, Nobody, Owner, Stranger};

const fn case(
    who: Who,
    graphql: (&'static str, &'static str),
    rest: (&'static str, &'static str, &'static str),
    code: Option<&'static str>,
) -> Case {
    Case {
        who,
        before: None,
        graphql,
        rest,
        code,
    }
}

const fn after(before: (&'static str, &'static str), case: Case) -> Case {
    Case {
        before: Some(before),
        ..case
    }
}

const CASES: &[Case] = &[
    // Absent, null and a value are different.
    case(Owner, ("taskUpdate", ", input: {}"), ("PATCH", "", "{}"), None),
    case(
        Assignee,
        ("taskUpdate", ", input: {title: \"Other\"}"),
        ("PATCH", "", r#"{"title": "Other"}"#),
        None,
    ),
    case(
        Owner,
        (
            "taskUpdate",
            ", input: {description: null, dueDate: null, assigneeId: null, tags: null}",
        ),
        (
            "PATCH",
            "",
            r#"{"description": null, "due_date": null, "assignee_id": null, "tags": null}"#,
        ),
        None,
    ),
    case(
        Admin,
        (
            "taskUpdate",
            ", input: {title: \" New \", description: \"\", status: DONE, priority: URGENT, dueDate: \"2026-05-06T07:08:09.123456Z\", tags: [\"B\", \"c\"]}",
        ),
        (
            "PATCH",
            "",
            r#"{"title": " New ", "description": "", "status": "done", "priority": "urgent", "due_date": "2026-05-06T07:08:09.123456Z", "tags": ["B", "c"]}"#,
        ),
        None,
    ),
    case(
        Owner,
        ("taskUpdate", ", input: {title: null}"),
        ("PATCH", "", r#"{"title": null}"#),
        Some("INVALID"),
    ),
    case(
        Owner,
        ("taskUpdate", ", input: {title: \"\"}"),
        ("PATCH", "", r#"{"title": ""}"#),
        Some("INVALID"),
    ),
    case(
        Stranger,
        ("taskUpdate", ", input: {title: \"Other\"}"),
        ("PATCH", "", r#"{"title": "Other"}"#),
        Some("NOT_FOUND"),
    ),
    case(
        Nobody,
        ("taskUpdate", ", input: {title: \"Other\"}"),
        ("PATCH", "", r#"{"title": "Other"}"#),
        Some("UNAUTHENTICATED"),
    ),
    case(
        Owner,
        ("taskUpdate", ", input: {title: \"Other\"}, expectedVersion: 7"),
        ("PATCH", "", r#"{"title": "Other", "expected_version": 7}"#),
        Some("CONFLICT"),
    ),
    // PUT is an update with all fields.
    case(
        Owner,
        (
            "taskUpdate",
            ", input: {title: \"All new\", description: null, status: TODO, priority: MEDIUM, dueDate: null, assigneeId: null, tags: null}",
        ),
        (
            "PUT",
            "",
            r#"{"title": "All new", "description": null, "status": "todo", "priority": "medium", "due_date": null, "assignee_id": null, "tags": null}"#,
        ),
        None,
    ),
    // The workflow.
    case(
        Assignee,
        ("taskTransition", ", status: IN_PROGRESS"),
        ("POST", "/transition", r#"{"target_status": "in_progress"}"#),
        None,
    ),
    case(
        Owner,
        ("taskTransition", ", status: TODO"),
        ("POST", "/transition", r#"{"target_status": "todo"}"#),
        None,
    ),
    after(
        ("taskTransition", ", status: DONE"),
        case(
            Owner,
            ("taskTransition", ", status: IN_PROGRESS"),
            ("POST", "/transition", r#"{"target_status": "in_progress"}"#),
            Some("INVALID_TRANSITION"),
        ),
    ),
    after(
        ("taskTransition", ", status: CANCELLED"),
        case(
            Owner,
            ("taskUpdate", ", input: {status: DONE}"),
            ("PATCH", "", r#"{"completed": true}"#),
            Some("INVALID_TRANSITION"),
        ),
    ),
    // Assignment.
    case(
        Owner,
        ("taskAssign", ""),
        ("POST", "/assign", r#"{"assignee_id": null}"#),
        None,
    ),
    case(
        Assignee,
        ("taskAssign", ""),
        ("POST", "/assign", r#"{"assignee_id": null}"#),
        None,
    ),
    case(
        Assignee,
        ("taskAssign", ", assigneeId: \"ANN\""),
        ("POST", "/assign", r#"{"assignee_id": ANN}"#),
        Some("FORBIDDEN"),
    ),
    case(
        Admin,
        ("taskAssign", ", assigneeId: \"ANN\""),
        ("POST", "/assign", r#"{"assignee_id": ANN}"#),
        None,
    ),
    case(
        Owner,
        ("taskAssign", ", assigneeId: \"VXNlcjo5OTk5OTk\""),
        ("POST", "/assign", r#"{"assignee_id": 999999}"#),
        Some("INVALID"),
    ),
    // Tags.
    case(
        Assignee,
        ("taskAddTags", ", tags: [\"New\", \"a\"]"),
        ("POST", "/tags", r#"{"tags": ["New", "a"]}"#),
        None,
    ),
    case(
        Owner,
        ("taskAddTags", ", tags: [\"\"]"),
        ("POST", "/tags", r#"[""]"#),
        Some("INVALID"),
    ),
    case(
        Owner,
        ("taskRemoveTags", ", tags: [\"A\"]"),
        ("DELETE", "/tags/A", ""),
        None,
    ),
    case(
        Stranger,
        ("taskRemoveTags", ", tags: [\"a\"]"),
        ("DELETE", "/tags/a", ""),
        Some("NOT_FOUND"),
    ),
    // Trash and permanent deletion.
    case(Assignee, ("taskDelete", ""), ("DELETE", "", ""), None),
    case(Stranger, ("taskDelete", ""), ("DELETE", "", ""), Some("NOT_FOUND")),
    after(
        ("taskDelete", ""),
        case(Owner, ("taskDelete", ""), ("DELETE", "", ""), Some("NOT_FOUND")),
    ),
    after(
        ("taskDelete", ""),
        case(Admin, ("taskRestore", ""), ("POST", "/restore", ""), None),
    ),
    case(Owner, ("taskRestore", ""), ("POST", "/restore", ""), Some("NOT_FOUND")),
    case(Owner, ("taskPurge", ""), ("DELETE", "/force", ""), None),
    after(
        ("taskDelete", ""),
        case(Admin, ("taskPurge", ""), ("DELETE", "/force", ""), None),
    ),
    case(
        Nobody,
        ("taskPurge", ""),
        ("DELETE", "/force", ""),
        Some("UNAUTHENTICATED"),
    ),
];

const TASK: &str = "databaseId title description status priority dueDate completedAt version tags createdAt updatedAt
    owner { databaseId } assignee { databaseId }";

/// A GraphQL task in the format of REST, with the common fields only.
fn to_rest_format(task: &Value) -> Value {
    let moment = |name: &str| match task[name].as_str() {
        Some(text) => json!(text.replace("+00:00", "Z")),
        None => Value::Null,
    };
    json!({
        "title": task["title"], "description": task["description"], "version": task["version"], "tags": task["tags"],
        "status": task["status"].as_str().unwrap().to_lowercase(),
        "priority": task["priority"].as_str().unwrap().to_lowercase(),
        "due_date": moment("dueDate"), "completed_at": moment("completedAt"),
        "created_at": moment("createdAt"), "updated_at": moment("updatedAt"),
        "owner_id": task["owner"]["databaseId"], "assignee_id": task["assignee"]["databaseId"],
    })
}

/// A REST task with the common fields only.
fn rest_fields(task: &Value) -> Value {
    let names = [
        "title",
        "description",
        "version",
        "tags",
        "status",
        "priority",
        "due_date",
        "completed_at",
        "created_at",
        "updated_at",
        "owner_id",
        "assignee_id",
    ];
    names
        .iter()
        .map(|name| ((*name).to_owned(), task[*name].clone()))
        .collect()
}

/// Events of a task, without its id.
async fn events(app: &TestApp, task: i64) -> Vec<Event> {
    let mut events = app.events(task).await;
    for event in &mut events {
        assert_eq!(event.task.as_object_mut().unwrap().remove("id"), Some(json!(task)));
    }
    events
}

async fn mutate(person: &Person<'_>, (name, arguments): (&str, &str), task: i64) -> Answer {
    let id = global_id("Task", task);
    let document =
        format!("mutation {{ {name}(id: \"{id}\"{arguments}) {{ task {{ {TASK} }} userErrors {{ code message }} }} }}");
    person.graphql(&document, json!({})).await
}

/// Error code and message of a refusal; `None` on success.
fn graphql_refusal(answer: &Answer, field: &str) -> Option<(String, String)> {
    let error = if answer.body.get("errors").is_some() {
        return Some((answer.error_code().to_owned(), answer.error_message().to_owned()));
    } else {
        &answer.data()[field]["userErrors"][0]
    };
    Some((
        error["code"].as_str()?.to_owned(),
        error["message"].as_str()?.to_owned(),
    ))
}

fn rest_refusal(answer: &Answer) -> Option<(String, String)> {
    (!answer.status.is_success()).then(|| (answer.problem().1.to_owned(), answer.detail().to_owned()))
}

#[tokio::test]
async fn both_apis_have_the_same_results_refusals_and_events() {
    let app = TestApp::start().await;
    let (ann, bob, cat, dan) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let nobody = app.anonymous();
    for case in CASES {
        let name = format!("{:?} {:?} {:?}", case.who, case.graphql, case.rest);
        let task = json!({
            "title": "Report", "description": "Long", "priority": "HIGH", "dueDate": "2026-02-01T00:00:00Z",
            "assigneeId": bob.global_id(), "tags": ["a", "b"],
        });
        let (one, other) = (ann.creates_task(task.clone()).await, ann.creates_task(task).await);
        if let Some(before) = case.before {
            for id in [one, other] {
                assert_eq!(
                    graphql_refusal(&mutate(&ann, before, id).await, before.0),
                    None,
                    "{name}"
                );
            }
        }
        let person = match case.who {
            Owner => &ann,
            Assignee => &bob,
            Stranger => &cat,
            Admin => &dan,
            Nobody => &nobody,
        };
        let (mutation, arguments) = case.graphql;
        let by_graphql = mutate(person, (mutation, &arguments.replace("ANN", &ann.global_id())), one).await;
        let (method, path, body) = case.rest;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&body.replace("ANN", &ann.id.to_string())).unwrap()
        };
        let path = format!("/api/v1/tasks/{other}{path}");
        let by_rest = person.rest(method.parse::<Method>().unwrap(), &path, body).await;

        let refused = graphql_refusal(&by_graphql, mutation);
        // GraphQL errors have GraphQL field names and global ids.
        let unknown = format!(
            "assigneeId: there is no active user with the id {}",
            global_id("User", 999_999)
        );
        let ids_apart = |refusal: &Option<(String, String)>, id: i64| {
            let refusal = refusal.clone();
            let as_in_rest = |message: &str| {
                let message = message.replace(&unknown, "assignee_id: there is no active user 999999");
                message
                    .replace(&global_id("Task", id), "ID")
                    .replace(&id.to_string(), "ID")
            };
            refusal.map(|(code, message)| (code, as_in_rest(&message)))
        };
        assert_eq!(
            ids_apart(&refused, one),
            ids_apart(&rest_refusal(&by_rest), other),
            "{name}"
        );
        assert_eq!(
            refused.as_ref().map(|(code, _)| code.as_str()),
            case.code,
            "{name}: {}",
            by_graphql.text
        );
        if refused.is_none() && by_rest.status == 200 {
            let task = &by_graphql.data()[mutation]["task"];
            assert_eq!(to_rest_format(task), rest_fields(&by_rest.body), "{name}");
        }
        let (left, right) = (events(&app, one).await, events(&app, other).await);
        assert_eq!(left, right, "{name}");
        let again = [
            dan.rest(Method::GET, &format!("/tasks/{one}"), Value::Null).await,
            dan.rest(Method::GET, &format!("/tasks/{other}"), Value::Null).await,
        ];
        assert_eq!(again[0].status, again[1].status, "{name}");
        assert_eq!(rest_fields(&again[0].body), rest_fields(&again[1].body), "{name}");
    }
}

#[tokio::test]
async fn a_task_is_created_equally_by_both_apis() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    for (graphql, rest) in [
        (json!({ "title": "Report" }), json!({ "title": "Report" })),
        (
            json!({ "title": " Report ", "description": "Long", "status": "DONE", "priority": "LOW",
                "dueDate": "2026-02-01T00:00:00Z", "assigneeId": bob.global_id(), "tags": ["B", "a"] }),
            json!({ "title": " Report ", "description": "Long", "completed": true, "priority": "low",
                "due_date": "2026-02-01", "assignee_id": bob.id, "tags": ["B", "a"] }),
        ),
    ] {
        let document =
            format!("mutation($input: TaskCreateInput!) {{ taskCreate(input: $input) {{ task {{ {TASK} }} }} }}");
        let by_graphql = ann.graphql(&document, json!({ "input": graphql })).await;
        let by_rest = ann.rest(Method::POST, "/tasks", rest).await;
        let task = &by_graphql.data()["taskCreate"]["task"];
        assert_eq!(to_rest_format(task), rest_fields(&by_rest.body));
        let (one, other) = (
            task["databaseId"].as_i64().unwrap(),
            by_rest.at("/id").as_i64().unwrap(),
        );
        assert_eq!(events(&app, one).await, events(&app, other).await);
    }
}

#[tokio::test]
async fn a_task_reads_equally_and_a_foreign_one_is_not_found_in_both_apis() {
    let app = TestApp::start().await;
    let (ann, cat) = (app.member().await, app.member().await);
    let id = ann.creates_task(json!({ "title": "Report", "tags": ["a"] })).await;
    let query = format!("query($id: ID!) {{ task(id: $id) {{ {TASK} }} }}");
    let variables = json!({ "id": global_id("Task", id) });
    let path = format!("/api/v1/tasks/{id}");

    let by_graphql = ann.graphql(&query, variables.clone()).await;
    let by_rest = ann.rest(Method::GET, &path, Value::Null).await;
    assert_eq!(to_rest_format(&by_graphql.data()["task"]), rest_fields(&by_rest.body));

    assert_eq!(cat.graphql(&query, variables).await.data()["task"], Value::Null);
    assert_eq!(cat.rest(Method::GET, &path, Value::Null).await.problem().0, 404);
    // It has the same error as an unknown task.
    let foreign = cat.rest(Method::GET, &path, Value::Null).await;
    let unknown = cat.rest(Method::GET, "/api/v1/tasks/999999", Value::Null).await;
    assert_eq!(
        foreign.detail().replace(&id.to_string(), "ID"),
        unknown.detail().replace("999999", "ID")
    );
}

#[tokio::test]
async fn statistics_and_lists_are_the_same_in_both_apis() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, status, tag) in [("A", "DONE", "x"), ("B", "TODO", "x"), ("C", "TODO", "y")] {
        ann.creates_task(json!({ "title": title, "status": status, "tags": [tag], "dueDate": "2026-01-01T00:00:00Z" }))
            .await;
    }
    let answer = ann
        .graphql(
            "{ taskStatistics { total completed completionRate overdue tags { tag count } } tasks { nodes { databaseId } } }",
            json!({}),
        )
        .await;
    let by_graphql = &answer.data()["taskStatistics"];
    let by_rest = ann.rest(Method::GET, "/tasks/statistics", Value::Null).await.body;
    for (name, field) in [
        ("total", "total"),
        ("completed", "completed"),
        ("completion_rate", "completionRate"),
        ("overdue", "overdue"),
        ("tags", "tags"),
    ] {
        assert_eq!(by_rest[name], by_graphql[field], "{name}");
    }
    let list = ann.rest(Method::GET, "/tasks", Value::Null).await.body;
    let ids = |tasks: &Value, key: &str| -> Vec<Value> {
        tasks.as_array().unwrap().iter().map(|task| task[key].clone()).collect()
    };
    assert_eq!(
        ids(&list["items"], "id"),
        ids(&answer.data()["tasks"]["nodes"], "databaseId")
    );
}
