use axum::http::Method;
use serde_json::{Value, json};
use taskwire::domain::policy::{
    AssignTask, AttachFile, CreateTask, DetachFile, EditTask, Own, PurgeTask, RemindOfTask, RestoreTask, SeeTask,
    TASK_ACTIONS, TagTask, Tasks, TransferTask, TrashTask,
};

use super::{Id, NOT_FOUND, Noun, Pairs, Prepared, Rows, SIGNED_IN};
use crate::policy::{self, OTHER, OWNER};
use crate::support::person::Person;

/// The fields that both APIs have.
pub const COMMON: &str =
    "databaseId title description status priority dueDate completedAt version tags createdAt updatedAt
    owner { databaseId } assignee { databaseId }";

pub const NOUN: Noun = Noun {
    prepare,
    fields: &[
        ("task", "(id: TASK) { id }", NOT_FOUND),
        ("tasks", "{ nodes { id } }", SIGNED_IN),
        ("taskCreate", r#"(input: {title: "T"})"#, SIGNED_IN),
        ("taskUpdate", r#"(id: TASK, input: {title: "T"})"#, NOT_FOUND),
        ("taskAssign", "(id: TASK)", NOT_FOUND),
        ("taskTransition", "(id: TASK, status: DONE)", NOT_FOUND),
        ("taskDelete", "(id: TASK)", NOT_FOUND),
        ("taskRestore", "(id: TRASH)", NOT_FOUND),
        ("taskPurge", "(id: TASK)", NOT_FOUND),
        (
            "tasksBulkCreate",
            r#"(inputs: [{title: "T"}]) { results { userErrors { code } } }"#,
            SIGNED_IN,
        ),
        (
            "tasksBulkUpdate",
            r#"(ids: [TASK], input: {title: "T"}) { results { userErrors { code } } }"#,
            NOT_FOUND,
        ),
        (
            "tasksBulkTransition",
            "(ids: [TASK], status: DONE) { results { userErrors { code } } }",
            NOT_FOUND,
        ),
        (
            "tasksBulkDelete",
            "(ids: [TASK]) { results { userErrors { code } } }",
            NOT_FOUND,
        ),
    ],
    routes: &[
        ("GET /tasks", "", SIGNED_IN),
        ("POST /tasks", r#"{"title": "T"}"#, SIGNED_IN),
        (
            "PATCH /tasks/bulk",
            r#"{"task_ids": [TASK], "update": {"title": "T"}}"#,
            NOT_FOUND,
        ),
        (
            "POST /tasks/bulk-status",
            r#"{"task_ids": [TASK], "target_status": "done"}"#,
            NOT_FOUND,
        ),
        ("GET /tasks/TASK", "", NOT_FOUND),
        (
            "PUT /tasks/TASK",
            r#"{"title": "T", "description": null, "status": "todo", "priority": "low", "due_date": null, "assignee_id": null, "tags": []}"#,
            NOT_FOUND,
        ),
        ("PATCH /tasks/TASK", r#"{"title": "T"}"#, NOT_FOUND),
        ("DELETE /tasks/TASK", "", NOT_FOUND),
        ("POST /tasks/TASK/assign", r#"{"assignee_id": null}"#, NOT_FOUND),
        ("POST /tasks/TASK/transition", r#"{"target_status": "done"}"#, NOT_FOUND),
        ("DELETE /tasks/TASK/force", "", NOT_FOUND),
        ("POST /tasks/TRASH/restore", "", NOT_FOUND),
    ],
    pairs: Some(Pairs {
        id: "TASK",
        path: "/tasks/TASK",
        payload: "task",
        selection: COMMON,
        to_rest,
        rest_fields,
        messages: &[(
            "assigneeId: there is no active user with the id VXNlcjo5OTk5OTk",
            "assignee_id: there is no active user 999999",
        )],
        cases: pairs! {
            // Absent, null and a value are different.
            Owner: "taskUpdate(id: TASK, input: {})", "PATCH /tasks/TASK {}";
            Assignee: r#"taskUpdate(id: TASK, input: {title: "Other"})"#, r#"PATCH /tasks/TASK {"title": "Other"}"#;
            Owner: "taskUpdate(id: TASK, input: {description: null, dueDate: null, assigneeId: null, tags: null})",
                r#"PATCH /tasks/TASK {"description": null, "due_date": null, "assignee_id": null, "tags": null}"#;
            Admin: r#"taskUpdate(id: TASK, input: {title: " New ", description: "", status: DONE, priority: URGENT,
                   dueDate: "2026-05-06T07:08:09.123456Z", tags: ["B", "c"]})"#,
                r#"PATCH /tasks/TASK {"title": " New ", "description": "", "status": "done", "priority": "urgent",
                   "due_date": "2026-05-06T07:08:09.123456Z", "tags": ["B", "c"]}"#;
            Owner: "taskUpdate(id: TASK, input: {title: null})", r#"PATCH /tasks/TASK {"title": null}"# => "INVALID";
            Owner: r#"taskUpdate(id: TASK, input: {title: ""})"#, r#"PATCH /tasks/TASK {"title": ""}"# => "INVALID";
            Stranger: r#"taskUpdate(id: TASK, input: {title: "Other"})"#,
                r#"PATCH /tasks/TASK {"title": "Other"}"# => "NOT_FOUND";
            Anonymous: r#"taskUpdate(id: TASK, input: {title: "Other"})"#,
                r#"PATCH /tasks/TASK {"title": "Other"}"# => "UNAUTHENTICATED";
            Owner: r#"taskUpdate(id: TASK, input: {title: "Other"}, expectedVersion: 7)"#,
                r#"PATCH /tasks/TASK {"title": "Other", "expected_version": 7}"# => "CONFLICT";
            // PUT is an update with all fields.
            Owner: r#"taskUpdate(id: TASK, input: {title: "All new", description: null, status: TODO, priority: MEDIUM,
                   dueDate: null, assigneeId: null, tags: null})"#,
                r#"PUT /tasks/TASK {"title": "All new", "description": null, "status": "todo", "priority": "medium",
                   "due_date": null, "assignee_id": null, "tags": null}"#;
            // The workflow.
            Assignee: "taskTransition(id: TASK, status: IN_PROGRESS)",
                r#"POST /tasks/TASK/transition {"target_status": "in_progress"}"#;
            Owner: "taskTransition(id: TASK, status: TODO)",
                r#"POST /tasks/TASK/transition {"target_status": "todo"}"#;
            Owner: "taskTransition(id: TASK, status: IN_PROGRESS)",
                r#"POST /tasks/TASK/transition {"target_status": "in_progress"}"# => "INVALID_TRANSITION",
                after "taskTransition(id: TASK, status: DONE)";
            Owner: "taskUpdate(id: TASK, input: {status: DONE})",
                r#"PATCH /tasks/TASK {"completed": true}"# => "INVALID_TRANSITION",
                after "taskTransition(id: TASK, status: CANCELLED)";
            // Assignment.
            Owner: "taskAssign(id: TASK)", r#"POST /tasks/TASK/assign {"assignee_id": null}"#;
            Assignee: "taskAssign(id: TASK)", r#"POST /tasks/TASK/assign {"assignee_id": null}"#;
            Assignee: "taskAssign(id: TASK, assigneeId: USER)",
                r#"POST /tasks/TASK/assign {"assignee_id": USER}"# => "FORBIDDEN";
            Admin: "taskAssign(id: TASK, assigneeId: USER)", r#"POST /tasks/TASK/assign {"assignee_id": USER}"#;
            Owner: r#"taskAssign(id: TASK, assigneeId: "VXNlcjo5OTk5OTk")"#,
                r#"POST /tasks/TASK/assign {"assignee_id": 999999}"# => "INVALID";
            // Tags.
            Assignee: r#"taskAddTags(id: TASK, tags: ["New", "a"])"#,
                r#"POST /tasks/TASK/tags {"tags": ["New", "a"]}"#;
            Owner: r#"taskAddTags(id: TASK, tags: [""])"#, r#"POST /tasks/TASK/tags [""]"# => "INVALID";
            Owner: r#"taskRemoveTags(id: TASK, tags: ["A"])"#, "DELETE /tasks/TASK/tags/A";
            Stranger: r#"taskRemoveTags(id: TASK, tags: ["a"])"#, "DELETE /tasks/TASK/tags/a" => "NOT_FOUND";
            // Trash and permanent deletion.
            Assignee: "taskDelete(id: TASK)", "DELETE /tasks/TASK";
            Stranger: "taskDelete(id: TASK)", "DELETE /tasks/TASK" => "NOT_FOUND";
            Owner: "taskDelete(id: TASK)", "DELETE /tasks/TASK" => "NOT_FOUND", after "taskDelete(id: TASK)";
            Admin: "taskRestore(id: TASK)", "POST /tasks/TASK/restore", after "taskDelete(id: TASK)";
            Owner: "taskRestore(id: TASK)", "POST /tasks/TASK/restore" => "NOT_FOUND";
            Owner: "taskPurge(id: TASK)", "DELETE /tasks/TASK/force";
            Admin: "taskPurge(id: TASK)", "DELETE /tasks/TASK/force", after "taskDelete(id: TASK)";
            Anonymous: "taskPurge(id: TASK)", "DELETE /tasks/TASK/force" => "UNAUTHENTICATED";
        },
    }),
    actions: |matrix| {
        let task = policy::task();
        matrix.heading("TASKS");
        matrix.action("", CreateTask, &Own::of(OWNER));
        matrix.action("", SeeTask, &task);
        matrix.action("", EditTask, &task);
        matrix.action("", TagTask, &task);
        matrix.action("", AttachFile, &task);
        matrix.action("", DetachFile, &task);
        matrix.action("", AssignTask { to: Some(OTHER) }, &task);
        matrix.action("to nobody", AssignTask { to: None }, &task);
        matrix.action("", TrashTask, &task);
        matrix.action("", RestoreTask, &task);
        matrix.action("", PurgeTask, &task);
        matrix.action("", TransferTask, &task);
        matrix.action("", RemindOfTask, &task);
    },
    // The rule of `AssignTask` depends on its value, so it is not in the list.
    rules: &[TASK_ACTIONS, &["AssignTask"]],
    scopes: |matrix| matrix.visible::<Tasks>("Tasks"),
    rows: Some(Rows {
        name: "TASK",
        fields: "id databaseId title description status priority dueDate dueOn isOverdue completedAt version createdAt \
                 updatedAt deletedAt clientKey tags viewerCanUpdate viewerCanDelete viewerCanAssign viewerCanPurge \
                 allowedTransitions kind: __typename same: title owner { USER } assignee { USER } \
                 attachments { ATTACHMENT }",
        queries: &[
            (
                "tasks(first: 50) { nodes { TASK @ } }",
                "waits: history(first: 1) { nodes { cursor } }",
            ),
            (
                "tasks(first: 50) { edges { cursor node { TASK @ } } }",
                "waits: history(first: 1) { nodes { cursor } }",
            ),
        ],
    }),
    counts: &[
        "SELECT COUNT(*) FROM tasks",
        "SELECT COALESCE(SUM(version), 0) FROM tasks",
    ],
    statements: &[
        // The session, the page, its users, its files, the total.
        (
            "tasks(first: SIZE) { totalCount nodes { title tags attachments { filename } owner { username } \
             assignee { username } } }",
            5,
        ),
        // The session, the page, its events, their users, their numbers.
        (
            "tasks(first: SIZE) { nodes { history(last: 1) { totalCount nodes { type actor { username } \
             task { tags } } } } }",
            5,
        ),
    ],
};

fn prepare<'a>(owner: &'a Person<'a>, assignee: &'a Person<'a>) -> Prepared<'a> {
    Box::pin(async move {
        let input = json!({
            "title": "Report", "description": "Long", "priority": "HIGH", "dueDate": "2026-02-01T00:00:00Z",
            "assigneeId": assignee.global_id(), "tags": ["a", "b"],
        });
        let task = owner.creates_task(input).await;
        let trashed = owner.creates_task(json!({ "title": "Trashed" })).await;
        let delete = owner
            .rest(Method::DELETE, &format!("/tasks/{trashed}"), Value::Null)
            .await;
        assert_eq!(delete.status, 204, "{}", delete.text);
        vec![Id::new("TASK", "Task", task), Id::new("TRASH", "Task", trashed)]
    })
}

/// A GraphQL task in the format of REST, with the common fields only.
pub fn to_rest(task: &Value) -> Value {
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
pub fn rest_fields(task: &Value) -> Value {
    let names = "title description version tags status priority due_date completed_at created_at updated_at \
                 owner_id assignee_id";
    names
        .split(' ')
        .map(|name| (name.to_owned(), task[name].clone()))
        .collect()
}
