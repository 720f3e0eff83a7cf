//! Two servers on one database, of which one dies with jobs in its hands.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::person::global_id;
use crate::support::process::{Place, until};
use crate::support::smtp::{MailServer, Mood};

const TASKS: usize = 12;

#[tokio::test]
async fn a_server_that_is_killed_with_jobs_in_its_hands_loses_none_and_nothing_is_done_twice() {
    let mail = MailServer::start(Mood::IsSilent).await;
    let database = TestDatabase::create().await;
    let place = || {
        Place::over(&database)
            .with("SMTP_URL", &mail.url())
            .with("MAIL_MAX_PER_HOUR", "0")
            .with("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a")
    };
    let (dying_place, staying_place) = (place(), place());
    for name in ["ann", "bob"] {
        dying_place.creates_user(name).await;
    }
    let dying = dying_place.serve().await;
    let (ann, bob) = (dying.enters("ann").await, dying.enters("bob").await);
    let bob_id = database
        .number("SELECT CAST(id AS BIGINT) AS number FROM users WHERE email = 'bob@example.com'")
        .await;
    let create = "mutation($title: String!, $to: ID!, $due: DateTime!) { taskCreate(input: {title: $title, assigneeId: $to, dueDate: $due}) { task { id } } }";
    for number in 0..TASKS {
        let variables = json!({ "title": format!("Task {number}"), "to": global_id("User", bob_id), "due": "2020-01-01T00:00:00Z" });
        dying.graphql(&ann, create, variables).await.data();
    }
    // The mail server takes what is offered and never answers: the jobs are claimed and stay so.
    until("mails to be claimed", async || (mail.offers() >= 3).then_some(())).await;
    let claimed = database
        .number("SELECT COUNT(*) AS number FROM jobs WHERE locked_by IS NOT NULL")
        .await;
    assert!(claimed >= 3, "{claimed}");
    dying.kill().await;
    mail.set_mood(Mood::Takes);
    // The due dates, which are looked at every minute, have their turn.
    database
        .execute("UPDATE jobs SET run_at = '2026-01-01 00:00:00+00:00' WHERE kind = 'notify_due'")
        .await;
    let staying = staying_place.serve().await;

    // An assignment and an overdue notice for Bob, an overdue notice for Ann, each as a mail; the claims of the
    // dead server must run out first.
    let letters = 3 * TASKS;
    until("every letter", async || (mail.letters().len() >= letters).then_some(())).await;
    until("every job to be over", async || {
        let open = "SELECT COUNT(*) AS number FROM jobs WHERE finished_at IS NULL AND dedup_key IS NULL";
        (database.number(open).await == 0).then_some(())
    })
    .await;
    let sent = mail.letters();
    let names: BTreeSet<&str> = sent.iter().map(|letter| letter.header("Message-ID")).collect();
    assert_eq!((sent.len(), names.len()), (letters, letters));
    let list = "{ notifications(first: 100) { totalCount nodes { kind taskTitle } } }";
    for (person, expected) in [(&ann, TASKS), (&bob, 2 * TASKS)] {
        let answer = staying.graphql(person, list, json!({})).await;
        let nodes = answer.data()["notifications"]["nodes"].as_array().unwrap().clone();
        let distinct: BTreeSet<String> = nodes.iter().map(Value::to_string).collect();
        assert_eq!((nodes.len(), distinct.len()), (expected, expected));
    }
    staying.stop().await;
}
