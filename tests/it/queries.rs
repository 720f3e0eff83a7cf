//! How many statements a request costs.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_page_of_50_tasks_with_owner_and_assignee_takes_at_most_3_statements() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let others = [app.member().await, app.member().await, app.member().await];
    for number in 0..60 {
        let assignee = &others[number % others.len()];
        ann.creates_task(json!({ "title": format!("Task {number}"), "assigneeId": assignee.global_id() }))
            .await;
    }
    let before = app.app.domain().statements();
    let answer = ann
        .graphql("{ tasks(first: 50) { nodes { title owner { username } assignee { username } } pageInfo { hasNextPage } } }", json!({}))
        .await;
    let statements = app.app.domain().statements() - before;
    let nodes = answer.data()["tasks"]["nodes"].as_array().unwrap().clone();
    assert_eq!(nodes.len(), 50);
    assert!(
        nodes
            .iter()
            .all(|task| task["owner"]["username"].is_string() && task["assignee"]["username"].is_string())
    );
    assert_eq!(statements, 3, "who asks, the page, its people");
}
