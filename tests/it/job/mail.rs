//! Notifications by e-mail, to a mail server on the loopback address.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::TestApp;
use crate::support::database::TestDatabase;
use crate::support::person::global_id;
use crate::support::process::{Sandbox, until};
use crate::support::smtp::{Behaviour, MailServer};

async fn app(mail: &MailServer) -> TestApp {
    TestApp::start_with(&[("SMTP_URL", &mail.url()), ("MAIL_FROM", "tasks@acme.com")]).await
}

#[tokio::test]
async fn each_notification_is_one_email_in_plain_text() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .creates_task(json!({ "title": "Paint the façade", "assigneeId": bob.global_id() }))
        .await;
    app.run_until_idle().await;
    let [email] = &mail.emails()[..] else {
        panic!("{:?}", mail.emails())
    };
    assert_eq!(email.to, format!("{}@example.com", bob.name));
    assert_eq!(email.header("From"), "Taskwire <tasks@acme.com>");
    assert_eq!(email.header("Auto-Submitted"), "auto-generated");
    assert_eq!(email.header("Date"), "Thu, 15 Jan 2026 12:00:00 +0000");
    assert_eq!(email.header("Content-Type"), "text/plain; charset=utf-8");
    assert!(
        email
            .header("Subject")
            .starts_with("[Taskwire] Assigned to you: Paint the"),
        "{}",
        email.text
    );
    let id = email.header("Message-ID");
    assert!(id.starts_with("<notification-1-") && id.ends_with("@acme.com>"), "{id}");
    assert!(
        email.text.contains(&format!("\"{}\" assigned the task", ann.name)),
        "{}",
        email.text
    );

    bob.changes_task("taskTransition", task, ", status: IN_PROGRESS").await;
    app.run_until_idle().await;
    app.run_until_idle().await;
    let emails = mail.emails();
    assert_eq!(emails.len(), 2);
    assert_eq!(emails[1].to, format!("{}@example.com", ann.name));
    assert!(
        emails[1].text.contains("from todo to in progress"),
        "{}",
        emails[1].text
    );
}

#[tokio::test]
async fn without_a_mail_server_no_email_is_queued_and_with_one_only_for_successful_writes() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let without = TestApp::start().await;
    let bob = without.member().await;
    let ann = without.member().await;
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    assert_eq!(without.jobs("send_mail").await, []);
    // A refused write creates neither a notification nor an email.
    let app = app(&mail).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let refused = format!(", input: {{assigneeId: \"{}\", title: \"\"}}", bob.global_id());
    ann.mutates_task("taskUpdate", task, &refused).await;
    assert_eq!(app.jobs("send_mail").await, []);
}

#[tokio::test]
async fn a_busy_mail_server_gets_the_same_email_later_and_once() {
    let mail = MailServer::start(Behaviour::IsBusy).await;
    let app = app(&mail).await;
    let (ann, bob) = (app.member().await, app.member().await);
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    app.run_until_idle().await;
    assert_eq!((mail.offers(), mail.emails().len()), (1, 0));
    mail.set_behaviour(Behaviour::Accepts);
    app.advance(TimeDelta::seconds(10));
    app.run_until_idle().await;
    app.advance(TimeDelta::hours(1));
    app.run_until_idle().await;
    assert_eq!(mail.emails().len(), 1);
}

#[tokio::test]
async fn an_unknown_mailbox_is_not_retried() {
    let mail = MailServer::start(Behaviour::UnknownMailbox).await;
    let app = app(&mail).await;
    let (ann, bob) = (app.member().await, app.member().await);
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    app.run_until_idle().await;
    let job = &app.jobs("send_mail").await[0];
    // PostgreSQL cannot store the character U+0000 of the server's answer.
    assert!(
        job.is_dead && job.last_error.as_ref().unwrap().contains("no such mailbox here"),
        "{job:?}"
    );
}

#[tokio::test]
async fn a_deactivated_user_gets_no_email() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail).await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    let deactivate = "mutation($id: ID!) { userSetActive(id: $id, isActive: false) { userErrors { code } } }";
    boss.graphql(deactivate, json!({ "id": bob.global_id() })).await.data();
    app.run_until_idle().await;
    let job = &app.jobs("send_mail").await[0];
    assert!(
        job.finished_at.is_some() && !job.is_dead && mail.offers() == 0,
        "{job:?}"
    );
}

#[tokio::test]
async fn the_running_server_sends_at_once_and_doctor_reports_the_queue() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("SMTP_URL", &mail.url());
    for name in ["ann", "bob"] {
        sandbox.creates_user(name).await;
    }
    let server = sandbox.serve().await;
    let ann = server.access_token_of("ann").await;
    let bob = database
        .number("SELECT CAST(id AS BIGINT) AS number FROM users WHERE email = 'bob@example.com'")
        .await;
    let create = "mutation($to: ID!) { taskCreate(input: {title: \"T\", assigneeId: $to}) { task { id } } }";
    server
        .graphql(&ann, create, json!({ "to": global_id("User", bob) }))
        .await
        .data();
    until("the email", async || (mail.emails().len() == 1).then_some(())).await;
    let metrics = async || {
        let page = server
            .request("", axum::http::Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        page.text().await.unwrap()
    };
    until("the email to be counted", async || {
        let counted = "taskwire_jobs_total{kind=\"send_mail\",outcome=\"done\"} 1";
        metrics().await.contains(counted).then_some(())
    })
    .await;
    for name in [
        "taskwire_jobs_pending",
        "taskwire_jobs_running",
        "taskwire_jobs_dead",
        "taskwire_job_duration_seconds",
    ] {
        assert!(metrics().await.contains(&format!("# HELP {name} ")), "{name}");
    }
    let log = server.stop().await;
    assert!(!log.contains("released"), "{log}");
    let output = sandbox.run("doctor").await;
    assert!(
        output
            .printed()
            .contains("ok      jobs: 0 pending, 0 running, 0 dead\n"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_wrong_mail_server_stops_the_start_with_one_line() {
    for (setting, value, complaint) in [
        (
            "SMTP_URL",
            "smtp://me:hunter2@mail.acme.com?tls=maybe",
            "SMTP_URL is \"smtp://me:***@mail.acme.com?tls=maybe\"; allowed: smtp://host with ?tls=required",
        ),
        (
            "SMTP_URL",
            "smtp://:25",
            "SMTP_URL is \"smtp://:25\"; allowed: a URL that starts with smtp:// or smtps://",
        ),
        (
            "MAIL_FROM",
            "nobody",
            "MAIL_FROM is \"nobody\"; allowed: an e-mail address",
        ),
    ] {
        let output = Sandbox::bare().run_with("serve", &[(setting, value)]).await;
        assert!(output.complaint().starts_with(complaint), "{output:?}");
    }
}
