//! `Idempotency-Key`: a repeated mutation is executed once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use super::{SPECIFIED, post, refused, send};
use crate::support::answer::Answer;
use crate::support::database::is_postgres;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const CREATE: &str = "mutation($title: String!) { taskCreate(input: {title: $title}) { task { id title version } userErrors { code } } }";

async fn with_key(person: &Person<'_>, key: &str, body: &Value) -> Answer {
    let request = post(person).header("accept", SPECIFIED).header("idempotency-key", key);
    send(person, request, body.to_string()).await
}

fn create(title: &str) -> Value {
    json!({ "query": CREATE, "variables": { "title": title } })
}

async fn tasks(app: &TestApp) -> i64 {
    app.database.number("SELECT COUNT(*) AS number FROM tasks").await
}

#[tokio::test]
async fn a_repeated_mutation_gets_the_first_response_and_is_not_executed_again() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let first = with_key(&ann, "k-1", &create("Once")).await;
    assert_eq!(first.data()["taskCreate"]["task"]["title"], "Once");
    assert_eq!(first.header("idempotency-replayed"), "");
    app.advance(TimeDelta::minutes(20));
    let second = with_key(&ann, "k-1", &create("Once")).await;
    assert_eq!(
        (second.status.as_u16(), second.header("idempotency-replayed")),
        (200, "true")
    );
    assert_eq!(second.body, first.body);
    assert_eq!(tasks(&app).await, 1);

    // Another key is another request, and so is the same key of another user.
    for (person, key) in [(&ann, "k-2"), (&bob, "k-1")] {
        let answer = with_key(person, key, &create("Once")).await;
        assert_eq!(answer.header("idempotency-replayed"), "");
    }
    assert_eq!(tasks(&app).await, 3);
}

#[tokio::test]
async fn a_key_expires_after_a_day() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "4000")]).await;
    let ann = app.member().await;
    with_key(&ann, "k", &create("T")).await.data();
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(
        with_key(&ann, "k", &create("T")).await.header("idempotency-replayed"),
        "true"
    );
    app.advance(TimeDelta::seconds(1));
    assert_eq!(
        with_key(&ann, "k", &create("T")).await.header("idempotency-replayed"),
        ""
    );
    assert_eq!(tasks(&app).await, 2);
}

#[tokio::test]
async fn a_key_of_another_request_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    with_key(&ann, "k", &create("One")).await.data();
    let before = app.footprint().await;
    let answer = with_key(&ann, "k", &create("Two")).await;
    refused(&answer, 400, "BAD_USER_INPUT");
    assert!(
        answer.error_message().contains("came with another request before"),
        "{}",
        answer.text
    );
    for key in ["", " ", "a b", &"x".repeat(256)] {
        let answer = with_key(&ann, key, &create("Two")).await;
        refused(&answer, 400, "BAD_USER_INPUT");
        assert!(
            answer.error_message().contains("1 to 255 visible ASCII"),
            "{}",
            answer.text
        );
    }
    let answer = with_key(&ann, "other", &json!([create("Two")])).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn of_concurrent_requests_one_is_executed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answers = join_all((0..8).map(|_| async { with_key(&ann, "k", &create("Once")).await })).await;
    assert_eq!(tasks(&app).await, 1);
    let mut done = 0;
    for answer in &answers {
        if answer.status == 200 {
            done += usize::from(answer.header("idempotency-replayed").is_empty());
        } else {
            refused(answer, 503, "UNAVAILABLE");
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert_eq!(done, 1, "{answers:?}");
}

#[tokio::test]
async fn a_retry_that_another_one_overtakes_has_to_wait() {
    if !is_postgres() {
        // SQLite has one writer at a time, so this cannot happen.
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    with_key(&ann, "k", &create("T")).await.data();
    // As if the first attempt had ended without a write.
    let unused = "UPDATE idempotency_keys SET response = NULL, is_written = FALSE, leased_until = NULL";
    app.database.execute(unused).await;
    let connection = app.database.connect().await;
    let other = connection.begin().await.unwrap();
    let lock = "SELECT id FROM idempotency_keys FOR UPDATE";
    other.execute_unprepared(lock).await.unwrap();
    let overtaking = async {
        // The retry has read the row, and tries to take it over.
        app.database.until_waiting(1).await;
        let taken = "UPDATE idempotency_keys SET owner = 'another', leased_until = '2099-01-01T00:00:00Z'";
        other.execute_unprepared(taken).await.unwrap();
        other.commit().await.unwrap();
    };
    let create = create("T");
    let (answer, ()) = tokio::join!(with_key(&ann, "k", &create), overtaking);
    refused(&answer, 503, "UNAVAILABLE");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_mutation_without_effect_may_be_sent_again() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    // The id is malformed: an error, and no data.
    let bad = json!({ "query": "mutation { taskDelete(id: \"nonsense\") { task { id } } }" });
    for _ in 0..2 {
        let answer = with_key(&ann, "k", &bad).await;
        assert_eq!(
            (answer.error_code(), answer.header("idempotency-replayed")),
            ("BAD_USER_INPUT", "")
        );
    }
    // A user error is a response, and is replayed.
    let empty = create("");
    for replayed in ["", "true"] {
        let answer = with_key(&ann, "k2", &empty).await;
        assert_eq!(answer.data()["taskCreate"]["userErrors"][0]["code"], "INVALID");
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
}

#[tokio::test]
async fn an_operation_that_fails_after_its_first_mutation_is_not_executed_twice() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "mutation { a: taskCreate(input: {title: \"Once\"}) { task { id } } b: taskDelete(id: \"nonsense\") { task { id } } }";
    let body = json!({ "query": query });
    assert_eq!(with_key(&ann, "k", &body).await.error_code(), "BAD_USER_INPUT");
    assert_eq!(tasks(&app).await, 1, "the first mutation is done");
    for _ in 0..2 {
        refused(&with_key(&ann, "k", &body).await, 409, "IDEMPOTENT_RESPONSE_LOST");
    }
    assert_eq!(tasks(&app).await, 1);
}

#[tokio::test]
async fn an_interrupted_write_is_not_executed_twice() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    with_key(&ann, "k", &create("T")).await.data();
    // As if the server had crashed before it stored the response.
    app.database
        .execute("UPDATE idempotency_keys SET response = NULL")
        .await;
    refused(&with_key(&ann, "k", &create("T")).await, 503, "UNAVAILABLE");
    app.advance(TimeDelta::minutes(1));
    let answer = with_key(&ann, "k", &create("T")).await;
    refused(&answer, 409, "IDEMPOTENT_RESPONSE_LOST");
    let message = answer.error_message();
    assert!(
        message.contains("was done, and its response was lost: read task "),
        "{message}"
    );
    let id = answer.at("/errors/0/extensions/taskId").as_str().unwrap();
    let read = format!("{{ task(id: \"{id}\") {{ title }} }}");
    assert_eq!(ann.graphql(&read, json!({})).await.data()["task"]["title"], "T");
    assert_eq!(tasks(&app).await, 1);
}

#[tokio::test]
async fn a_response_that_is_too_large_to_be_stored_is_not_repeated_and_names_its_task() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let aliases: Vec<String> = (0..20).map(|number| format!("d{number}: description")).collect();
    let aliases = aliases.join(" ");
    let document = format!(
        "mutation($text: String!) {{ taskCreate(input: {{ title: \"T\", description: $text }}) {{ task {{ id {aliases} }} }} }}"
    );
    let create = json!({ "query": document, "variables": { "text": "x".repeat(4_000) } });
    let created = with_key(&ann, "k", &create).await;
    for _ in 0..2 {
        let answer = with_key(&ann, "k", &create).await;
        refused(&answer, 409, "IDEMPOTENT_RESPONSE_TOO_LARGE");
        let id = answer.at("/errors/0/extensions/taskId");
        assert_eq!(id, &created.data()["taskCreate"]["task"]["id"]);
    }
    assert_eq!(tasks(&app).await, 1);
}

