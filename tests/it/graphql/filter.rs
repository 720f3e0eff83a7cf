//! Task filters. Both databases return the same rows.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::Person;

const LIST: &str =
    "query($filter: TaskFilter) { tasks(filter: $filter, orderBy: [{field: TITLE}]) { totalCount nodes { title } } }";

/// Titles of matching tasks, joined by commas. Checks that the count agrees.
async fn titles(person: &Person<'_>, filter: &Value) -> String {
    let answer = person.graphql(LIST, json!({ "filter": filter })).await;
    let page = &answer.data()["tasks"];
    let nodes = page["nodes"].as_array().unwrap();
    assert_eq!(page["totalCount"], json!(nodes.len()), "the count of {filter}");
    let titles: Vec<&str> = nodes.iter().map(|task| task["title"].as_str().unwrap()).collect();
    titles.join(",")
}

/// Five tasks that Ann sees, `a` to `e`, a minute apart from 12:00. Bob owns `e`; Ann is its assignee.
async fn five_tasks(app: &TestApp, ann: &Person<'_>, bob: &Person<'_>) {
    for (person, task) in [
        (
            ann,
            json!({ "title": "a", "status": "TODO", "priority": "LOW", "dueDate": "2026-01-10T00:00:00Z", "tags": ["red"] }),
        ),
        (
            ann,
            json!({ "title": "b", "status": "IN_PROGRESS", "priority": "HIGH", "dueDate": "2026-02-01T00:00:00Z",
                "tags": ["red", "blue"], "assigneeId": bob.global_id() }),
        ),
        (
            ann,
            json!({ "title": "c", "status": "DONE", "priority": "URGENT", "assigneeId": ann.global_id() }),
        ),
        (
            ann,
            json!({ "title": "d", "status": "CANCELLED", "dueDate": "2026-01-10T00:00:00Z", "tags": ["blue"] }),
        ),
        (bob, json!({ "title": "e", "assigneeId": ann.global_id() })),
    ] {
        person.creates_task(task).await;
        app.advance(TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn a_participant_finds_the_same_tasks_by_any_filter_on_users() {
    let app = TestApp::start().await;
    let (ann, bob, eve) = (app.member().await, app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    bob.creates_task(json!({ "title": "f", "assigneeId": eve.global_id() }))
        .await;
    let is = |field: &str, person: &Person<'_>| json!({ field: { "eq": person.global_id() } });
    let both = |one: &Person<'_>, other: &Person<'_>| json!({ "and": [is("owner", one), is("assignee", other)] });
    for (filter, expected) in [
        (is("owner", &ann), "a,b,c,d"),
        (is("owner", &bob), "e"),
        (is("owner", &eve), ""),
        (is("assignee", &ann), "c,e"),
        (is("assignee", &bob), "b"),
        (is("assignee", &eve), ""),
        (both(&ann, &ann), "c"),
        (both(&ann, &bob), "b"),
        (both(&bob, &ann), "e"),
        (both(&bob, &eve), ""),
        (json!({ "or": [is("owner", &bob), is("assignee", &bob)] }), "b,e"),
        (json!({ "not": is("owner", &ann) }), "e"),
        (json!({ "and": [is("owner", &ann), is("owner", &bob)] }), ""),
    ] {
        assert_eq!(titles(&ann, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn each_comparison_returns_the_matching_tasks() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    let (a, b) = (ann.global_id(), bob.global_id());
    let early = "2026-01-10T00:00:00Z";
    let boss = app.admin().await;
    for (filter, expected) in [
        (json!(null), "a,b,c,d,e"),
        (json!({}), "a,b,c,d,e"),
        (json!({ "status": { "eq": "TODO" } }), "a,e"),
        (json!({ "status": { "neq": "TODO" } }), "b,c,d"),
        (json!({ "status": { "in": ["DONE", "CANCELLED"] } }), "c,d"),
        (json!({ "status": { "nin": ["DONE", "CANCELLED"] } }), "a,b,e"),
        (json!({ "status": { "in": [] } }), ""),
        (json!({ "status": { "nin": [] } }), "a,b,c,d,e"),
        (json!({ "priority": { "eq": "MEDIUM" } }), "d,e"),
        (json!({ "priority": { "neq": "MEDIUM" } }), "a,b,c"),
        (json!({ "priority": { "in": ["LOW", "URGENT"] } }), "a,c"),
        (json!({ "priority": { "nin": ["LOW", "URGENT"] } }), "b,d,e"),
        (json!({ "priority": { "lt": "MEDIUM" } }), "a"),
        (json!({ "priority": { "lte": "MEDIUM" } }), "a,d,e"),
        (json!({ "priority": { "gt": "MEDIUM" } }), "b,c"),
        (json!({ "priority": { "gte": "HIGH", "lt": "URGENT" } }), "b"),
        (json!({ "owner": { "eq": b } }), "e"),
        (json!({ "owner": { "neq": b } }), "a,b,c,d"),
        (json!({ "owner": { "in": [a, b] } }), "a,b,c,d,e"),
        (json!({ "owner": { "nin": [a] } }), "e"),
        (json!({ "assignee": { "eq": a } }), "c,e"),
        (json!({ "assignee": { "in": [a, b] } }), "b,c,e"),
        (json!({ "tag": { "any": ["RED", "blue"] } }), "a,b,d"),
        (json!({ "tag": { "all": ["red", "Blue"] } }), "b"),
        (json!({ "tag": { "any": ["green"] } }), ""),
        (json!({ "tag": { "any": ["re", "ed", "re\u{17f}d"] } }), ""),
        (json!({ "not": { "tag": { "any": ["red", "blue"] } } }), "c,e"),
        (json!({ "not": { "tag": { "all": ["red", "blue"] } } }), "a,c,d,e"),
        (json!({ "dueDate": { "eq": early } }), "a,d"),
        (json!({ "dueDate": { "eq": "2026-01-10T01:00:00+01:00" } }), "a,d"),
        (json!({ "dueDate": { "lt": "2026-02-01T00:00:00Z" } }), "a,d"),
        (json!({ "dueDate": { "lte": "2026-02-01T00:00:00Z" } }), "a,b,d"),
        (json!({ "dueDate": { "gt": early } }), "b"),
        (json!({ "dueDate": { "gte": early } }), "a,b,d"),
        (
            json!({ "createdAt": { "gte": "2026-01-15T12:01:00Z", "lt": "2026-01-15T12:03:00Z" } }),
            "b,c",
        ),
        (json!({ "createdAt": { "eq": "2026-01-15T12:03:00Z" } }), "d"),
        (
            json!({ "createdAt": { "in": ["2026-01-15T12:03:00Z", "2026-01-15T12:00:00Z", early] } }),
            "a,d",
        ),
        (
            json!({ "createdAt": { "nin": ["2026-01-15T12:03:00Z", "2026-01-15T12:00:00Z"] } }),
            "b,c,e",
        ),
        (json!({ "dueDate": { "in": [early] } }), "a,d"),
        (json!({ "dueDate": { "in": [] } }), ""),
        (json!({ "dueDate": { "nin": [early] } }), "b,c,e"),
        (json!({ "updatedAt": { "gte": "2026-01-15T12:03:00Z" } }), "d,e"),
        (json!({ "completedAt": { "eq": "2026-01-15T12:02:00Z" } }), "c"),
        (json!({ "completedAt": { "isNull": true } }), "a,b,d,e"),
        (json!({ "completedAt": { "lt": "2030-01-01T00:00:00Z" } }), "c"),
        (json!({ "deletedAt": { "isNull": true } }), "a,b,c,d,e"),
        (json!({ "deletedAt": { "isNull": false } }), ""),
        (json!({ "isOverdue": true }), "a"),
        (json!({ "isOverdue": false }), "b,c,d,e"),
        (json!({ "isCompleted": true }), "c"),
        (json!({ "isCompleted": false }), "a,b,d,e"),
        (json!({ "status": { "eq": "TODO" }, "priority": { "eq": "LOW" } }), "a"),
    ] {
        // Administrators' lists use another statement.
        for person in [&ann, &boss] {
            assert_eq!(titles(person, &filter).await, expected, "{filter}");
        }
    }
}

/// Expected statistics, counted in the test.
fn counted(tasks: &[Value]) -> Value {
    let count = |is: &dyn Fn(&Value) -> bool| tasks.iter().filter(|task| is(task)).count();
    let by = |field: &'static str, names: &[&str]| -> Vec<Value> {
        let each = names.iter();
        each.map(|name| json!({ field: name, "count": count(&|task| task[field] == **name) }))
            .collect()
    };
    let mut tags: Vec<(std::cmp::Reverse<usize>, &str)> = ["blue", "red"]
        .map(|tag| {
            (
                std::cmp::Reverse(count(&|task| task["tags"].as_array().unwrap().contains(&json!(tag)))),
                tag,
            )
        })
        .into_iter()
        .filter(|(count, _)| count.0 > 0)
        .collect();
    tags.sort_unstable();
    let tags: Vec<Value> = tags
        .iter()
        .map(|(count, tag)| json!({ "tag": tag, "count": count.0 }))
        .collect();
    json!({
        "total": tasks.len(), "completed": count(&|task| task["status"] == "DONE"),
        "overdue": count(&|task| task["isOverdue"] == true),
        "byStatus": by("status", &["TODO", "IN_PROGRESS", "DONE", "CANCELLED"]),
        "byPriority": by("priority", &["LOW", "MEDIUM", "HIGH", "URGENT"]),
        "tags": tags,
    })
}

#[tokio::test]
async fn statistics_count_the_tasks_that_pass_the_filter() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    five_tasks(&app, &ann, &bob).await;
    let query = "query($filter: TaskFilter) { tasks(filter: $filter) { nodes { status priority tags isOverdue } }
        taskStatistics(filter: $filter) { total completed overdue byStatus { status count }
        byPriority { priority count } tags { tag count } } }";
    for filter in [
        Value::Null,
        json!({}),
        json!({ "status": { "in": ["TODO", "DONE"] } }),
        json!({ "assignee": { "eq": ann.global_id() } }),
        json!({ "tag": { "any": ["red"] } }),
        json!({ "tag": { "all": ["red", "blue"] } }),
        json!({ "not": { "tag": { "any": ["red"] } } }),
        json!({ "search": "a" .repeat(2) }),
        json!({ "isOverdue": true }),
        json!({ "or": [{ "search": "zz" }, { "priority": { "gt": "LOW" } }], "createdAt": { "gt": "2026-01-15T12:00:00Z" } }),
        json!({ "includeDeleted": true }),
        json!({ "status": { "in": [] } }),
    ] {
        for person in [&ann, &bob, &boss] {
            let answer = person.graphql(query, json!({ "filter": filter })).await;
            let nodes = answer.data()["tasks"]["nodes"].as_array().unwrap();
            assert_eq!(answer.data()["taskStatistics"], counted(nodes), "{filter}");
        }
    }
    // Counts by tag take one statement more.
    let statements = async |selection: &str| {
        let query = format!("{{ taskStatistics(filter: {{isCompleted: false}}) {{ {selection} }} }}");
        let before = app.app.domain().statements();
        ann.graphql(&query, json!({})).await.data();
        app.app.domain().statements() - before
    };
    assert_eq!(statements("total").await + 1, statements("total tags { count }").await);
}

#[tokio::test]
async fn a_filter_on_deleted_at_lists_the_trash() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    five_tasks(&app, &ann, &bob).await;
    let all = ann.graphql("{ tasks { nodes { id title } } }", json!({})).await;
    for title in ["d", "a", "b"] {
        let nodes = all.data()["tasks"]["nodes"].as_array().unwrap();
        let id = &nodes.iter().find(|task| task["title"] == title).unwrap()["id"];
        let delete = "mutation($id: ID!) { taskDelete(id: $id) { userErrors { code } } }";
        let answer = ann.graphql(delete, json!({ "id": id })).await;
        assert_eq!(answer.data()["taskDelete"]["userErrors"], json!([]));
        app.advance(TimeDelta::minutes(1));
    }
    let trash = json!({ "deletedAt": { "isNull": false } });
    for (filter, expected) in [
        (trash.clone(), "a,b,d"),
        (json!({ "deletedAt": { "gte": "2026-01-15T12:06:00Z" } }), "a,b"),
        (
            json!({ "deletedAt": { "isNull": false }, "tag": { "any": ["red"] } }),
            "a,b",
        ),
        // Only conditions at the top level include the trash.
        (json!({ "deletedAt": { "isNull": false }, "includeDeleted": false }), ""),
        (json!({ "and": [trash.clone()] }), ""),
        (json!({ "and": [trash.clone()], "includeDeleted": true }), "a,b,d"),
        (json!({ "not": trash.clone(), "includeDeleted": true }), "c,e"),
        (json!({ "deletedAt": { "isNull": true } }), "c,e"),
        (json!({ "deletedAt": {} }), "a,b,c,d,e"),
    ] {
        for person in [&ann, &boss] {
            assert_eq!(titles(person, &filter).await, expected, "{filter}");
        }
    }
    // Bob sees only tasks that he participates in.
    assert_eq!(titles(&bob, &trash).await, "b");

    // Sorted by deletion time, page by page. Tasks outside of the trash come last.
    let page = "query($after: String, $direction: OrderDirection!) { tasks(first: 2, after: $after,
        filter: {includeDeleted: true}, orderBy: [{field: DELETED_AT, direction: $direction}, {field: TITLE}]) {
        nodes { title } pageInfo { endCursor hasNextPage } } }";
    for (direction, expected) in [("ASC", "d,a,b,c,e"), ("DESC", "c,e,b,a,d")] {
        for person in [&ann, &boss] {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let answer = person
                    .graphql(page, json!({ "after": after, "direction": direction }))
                    .await;
                let tasks = &answer.data()["tasks"];
                let nodes = tasks["nodes"].as_array().unwrap().iter();
                seen.extend(nodes.map(|task| task["title"].as_str().unwrap().to_owned()));
                if tasks["pageInfo"]["hasNextPage"] == false {
                    break;
                }
                after = tasks["pageInfo"]["endCursor"].clone();
            }
            assert_eq!(seen.join(","), expected, "{direction}");
        }
    }
}

