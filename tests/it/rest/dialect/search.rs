//! Searches in the dialects. The older APIs search for a phrase.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_tasks, send_in, titles};
use crate::support::TestApp;

#[tokio::test]
async fn a_phrase_may_have_short_words_and_any_number_of_words() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let numbers: Vec<String> = (10..30).map(|number| format!("w{number}")).collect();
    let tasks = [
        json!({ "title": "Buy a car" }),
        json!({ "title": "Long", "description": numbers.join(" ") }),
    ];
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    let long = numbers.join("+");
    for (dialect, rows) in [
        ("due-dates", "/tasks"),
        ("tags-files", ""),
        ("tags-files-paged", "/tasks"),
        ("workflow", "/items"),
    ] {
        for (search, found) in [("buy+a+car", "Buy a car"), ("a+bus", ""), (long.as_str(), "Long")] {
            let path = format!("/tasks?search={search}");
            let list = send_in(dialect, &ann, Method::GET, &path, Value::Null, 200).await;
            assert_eq!(titles(list.at(rows)), found, "{dialect}: {search}");
        }
        let all = send_in(dialect, &ann, Method::GET, "/tasks?search=a", Value::Null, 200).await;
        assert_eq!(all.at(rows).as_array().unwrap().len(), tasks.len(), "{dialect}");
    }
}
