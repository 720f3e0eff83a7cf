//! Two servers on one database, of which one dies while it runs jobs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::person::global_id;
use crate::support::process::{Sandbox, until};
use crate::support::smtp::{Behaviour, MailServer};

const TASKS: usize = 12;

#[tokio::test]
async fn a_server_that_is_killed_while_it_runs_jobs_loses_none_and_nothing_is_done_twice() {
    let mail = MailServer::start(Behaviour::IsSilent).await;
    let database = TestDatabase::create().await;
    let sandbox = || {
        Sandbox::over(&database)
            .with("SMTP_URL", &mail.url())
            .with("MAIL_MAX_PER_HOUR", "0")
            .with("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a")
    };
    let (dying_sandbox, staying_sandbox) = (sandbox(), sandbox());
    for name in ["ann", "bob"] {
        dying_sandbox.creates_user(name).await;
    }
    let dying = dying_sandbox.serve().await;
    let (ann, bob) = (dying.access_token_of("ann").await, dying.access_token_of("bob").await);
    let bob_id = database
        .number("SELECT CAST(id AS BIGINT) AS number FROM users WHERE email = 'bob@example.com'")
        .await;
    let create = "mutation($title: String!, $to: ID!, $due: DateTime!) { taskCreate(input: {title: $title, assigneeId: $to, dueDate: $due}) { task { id } } }";
    for number in 0..TASKS {
        let variables = json!({ "title": format!("Task {number}"), "to": global_id("User", bob_id), "due": "2020-01-01T00:00:00Z" });
        dying.graphql(&ann, create, variables).await.data();
    }
    // The mail server never answers, so the jobs stay claimed.
    until("mails to be claimed", async || (mail.offers() >= 3).then_some(())).await;
    let claimed = database
        .number("SELECT COUNT(*) AS number FROM jobs WHERE locked_by IS NOT NULL")
        .await;
    assert!(claimed >= 3, "{claimed}");
    dying.kill().await;
    mail.set_behaviour(Behaviour::Accepts);
    // The check of due dates, which runs every minute, is due now.
    database
        .execute("UPDATE jobs SET run_at = '2026-01-01 00:00:00+00:00' WHERE kind = 'notify_due'")
        .await;
    let staying = staying_sandbox.serve().await;

    // Three emails for each task: an assignment and an overdue notice for Bob, and an overdue notice for Ann. The leases of
    // the dead server must expire first.
    let emails = 3 * TASKS;
    until("every email", async || (mail.emails().len() >= emails).then_some(())).await;
    until("every job to be over", async || {
        let open = "SELECT COUNT(*) AS number FROM jobs WHERE finished_at IS NULL AND dedup_key IS NULL";
        (database.number(open).await == 0).then_some(())
    })
    .await;
    let sent = mail.emails();
    let names: BTreeSet<&str> = sent.iter().map(|email| email.header("Message-ID")).collect();
    assert_eq!((sent.len(), names.len()), (emails, emails));
    let list = "{ notifications(first: 100) { totalCount nodes { kind taskTitle } } }";
    for (person, expected) in [(&ann, TASKS), (&bob, 2 * TASKS)] {
        let answer = staying.graphql(person, list, json!({})).await;
        let nodes = answer.data()["notifications"]["nodes"].as_array().unwrap().clone();
        let distinct: BTreeSet<String> = nodes.iter().map(Value::to_string).collect();
        assert_eq!((nodes.len(), distinct.len()), (expected, expected));
    }
    staying.stop().await;
}

#[tokio::test]
async fn recurring_jobs_that_disappear_under_a_running_server_are_added_again() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let kinds = "SELECT COUNT(DISTINCT kind) AS number FROM jobs WHERE dedup_key IS NOT NULL";
    let scheduled = until("recurring jobs", async || {
        Some(database.number(kinds).await).filter(|jobs| *jobs > 0)
    })
    .await;
    // As `taskwire migrate fresh` does, or a restore.
    database.execute("DELETE FROM jobs").await;
    until("recurring jobs to return", async || {
        (database.number(kinds).await == scheduled).then_some(())
    })
    .await;
    server.stop().await;
}
