//! Creating many tasks at once.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::person::Person;

const CREATE: &str = "mutation($inputs: [TaskCreateInput!]!, $policy: BulkErrorPolicy! = PARTIAL) {
    payload: tasksBulkCreate(inputs: $inputs, errorPolicy: $policy) {
      total successful failed
      results { cursor task { id databaseId title status tags assignee { databaseId } } userErrors { code field message } }
      userErrors { code field message } } }";

async fn create(person: &Person<'_>, inputs: Value, policy: &str) -> Value {
    let variables = json!({ "inputs": inputs, "policy": policy });
    person.graphql(CREATE, variables).await.data()["payload"].clone()
}

/// Title and first error code of each result.
fn results_of(payload: &Value) -> Vec<Value> {
    let results = payload["results"].as_array().unwrap().iter();
    results
        .map(|one| json!([one["task"]["title"], one["userErrors"][0]["code"]]))
        .collect()
}

#[tokio::test]
async fn valid_tasks_are_created_in_request_order_each_with_its_event() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let inputs = json!([
        { "title": "One", "tags": ["b", "a"], "status": "DONE" },
        { "title": "" },
        { "title": "Two", "assigneeId": bob.global_id() },
        { "title": "Three", "dueDate": "soon" },
        { "title": "Four", "assigneeId": "VXNlcjo5OTk5OTk" },
    ]);
    let payload = create(&ann, inputs, "PARTIAL").await;
    assert_eq!(
        (&payload["total"], &payload["successful"], &payload["failed"]),
        (&json!(5), &json!(2), &json!(3))
    );
    assert_eq!(
        results_of(&payload),
        [
            json!(["One", null]),
            json!([null, "INVALID"]),
            json!(["Two", null]),
            json!([null, "INVALID"]),
            json!([null, "INVALID"]),
        ]
    );
    let fields: Vec<&Value> = [1, 3, 4]
        .map(|place| &payload["results"][place]["userErrors"][0]["field"])
        .into();
    assert_eq!(
        fields,
        [
            &json!(["inputs", "1", "title"]),
            &json!(["inputs", "3", "dueDate"]),
            &json!(["inputs", "4", "assigneeId"]),
        ]
    );
    let task = &payload["results"][0]["task"];
    assert_eq!((&task["status"], &task["tags"]), (&json!("DONE"), &json!(["a", "b"])));
    assert_eq!(
        payload["results"][2]["task"]["assignee"],
        json!({ "databaseId": bob.id })
    );
    for place in [0, 2] {
        let task = payload["results"][place]["task"]["databaseId"].as_i64().unwrap();
        let kinds: Vec<String> = app.events(task).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["CREATED"]);
    }
    let notified = bob
        .graphql("{ notifications { nodes { taskTitle } } }", json!({}))
        .await;
    assert_eq!(
        notified.data()["notifications"]["nodes"],
        json!([{ "taskTitle": "Two" }])
    );
}

#[tokio::test]
async fn all_or_nothing_creates_nothing_when_one_fails() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let inputs = json!([{ "title": "One", "clientKey": "k" }, { "title": "" }]);
    let payload = create(&ann, inputs, "ALL_OR_NOTHING").await;
    assert_eq!((&payload["successful"], &payload["failed"]), (&json!(0), &json!(2)));
    assert_eq!(
        results_of(&payload),
        [json!([null, "ABORTED"]), json!([null, "INVALID"])]
    );
    assert_eq!(payload["results"][0]["cursor"], Value::Null);
    assert_eq!(app.footprint().await, before);
    // The key is still free.
    let payload = create(&ann, json!([{ "title": "One", "clientKey": "k" }]), "ALL_OR_NOTHING").await;
    assert!(payload["results"][0]["cursor"].is_string(), "{payload}");
}

