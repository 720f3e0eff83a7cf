//! Limits of filters, in both APIs.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const TASKS: &str = "query($filter: TaskFilter) { tasks(filter: $filter) { totalCount nodes { id } } }";
const COUNT: &str = "query($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }";
const OWNED: &str = "query($filter: TaskFilter) { viewer { ownedTasks(filter: $filter) { nodes { id } } } }";

fn words(count: usize) -> String {
    let words: Vec<String> = (0..count).map(|word| format!("w{word:02}")).collect();
    words.join(" ")
}

fn tags(count: usize) -> Vec<String> {
    (0..count).map(|tag| format!("tag{tag}")).collect()
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({ "isCompleted": true }), |filter, _| json!({ "not": filter }))
}

fn conditions(count: usize) -> Value {
    let conditions: Vec<Value> = (0..count)
        .map(|second| json!({ "dueDate": { "neq": format!("2026-01-01T00:00:{second:02}Z") } }))
        .collect();
    json!({ "or": conditions })
}

/// The answer, and the number of SQL statements for it.
async fn asked(app: &TestApp, ask: impl Future<Output = Answer>) -> (Answer, u64) {
    let before = app.app.domain().statements();
    let answer = ask.await;
    (answer, app.app.domain().statements() - before)
}

#[tokio::test]
async fn a_filter_at_its_limits_is_answered_and_one_above_is_refused_without_reading_the_list() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let owners = |count| json!({ "owner": { "in": vec![ann.global_id(); count] } });
    let (_, of_session) = asked(&app, ann.graphql("{ __typename }", json!({}))).await;
    for (allowed, refused, message) in [
        (
            conditions(50),
            conditions(51),
            "filter has 51 conditions; up to 50 are allowed",
        ),
        (
            nested(8),
            nested(9),
            "filter has 9 levels of and, or and not; up to 8 are allowed",
        ),
        (
            owners(100),
            owners(101),
            "filter.owner has 101 values; up to 100 are allowed",
        ),
        (
            json!({ "search": words(16) }),
            json!({ "search": words(17) }),
            "filter.search has 17 words; up to 16 are allowed",
        ),
        (
            json!({ "tag": { "all": tags(20) } }),
            json!({ "tag": { "all": tags(21) } }),
            "filter.tag.all has 21 tags; up to 20 are allowed",
        ),
        (
            json!({ "tag": { "any": tags(20) } }),
            json!({ "or": [{ "tag": { "any": tags(21) } }] }),
            "filter.tag.any has 21 tags; up to 20 are allowed",
        ),
    ] {
        for document in [TASKS, COUNT, OWNED] {
            let answer = ann.graphql(document, json!({ "filter": allowed })).await;
            answer.data();
            let (answer, statements) = asked(&app, ann.graphql(document, json!({ "filter": refused }))).await;
            assert_eq!(
                (answer.error_code(), answer.error_message()),
                ("LIMIT_EXCEEDED", message),
                "{}",
                answer.text
            );
            // `viewer` itself may need one.
            assert!(statements <= of_session + 1, "{statements} statements");
        }
    }
}

#[tokio::test]
async fn a_word_of_one_character_is_refused_in_both_apis() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let message = "search: the word 'x' has 1 character; words need at least 2";
    let answer = ann.graphql(TASKS, json!({ "filter": { "search": "fix x" } })).await;
    assert_eq!(
        (answer.error_code(), answer.error_message()),
        ("BAD_USER_INPUT", message)
    );
    let answer = list(&ann, "search=fix+x").await;
    assert_eq!(answer.problem(), (422, "INVALID", "search"));
    assert_eq!(answer.detail(), message);
}

#[tokio::test]
async fn rest_names_the_parameter_above_its_limit() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let words = |count| words(count).replace(' ', "+");
    let names = |count| tags(count).join(",");
    for (allowed, refused, field, message) in [
        (
            format!("search={}", words(16)),
            format!("search={}", words(17)),
            "search",
            "search has 17 words; up to 16 are allowed",
        ),
        (
            format!("tags={}", names(20)),
            format!("tags={}", names(21)),
            "tag",
            "tag has 21 tags; up to 20 are allowed",
        ),
        (
            format!("status={}", ["done"; 100].join(",")),
            format!("status={}", ["done"; 101].join(",")),
            "status",
            "status has 101 values; up to 100 are allowed",
        ),
    ] {
        assert_eq!(list(&ann, &allowed).await.status, 200, "{allowed}");
        let answer = list(&ann, &refused).await;
        assert_eq!(answer.problem(), (422, "LIMIT_EXCEEDED", field), "{}", answer.text);
        assert_eq!(answer.detail(), message);
    }
}

#[tokio::test]
async fn equal_words_and_tags_count_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "Fix it", "tags": ["red", "blue"] }))
        .await;
    let filter = json!({
        "search": "fix ".repeat(100),
        "tag": { "all": vec!["Red"; 100], "any": vec!["BLUE"; 100] },
    });
    let answer = ann.graphql(COUNT, json!({ "filter": filter })).await;
    assert_eq!(answer.data()["tasks"]["totalCount"], 1);
    let query = format!("search={}&tags={}", "fix+".repeat(100), vec!["red"; 100].join(","));
    assert_eq!(list(&ann, &query).await.at("/total"), 1);
}

async fn list(person: &Person<'_>, query: &str) -> Answer {
    person
        .rest(Method::GET, &format!("/api/v1/tasks?{query}"), Value::Null)
        .await
}
