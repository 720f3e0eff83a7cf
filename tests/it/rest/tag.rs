//! Tags through REST.

use serde_json::json;

use super::{create_task, create_task_at, delete, expect_refusal, expect_status, get, post};
use crate::support::TestApp;

#[tokio::test]
async fn tags_are_added_from_an_object_or_a_bare_list() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "T", "tags": ["work"] })).await;
    let tags = format!("{path}/tags");
    for (body, expected, version) in [
        (
            json!({ "tags": ["Home", " garden "] }),
            json!(["garden", "home", "work"]),
            2,
        ),
        (json!(["Büro", "büro"]), json!(["büro", "garden", "home", "work"]), 3),
        // Existing tags, and an empty list, change nothing.
        (json!(["HOME"]), json!(["büro", "garden", "home", "work"]), 3),
        (json!([]), json!(["büro", "garden", "home", "work"]), 3),
    ] {
        let answer = expect_status(post(&ann, &tags, body).await, 200);
        assert_eq!(
            (answer.at("/tags"), answer.at("/version")),
            (&expected, &json!(version))
        );
        assert_eq!(get(&ann, &path).await.body, answer.body);
    }
}

#[tokio::test]
async fn a_tag_is_removed_by_its_name_in_any_spelling() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let tags = json!(["kept", "plain", "upper", "two words", "a/b", "büro", "100%", "c#", "?"]);
    let created = create_task(&ann, json!({ "title": "T", "tags": tags })).await;
    let path = format!("/api/v1/tasks/{}", created["id"]);
    let mut version = 1;
    for (written, name) in [
        ("plain", "plain"),
        ("UPPER", "upper"),
        ("two%20words", "two words"),
        ("a%2Fb", "a/b"),
        ("b%C3%BCro", "büro"),
        ("100%25", "100%"),
        ("c%23", "c#"),
        ("%3F", "?"),
    ] {
        let answer = delete(&ann, &format!("{path}/tags/{written}")).await;
        assert_eq!(expect_status(answer, 204).text, "");
        let task = get(&ann, &path).await.body;
        version += 1;
        assert_eq!(task["version"], version, "{name}");
        let left = task["tags"].as_array().unwrap();
        assert!(!left.contains(&json!(name)), "{name} is still in {left:?}");
    }
    assert_eq!(get(&ann, &path).await.at("/tags"), &json!(["kept"]));
    let before = app.footprint().await;
    let answer = delete(&ann, &format!("{path}/tags/plain")).await;
    expect_refusal(&answer, (404, "NOT_FOUND", ""), "There is no tag with the name plain");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn unacceptable_or_too_many_tags_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let tags: Vec<String> = (0..20).map(|n| format!("tag {n}")).collect();
    let path = create_task_at(&ann, json!({ "title": "T", "tags": tags })).await;
    let before = app.footprint().await;
    for (body, allowed) in [
        (
            json!({ "tags": ["one more"] }),
            "would have 21 tags; up to 20 are allowed",
        ),
        (json!([""]), "is 0 characters long; 1 to 50 are allowed"),
        (
            json!(["tag 1", "x".repeat(51)]),
            "is 51 characters long; 1 to 50 are allowed",
        ),
        (json!(["a\nb"]), "control characters"),
    ] {
        let answer = post(&ann, &format!("{path}/tags"), body).await;
        expect_refusal(&answer, (422, "INVALID", "tags"), allowed);
    }
    for written in ["%20", "%00", &"x".repeat(51)] {
        let answer = delete(&ann, &format!("{path}/tags/{written}")).await;
        expect_refusal(&answer, (422, "INVALID", "tags"), "tags");
    }
    assert_eq!(app.footprint().await, before);
    // Existing tags do not count twice for the limit.
    expect_status(post(&ann, &format!("{path}/tags"), json!(["tag 1"])).await, 200);
}