/// A password change ends all sessions and returns new tokens, which must not be stored for replay.
#[tokio::test]
async fn a_response_with_tokens_is_never_stored() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let document = format!(
        "mutation {{ passwordChange(currentPassword: \"{PASSWORD}\", newPassword: \"Another-1843\") \
         {{ accessToken tokens: refreshToken userErrors {{ message }} }} }}"
    );
    let change = json!({ "query": document });
    let answer = with_key(&ann, "k", &change).await;
    let token = answer.data()["passwordChange"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let stored = "SELECT COUNT(*) AS number FROM idempotency_keys WHERE response IS NOT NULL";
    assert_eq!(app.database.number(stored).await, 0);
    let again = ann.with_token(&app, &token);
    refused(&with_key(&again, "k", &change).await, 409, "IDEMPOTENT_RESPONSE_SECRET");
}

/// Its response can have tokens, so it is not stored. But nothing was written either.
#[tokio::test]
async fn a_password_change_with_a_wrong_password_may_be_sent_again() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let document = "mutation { passwordChange(currentPassword: \"Wrong-1234\", newPassword: \"Another-1843\") \
         { accessToken userErrors { code field message } } }";
    for _ in 0..2 {
        let answer = with_key(&ann, "k", &json!({ "query": document })).await;
        assert_eq!(answer.user_error("passwordChange").0, "INVALID_CREDENTIALS");
        assert_eq!(answer.header("idempotency-replayed"), "");
    }
    let stored = "SELECT COUNT(*) AS number FROM idempotency_keys";
    assert_eq!(app.database.number(stored).await, 0);
}

/// A new field with a secret must be listed, or its responses are stored.
#[tokio::test]
async fn every_token_of_the_schema_is_known_to_be_secret() {
    let schema = std::fs::read_to_string("schema.graphql").unwrap();
    let fields: Vec<&str> = schema
        .lines()
        .map(str::trim)
        .filter(|line| line.ends_with("Token: String"))
        .collect();
    assert_eq!(fields, ["accessToken: String", "refreshToken: String"]);
}

#[tokio::test]
async fn queries_and_signing_in_ignore_a_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let login = format!(
        "mutation {{ login(input: {{username: \"{}\", password: \"{PASSWORD}\"}}) {{ refreshToken }} }}",
        ann.name
    );
    for document in ["{ viewer { id } }", &login] {
        for _ in 0..2 {
            let answer = with_key(&ann, "k", &json!({ "query": document })).await;
            answer.data();
            assert_eq!(answer.header("idempotency-replayed"), "");
        }
    }
    let stored = "SELECT COUNT(*) AS number FROM idempotency_keys";
    assert_eq!(app.database.number(stored).await, 0, "no token is stored");
}
