//! Paging through any list, in any order, forwards and backwards, yields each row once.

use axum::http::Method;
use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::Person;

/// A task with few distinct values, so that sort keys are often equal.
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

/// All ids, page by page. Checks `pageInfo` of each page.
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
        // Nested lists use another query, which must return the same pages.
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
    let mut created = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if number % 2 == 0 {
            app.advance(TimeDelta::milliseconds(1));
        }
        let due = row.due.map(|day| format!("2026-02-0{}T00:00:00Z", day + 1));
        let title = ["Alpha", "alpha", "Ömega"][usize::from(row.title)];
        let input = json!({ "title": title, "priority": PRIORITIES[row.priority], "status": STATUSES[row.status], "dueDate": due });
        created.push(ann.creates_task(input).await);
    }
    for order in orders {
        let whole = ann.graphql(PAGE, json!({ "first": 100, "order": order })).await;
        let whole = ids(&whole.data()["tasks"]);
        let mut sorted = whole.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, created, "the whole list in the order {order}");
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

#[tokio::test]
async fn tasks_of_one_priority_or_status_are_sorted_by_creation() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    for title in ["later", "earlier"] {
        boss.creates_task(json!({ "title": title })).await;
        app.advance(TimeDelta::hours(-1));
    }
    for field in ["PRIORITY", "STATUS"] {
        for (direction, expected) in [("ASC", ["earlier", "later"]), ("DESC", ["later", "earlier"])] {
            let list = format!(
                "query($after: String) {{ tasks(first: 1, after: $after, orderBy: [{{field: {field}, direction: {direction}}}]) \
                 {{ nodes {{ title }} pageInfo {{ endCursor }} }} }}"
            );
            let first = boss.graphql(&list, json!({})).await;
            let page = &first.data()["tasks"];
            assert_eq!(page["nodes"][0]["title"], expected[0], "{field} {direction}");
            let second = boss
                .graphql(&list, json!({ "after": page["pageInfo"]["endCursor"] }))
                .await;
            assert_eq!(
                second.data()["tasks"]["nodes"][0]["title"],
                expected[1],
                "{field} {direction}"
            );
        }
    }
}

/// Searches take the two small forms of the Greek sigma for one letter; sorting does not.
#[tokio::test]
async fn a_title_of_which_only_the_form_of_a_sigma_changes_is_listed_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let greek = ann.creates_task(json!({ "title": "οδος" })).await;
    let latin = ann.creates_task(json!({ "title": "alpha" })).await;
    let path = format!("/api/v1/tasks/{greek}");
    let changed = ann.rest(Method::PATCH, &path, json!({ "title": "οδοσ" })).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let order = json!([{ "field": "TITLE", "direction": "DESC" }]);
    assert_eq!(walk(&ann, &order, 1, true).await, [greek, latin]);
}

/// A task owned by one of two people, and assigned to one of them or nobody.
#[derive(Clone, Debug)]
struct Shared {
    row: Row,
    owner: usize,
    assignee: Option<usize>,
    is_deleted: bool,
}

/// Arguments of a list: order, filter, size and direction, and the rows of its cursors.
#[derive(Clone, Debug)]
struct Ask {
    order: Value,
    filter: usize,
    size: i64,
    is_forward: bool,
    after: Option<usize>,
    before: Option<usize>,
}

fn shared() -> impl Strategy<Value = Shared> {
    (
        row(),
        0..2_usize,
        prop::option::of(0..2_usize),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(row, owner, assignee, is_deleted)| Shared {
            row,
            owner,
            assignee,
            is_deleted,
        })
}

fn ask() -> impl Strategy<Value = Ask> {
    let place = || prop::option::of(0..12_usize);
    (order(), 0..FILTERS, 0..8_i64, any::<bool>(), place(), place()).prop_map(
        |(order, filter, size, is_forward, after, before)| Ask {
            order,
            filter,
            size,
            is_forward,
            after,
            before,
        },
    )
}

const FILTERS: usize = 6;

fn filter(number: usize, also: Option<Value>) -> Value {
    let mut filter = [
        json!({}),
        json!({ "status": { "in": ["TODO", "DONE"] } }),
        json!({ "search": "alpha" }),
        json!({ "not": { "priority": { "gt": "LOW" } } }),
        json!({ "assignee": { "isNull": true } }),
        json!({ "dueDate": { "gte": "2026-02-02T00:00:00Z" } }),
    ][number]
        .clone();
    if number % 2 == 1 {
        filter["includeDeleted"] = true.into();
    }
    if let Some(also) = also {
        filter["and"] = json!([also]);
    }
    filter
}

const LIST: &str =
    "query($first: Int, $after: String, $last: Int, $before: String, $order: [TaskOrder!], $filter: TaskFilter) {
    tasks(first: $first, after: $after, last: $last, before: $before, orderBy: $order, filter: $filter) {
      totalCount edges { cursor node { databaseId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }";

/// Members' lists merge owned and assigned tasks from two queries; administrators read all tasks with one.
#[test]
fn a_members_list_is_all_tasks_they_own_or_are_assigned_to() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 10,
        failure_persistence: None,
        ..Config::default()
    });
    let strategy = (prop::collection::vec(shared(), 0..16), prop::collection::vec(ask(), 24));
    runner
        .run(&strategy, |(tasks, asked)| {
            runtime.block_on(lists_agree(&tasks, &asked));
            Ok(())
        })
        .unwrap();
}

async fn lists_agree(tasks: &[Shared], asked: &[Ask]) {
    let app = TestApp::start().await;
    let people = [app.member().await, app.member().await];
    let boss = app.admin().await;
    for task in tasks {
        app.advance(TimeDelta::milliseconds(1));
        let owner = &people[task.owner];
        let input = json!({
            "title": (["Alpha", "alpha", "Ömega"][usize::from(task.row.title)]),
            "priority": PRIORITIES[task.row.priority],
            "status": STATUSES[task.row.status],
            "dueDate": task.row.due.map(|day| format!("2026-02-0{}T00:00:00Z", day + 1)),
            "assigneeId": task.assignee.map(|assignee| people[assignee].global_id()),
        });
        let id = owner.creates_task(input).await;
        if task.is_deleted {
            owner.changes_task("taskDelete", id, "").await;
        }
    }
    for (ask, person) in asked.iter().zip(people.iter().cycle()) {
        let me = json!({ "eq": person.global_id() });
        let own = json!({ "or": [{ "owner": me }, { "assignee": me }] });
        let mut variables =
            json!({ "first": 100, "order": ask.order, "filter": filter(ask.filter, Some(own.clone())) });
        let whole = boss.graphql(LIST, variables.clone()).await;
        let cursor = |place: Option<usize>| {
            place
                .and_then(|place| whole.data()["tasks"]["edges"].get(place))
                .map(|edge| edge["cursor"].clone())
        };
        let (size, other) = if ask.is_forward {
            ("first", "last")
        } else {
            ("last", "first")
        };
        variables[size] = ask.size.into();
        variables[other] = Value::Null;
        variables["after"] = json!(cursor(ask.after));
        variables["before"] = json!(cursor(ask.before));
        let expected = boss.graphql(LIST, variables.clone()).await;
        variables["filter"] = filter(ask.filter, None);
        let found = person.graphql(LIST, variables).await;
        assert_eq!(found.data(), expected.data(), "{ask:?}");
    }
}