#[tokio::test]
async fn a_repeated_request_finds_the_tasks_by_their_keys() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let inputs = |keys: &[&str]| {
        let inputs = keys.iter().map(|key| json!({ "title": key, "clientKey": key }));
        Value::from(inputs.collect::<Vec<_>>())
    };
    let first = create(&ann, inputs(&["a", "b", "a"]), "PARTIAL").await;
    let ids = |payload: &Value| -> Vec<Value> {
        let results = payload["results"].as_array().unwrap().iter();
        results.map(|one| one["task"]["id"].clone()).collect()
    };
    let [a, b, again] = &ids(&first)[..] else {
        panic!("three results: {first}")
    };
    assert!(a == again && a != b);
    assert_eq!(first["results"][2]["cursor"], Value::Null);
    let second = create(&ann, inputs(&["b", "c", "a"]), "PARTIAL").await;
    assert_eq!((&ids(&second)[0], &ids(&second)[2]), (b, a));
    let has_cursor: Vec<bool> = second["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["cursor"].is_string())
        .collect();
    assert_eq!(has_cursor, [false, true, false]);
    // Requests with the same keys in opposite orders wait for each other.
    let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
    let forwards: Vec<&str> = keys.iter().map(String::as_str).collect();
    let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
    let (one, two) = tokio::join!(
        create(&ann, inputs(&forwards), "ALL_OR_NOTHING"),
        create(&ann, inputs(&backwards), "ALL_OR_NOTHING"),
    );
    let mut reversed = ids(&two);
    reversed.reverse();
    assert_eq!((ids(&one), &two["failed"]), (reversed, &json!(0)));
}

#[tokio::test]
async fn an_error_of_the_whole_request_creates_nothing() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let many: Vec<Value> = (0..101).map(|_| json!({ "title": "T" })).collect();
    let payload = create(&ann, many.into(), "PARTIAL").await;
    assert_eq!(
        payload,
        json!({
            "total": 101, "successful": 0, "failed": 101, "results": [],
            "userErrors": [{ "code": "INVALID", "field": ["inputs"],
                "message": "inputs: 101 tasks were given; up to 100 are allowed" }],
        })
    );
    let answer = ann
        .graphql(
            CREATE,
            json!({ "inputs": [{ "title": "T" }, { "title": "U", "assigneeId": "7" }] }),
        )
        .await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(
        answer.error_message().starts_with("inputs.1.assigneeId: '7'"),
        "{}",
        answer.text
    );
    assert_eq!(app.footprint().await, before);
    let payload = create(&ann, json!([]), "PARTIAL").await;
    assert_eq!((&payload["total"], &payload["userErrors"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn requests_with_the_same_new_tags_in_opposite_orders_wait_for_each_other() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let mut inputs: Vec<Value> = (0..40)
        .map(|number| json!({ "title": "T", "tags": [format!("tag-{number:02}")] }))
        .collect();
    let forwards = Value::from(inputs.clone());
    inputs.reverse();
    let (one, two) = tokio::join!(
        create(&ann, forwards, "ALL_OR_NOTHING"),
        create(&bob, inputs.into(), "ALL_OR_NOTHING"),
    );
    for payload in [&one, &two] {
        assert_eq!((&payload["successful"], &payload["failed"]), (&json!(40), &json!(0)));
    }
    assert_eq!(one["results"][0]["task"]["tags"], two["results"][39]["task"]["tags"]);
}

#[tokio::test]
async fn a_task_that_is_also_sent_alone_is_created_once_with_its_new_tag() {
    const ALONE: &str =
        "mutation($input: TaskCreateInput!) { taskCreate(input: $input) { task { id } userErrors { message } } }";

    if !is_postgres() {
        // SQLite has one writer at a time.
        return;
    }
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let connection = app.database.connect().await;
    let lock = connection.begin().await.unwrap();
    let lock_bob = format!("SELECT id FROM users WHERE id = {} FOR UPDATE", bob.id);
    lock.execute_unprepared(&lock_bob).await.unwrap();
    let mut input = json!({ "title": "T", "clientKey": "k", "tags": ["new"] });
    let alone = json!({ "input": input });
    input["assigneeId"] = bob.global_id().into();
    // Each request waits after its first step.
    let all = create(&ann, json!([input]), "ALL_OR_NOTHING");
    let one = async {
        app.database.until_waiting(1).await;
        ann.graphql(ALONE, alone).await
    };
    let release = async {
        app.database.until_waiting(2).await;
        lock.rollback().await.unwrap();
    };
    let (all, one, ()) = tokio::join!(all, one, release);
    assert_eq!(all["successful"], 1, "{all}");
    assert_eq!(one.data()["taskCreate"]["task"]["id"], all["results"][0]["task"]["id"]);
}
