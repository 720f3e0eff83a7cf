//! Paging through any list, in any order, forwards and backwards, yields each row once.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::Person;

/// A task with few different values, so that keys are often equal.
#[derive(Clone, Debug)]
struct Row {
    title: u8,
    priority: usize,
    status: usize,
    due: Option<u8>,
}

const PRIORITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "URGENT"];
const STATUSES: [&str; 4] = ["TODO", "IN_PROGRESS", "DONE", "CANCELLED"];
const FIELDS: [&str; 7] = [
    "CREATED_AT",
    "UPDATED_AT",
    "DUE_DATE",
    "PRIORITY",
    "STATUS",
    "TITLE",
    "ID",
];

fn row() -> impl Strategy<Value = Row> {
    (0..3_u8, 0..4_usize, 0..4_usize, prop::option::of(0..3_u8)).prop_map(|(title, priority, status, due)| Row {
        title,
        priority,
        status,
        due,
    })
}

fn order() -> impl Strategy<Value = Value> {
    prop::collection::vec((0..FIELDS.len(), any::<bool>()), 0..4).prop_map(|steps| {
        let step = |(field, up): (usize, bool)| json!({ "field": FIELDS[field], "direction": if up { "ASC" } else { "DESC" } });
        steps.into_iter().map(step).collect()
    })
}

const PAGE: &str = "query($first: Int, $after: String, $last: Int, $before: String, $order: [TaskOrder!]) {
    tasks(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
      ...page
    }
    viewer { ownedTasks(first: $first, after: $after, last: $last, before: $before, orderBy: $order) { ...page } }
  }
  fragment page on TaskConnection {
    totalCount nodes { databaseId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }";

fn ids(page: &Value) -> Vec<i64> {
    page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["databaseId"].as_i64().unwrap())
        .collect()
}

/// All ids, page by page; checks what `pageInfo` says on the way.
async fn walk(person: &Person<'_>, order: &Value, size: i64, forwards: bool) -> Vec<i64> {
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let (count, from) = if forwards {
            ("first", "after")
        } else {
            ("last", "before")
        };
        let answer = person
            .graphql(PAGE, json!({ count: size, from: cursor, "order": order }))
            .await;
        let page = &answer.data()["tasks"];
        // A list inside of another is cut and sorted in another way, to the same pages.
        assert_eq!(answer.at("/data/viewer/ownedTasks"), page);
        let info = &page["pageInfo"];
        let (ahead, behind, next) = if forwards {
            ("hasNextPage", "hasPreviousPage", "endCursor")
        } else {
            ("hasPreviousPage", "hasNextPage", "startCursor")
        };
        assert_eq!(
            info[behind],
            json!(!found.is_empty()),
            "{behind} on a page of {}",
            answer.text
        );
        let page_ids = ids(page);
        if forwards {
            found.extend(page_ids);
        } else {
            found.splice(0..0, page_ids);
        }
        if info[ahead] == json!(false) {
            return found;
        }
        assert!(found.len() <= 1_000, "paging does not end");
        cursor = info[next].clone();
    }
}

#[test]
fn every_order_yields_each_task_once_forwards_and_backwards() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let orders = prop::collection::vec(order(), 4);
    runner
        .run(
            &(prop::collection::vec(row(), 0..14), orders, 1..6_i64),
            |(rows, orders, size)| {
                runtime.block_on(pages_agree(&rows, &orders, size));
                Ok(())
            },
        )
        .unwrap();
}

async fn pages_agree(rows: &[Row], orders: &[Value], size: i64) {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut made = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if number % 2 == 0 {
            app.advance(chrono::TimeDelta::milliseconds(1));
        }
        let due = row.due.map(|day| format!("2026-02-0{}T00:00:00Z", day + 1));
        let title = ["Alpha", "alpha", "Ömega"][usize::from(row.title)];
        let input = json!({ "title": title, "priority": PRIORITIES[row.priority], "status": STATUSES[row.status], "dueDate": due });
        made.push(ann.creates_task(input).await);
    }
    for order in orders {
        let whole = ann.graphql(PAGE, json!({ "first": 100, "order": order })).await;
        let whole = ids(&whole.data()["tasks"]);
        let mut sorted = whole.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, made, "the whole list in the order {order}");
        assert_eq!(
            walk(&ann, order, size, true).await,
            whole,
            "forwards by {size} in the order {order}"
        );
        assert_eq!(
            walk(&ann, order, size, false).await,
            whole,
            "backwards by {size} in the order {order}"
        );
    }
}

#[tokio::test]
async fn tasks_are_sorted_by_value_and_those_without_one_come_last() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, priority, due) in [
        ("beta", "URGENT", Some("2026-03-01T00:00:00Z")),
        ("Alpha", "LOW", None),
        ("gamma", "HIGH", Some("2026-02-01T00:00:00Z")),
    ] {
        ann.creates_task(json!({ "title": title, "priority": priority, "dueDate": due }))
            .await;
    }
    for (field, direction, expected) in [
        ("TITLE", "ASC", ["Alpha", "beta", "gamma"]),
        ("PRIORITY", "DESC", ["beta", "gamma", "Alpha"]),
        ("DUE_DATE", "ASC", ["gamma", "beta", "Alpha"]),
        ("DUE_DATE", "DESC", ["Alpha", "beta", "gamma"]),
        ("ID", "DESC", ["gamma", "Alpha", "beta"]),
    ] {
        let answer = ann
            .graphql(
                "query($order: [TaskOrder!]) { tasks(orderBy: $order) { nodes { title } } }",
                json!({ "order": [{ "field": field, "direction": direction }] }),
            )
            .await;
        let titles: Vec<&str> = answer.data()["tasks"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles, expected, "{field} {direction}");
    }
}