#[tokio::test]
async fn a_null_value_matches_only_neq_nin_and_is_null() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    let b = bob.global_id();
    for (filter, expected) in [
        (json!({ "assignee": { "isNull": true } }), "a,d"),
        (json!({ "assignee": { "isNull": false } }), "b,c,e"),
        (json!({ "assignee": { "neq": b } }), "a,c,d,e"),
        (json!({ "assignee": { "nin": [b] } }), "a,c,d,e"),
        (json!({ "assignee": { "nin": [] } }), "a,b,c,d,e"),
        (json!({ "dueDate": { "isNull": true } }), "c,e"),
        (json!({ "dueDate": { "neq": "2026-01-10T00:00:00Z" } }), "b,c,e"),
        (json!({ "dueDate": { "gt": "1999-01-01T00:00:00Z" } }), "a,b,d"),
        // Also inside a negation.
        (json!({ "not": { "assignee": { "eq": b } } }), "a,c,d,e"),
        (json!({ "not": { "assignee": { "neq": b } } }), "b"),
        (json!({ "not": { "assignee": { "in": [b] } } }), "a,c,d,e"),
        (
            json!({ "not": { "dueDate": { "lt": "2026-02-01T00:00:00Z" } } }),
            "b,c,e",
        ),
    ] {
        assert_eq!(titles(&ann, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn filters_combine_by_and_or_and_not() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    let (todo, red) = (
        json!({ "status": { "eq": "TODO" } }),
        json!({ "tag": { "any": ["red"] } }),
    );
    for (filter, expected) in [
        (json!({ "and": [todo, red] }), "a"),
        (json!({ "or": [todo, red] }), "a,b,e"),
        (json!({ "not": todo }), "b,c,d"),
        (json!({ "not": { "or": [todo, red] } }), "c,d"),
        (json!({ "not": { "not": todo } }), "a,e"),
        (
            json!({ "or": [{ "and": [todo, red] }, { "not": { "tag": { "any": ["red"] } } }] }),
            "a,c,d,e",
        ),
        // Conditions beside them must match too.
        (json!({ "or": [todo, red], "priority": { "eq": "HIGH" } }), "b"),
        (json!({ "and": [] }), "a,b,c,d,e"),
        (json!({ "or": [] }), ""),
        (json!({ "not": {} }), ""),
    ] {
        assert_eq!(titles(&ann, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_never_shows_invisible_tasks() {
    let app = TestApp::start().await;
    let (ann, bob, cat) = (app.member().await, app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    for filter in [
        json!({ "owner": { "eq": ann.global_id() } }),
        json!({ "or": [{ "isCompleted": true }, { "isCompleted": false }] }),
        json!({ "not": { "owner": { "eq": cat.global_id() } } }),
        json!({ "includeDeleted": true }),
    ] {
        assert_eq!(titles(&cat, &filter).await, "", "{filter}");
    }
    assert_eq!(titles(&bob, &json!({ "owner": { "eq": ann.global_id() } })).await, "b");
}

#[tokio::test]
async fn a_search_finds_every_word_in_any_case_anywhere() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    for (title, description) in [
        ("1 Fix the Login page", "Users can't sign in, 100% of the time"),
        ("2 Straße kehren", ""),
        ("3 ÜBER uns schreiben", ""),
        (r"4 Clean C:\temp\new", ""),
        ("5 Say \"hello world\" twice", ""),
        ("6 Get 50% off", ""),
        ("7 Use snake_case (names)*", ""),
        ("8 日本語 タスク", ""),
        ("9 ΟΔΟΣ", "NEAR the end; x AND y"),
        ("10 Οδοσήμανση", ""),
    ] {
        ann.creates_task(json!({ "title": title, "description": description }))
            .await;
    }
    for (search, expected) in [
        ("login fix", "1"),
        ("LOGIN", "1"),
        ("ogi", "1"),
        ("page sign", "1"),
        ("login zzz", ""),
        ("can't", "1"),
        ("100%", "1"),
        ("0%", "1,6"),
        ("e_", "7"),
        ("e_c", "7"),
        (r"\t", "4"),
        (r"c:\TEMP\n", "4"),
        ("\"h", "5"),
        ("\"hello", "5"),
        ("\"HELLO WORLD\"", "5"),
        ("\"world hello\"", ""),
        ("straße", "2"),
        // The sigma at the end of a word has another form.
        ("οδος", "10,9"),
        ("ΟΔΟΣ", "10,9"),
        ("οδοσ", "10,9"),
        ("STRAßE", "2"),
        ("aß", "2"),
        ("ße", "2"),
        ("über", "3"),
        ("ÜB", "3"),
        ("uber", ""),
        ("日本", "8"),
        ("本語", "8"),
        ("タスク 日本語", "8"),
        ("οδ", "10,9"),
        ("near", "9"),
        ("AND", "9"),
        ("NEAR(", ""),
        ("(names)", "7"),
        (")*", "7"),
        ("fix OR straße", ""),
        ("lo* ", ""),
        ("title:fix", ""),
        ("--", ""),
        ("  ", "1,10,2,3,4,5,6,7,8,9"),
        ("", "1,10,2,3,4,5,6,7,8,9"),
    ] {
        for person in [&ann, &boss] {
            let found = titles(person, &json!({ "search": search })).await;
            let numbers: Vec<&str> = found.split(',').filter_map(|title| title.split(' ').next()).collect();
            assert_eq!(numbers.join(","), expected, "{search:?}");
        }
    }
    // No search text is an error, and a search can be negated.
    for search in [
        "\0\0",
        "'; DROP TABLE tasks; --",
        "{}[]^~:+-!&|",
        "\u{1F600}\u{1F600}\u{1F600}",
        "zzz zzz zzz",
    ] {
        assert_eq!(titles(&ann, &json!({ "search": search })).await, "", "{search:?}");
    }
    assert_eq!(
        titles(&ann, &json!({ "not": { "search": "se" }, "search": "sc" })).await,
        "3 ÜBER uns schreiben"
    );
}

#[tokio::test]
async fn a_search_follows_a_task_as_it_changes() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann
        .creates_task(json!({ "title": "Before", "description": "Old text" }))
        .await;
    ann.rest(
        axum::http::Method::PATCH,
        &format!("/tasks/{id}"),
        json!({ "title": "After", "description": "New text" }),
    )
    .await;
    for (search, expected) in [("before", ""), ("old", ""), ("after", "After"), ("new te", "After")] {
        assert_eq!(titles(&ann, &json!({ "search": search })).await, expected, "{search}");
    }
}

#[tokio::test]
async fn a_bound_outside_of_the_allowed_years_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (filter, field) in [
        (
            json!({ "dueDate": { "lt": "9999-12-31T23:59:59-14:00" } }),
            "filter.dueDate",
        ),
        (
            json!({ "createdAt": { "gte": "0000-12-31T00:00:00Z" } }),
            "filter.createdAt",
        ),
    ] {
        let answer = ann.graphql(LIST, json!({ "filter": filter })).await;
        assert_eq!(answer.error_code(), "BAD_USER_INPUT", "{}", answer.text);
        let message = answer.error_message();
        assert!(
            message.starts_with(field) && message.contains("the years 1 to 9999 are allowed"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_trash_is_listed_only_when_asked_for() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "kept" })).await;
    let id = ann.creates_task(json!({ "title": "trashed" })).await;
    ann.rest(axum::http::Method::DELETE, &format!("/tasks/{id}"), Value::Null)
        .await;
    for (filter, expected) in [
        (json!({}), "kept"),
        (json!({ "includeDeleted": false }), "kept"),
        (json!({ "includeDeleted": true }), "kept,trashed"),
        (json!({ "includeDeleted": true, "search": "trash" }), "trashed"),
        (json!({ "search": "trash" }), ""),
    ] {
        assert_eq!(titles(&ann, &filter).await, expected, "{filter}");
    }
    let nested = json!({ "filter": { "or": [{ "includeDeleted": true }] } });
    let answer = ann.graphql(LIST, nested).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(answer.error_message().contains("only at the top"), "{}", answer.text);
}
