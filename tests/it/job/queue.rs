//! The job queue: leases, retries and dead jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use taskwire::domain::actor::Actor;
use taskwire::domain::error::Code;
use taskwire::domain::job::{JobKind, MAX_ATTEMPTS};

use crate::support::TestApp;
use crate::support::process::until;
use crate::support::smtp::{Behaviour, MailServer};

/// An app whose mail server fails, with one email in the queue.
async fn with_a_failing_mail(mail: &MailServer) -> TestApp {
    let app = TestApp::start_with(&[("SMTP_URL", &mail.url())]).await;
    // Runs the recurring jobs, so that only the email remains.
    app.run_until_idle().await;
    let (ann, bob) = (app.member().await, app.member().await);
    ann.creates_task(json!({ "title": "Paint", "assigneeId": bob.global_id() }))
        .await;
    app
}

#[tokio::test]
async fn a_failing_job_is_retried_after_longer_waits_and_then_dead() {
    let mail = MailServer::start(Behaviour::IsBusy).await;
    let app = with_a_failing_mail(&mail).await;
    // Recurring jobs would be due too when the clock moves.
    app.database
        .execute("UPDATE jobs SET finished_at = '2026-01-15 12:00:00+00:00' WHERE dedup_key IS NOT NULL")
        .await;
    let mut waits = Vec::new();
    for attempt in 1..MAX_ATTEMPTS {
        assert_eq!(app.run_until_idle().await, 1);
        let job = &app.jobs("send_mail").await[0];
        assert_eq!((job.attempts, job.finished_at, job.locked_until), (attempt, None, None));
        assert!(job.last_error.as_ref().unwrap().contains("try again later"), "{job:?}");
        let wait = job.run_at - app.app.domain().clock().now();
        waits.push(wait.num_milliseconds());
        // It is not retried before it is due.
        app.advance(wait - TimeDelta::milliseconds(1));
        assert_eq!(app.run_until_idle().await, 0);
        app.advance(TimeDelta::milliseconds(1));
    }
    assert!(
        (5_000..6_250).contains(&waits[0]) && waits.iter().all(|wait| *wait < 4_500_000),
        "{waits:?}"
    );
    assert!(waits[..9].windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert_eq!(app.run_until_idle().await, 1);
    let job = &app.jobs("send_mail").await[0];
    assert!(job.is_dead && job.finished_at.is_some(), "{job:?}");
    app.advance(TimeDelta::days(1));
    assert_eq!(app.run_until_idle().await, 0);
    let queue_stats = app.app.domain().jobs().queue_stats(&Actor::System).await.unwrap();
    assert_eq!((queue_stats.pending, queue_stats.running, queue_stats.dead), (0, 0, 1));
    let (kind, error) = queue_stats.newest_failure.unwrap();
    assert!(
        kind == "send_mail" && error.contains("try again later"),
        "{kind} {error}"
    );
}

#[tokio::test]
async fn users_cannot_use_the_queue() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let actor = app
        .app
        .domain()
        .sessions()
        .authenticate(boss.access_token.as_deref())
        .await
        .unwrap()
        .actor;
    let refused = app.app.domain().jobs().run_until_idle(&actor).await.unwrap_err();
    assert_eq!(refused.code(), Code::Forbidden);
}

#[tokio::test]
async fn two_nodes_never_run_the_same_job() {
    const JOBS: usize = 60;

    let first = TestApp::start().await;
    let second = first.second_node().await;
    for app in [&first, &second] {
        app.run_until_idle().await;
    }
    let ann = first.member().await;
    for _ in 0..JOBS {
        let queued = ann.rest(Method::POST, "/async/background-task", Value::Null).await;
        assert_eq!(queued.status, 202, "{}", queued.text);
    }
    let (one, other) = tokio::join!(first.run_until_idle(), second.run_until_idle());
    // Each job ran once.
    assert_eq!(one + other, JOBS);
    let jobs = first.jobs("background_task").await;
    assert_eq!(jobs.len(), JOBS);
    assert!(jobs.iter().all(|job| job.attempts == 1 && job.finished_at.is_some()));
}

#[tokio::test]
async fn recurring_jobs_exist_once_with_several_nodes() {
    let first = TestApp::start().await;
    let second = first.second_node().await;
    let recurring: BTreeSet<&str> = JobKind::ALL
        .into_iter()
        .filter(|kind| kind.recurs_after().is_some())
        .map(JobKind::as_str)
        .collect();
    let (one, other) = tokio::join!(first.run_until_idle(), second.run_until_idle());
    // Of all recurring jobs, only the removal of orphaned files is not due.
    assert_eq!(one + other, recurring.len() - 1);
    assert_eq!(first.count("jobs").await, i64::try_from(recurring.len()).unwrap());
    for app in [&first, &second] {
        app.advance(TimeDelta::minutes(1));
    }
    let (one, other) = tokio::join!(first.run_until_idle(), second.run_until_idle());
    assert_eq!((one + other, first.jobs("notify_due").await.len()), (1, 1));
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_a_renewed_one_is_not() {
    let mail = MailServer::start(Behaviour::IsSilent).await;
    let app = with_a_failing_mail(&mail).await;
    let other = app.second_node_with(&[("SMTP_URL", &mail.url())]).await;
    let jobs = app.app.domain().clone();
    let hanging = tokio::spawn(async move { jobs.jobs().run_until_idle(&Actor::System).await });
    until("the mail to be offered", async || (mail.offers() == 1).then_some(())).await;
    assert_eq!(other.run_until_idle().await, 0);
    // The node dies and renews its lease no more.
    hanging.abort();
    mail.set_behaviour(Behaviour::Accepts);
    other.advance(TimeDelta::seconds(29));
    assert_eq!(other.run_until_idle().await, 0);
    other.advance(TimeDelta::seconds(2));
    assert_eq!(other.run_until_idle().await, 1);
    let job = &other.jobs("send_mail").await[0];
    assert_eq!((job.attempts, job.is_dead, mail.emails().len()), (2, false, 1));
    assert!(job.finished_at.is_some());
}

#[tokio::test]
async fn a_job_that_kills_its_server_is_dead_after_some_attempts() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = with_a_failing_mail(&mail).await;
    app.database
        .execute(&format!(
            "UPDATE jobs SET attempts = {MAX_ATTEMPTS} WHERE kind = 'send_mail'"
        ))
        .await;
    app.run_until_idle().await;
    let job = &app.jobs("send_mail").await[0];
    assert!(job.is_dead && mail.emails().is_empty(), "{job:?}");
}

#[tokio::test]
async fn at_shutdown_running_jobs_are_finished_or_released() {
    let mail = MailServer::start(Behaviour::IsSilent).await;
    let app = with_a_failing_mail(&mail).await;
    app.app.start_background();
    until("the mail to be offered", async || (mail.offers() == 1).then_some(())).await;
    assert_eq!(app.jobs("send_mail").await[0].attempts, 1);
    app.app.begin_shutdown();
    let jobs = app.app.domain().jobs();
    let drained = tokio::time::timeout(Duration::from_millis(200), jobs.drained()).await;
    assert!(drained.is_err(), "a job is still running");
    // A stopping server leaves new jobs to others.
    let ann = app.member().await;
    ann.rest(Method::POST, "/async/background-task", Value::Null).await;
    jobs.give_back().await;
    jobs.drained().await;
    let job = &app.jobs("send_mail").await[0];
    assert_eq!((job.attempts, job.locked_until, job.finished_at), (0, None, None));
    assert_eq!(app.jobs("background_task").await[0].attempts, 0);
}

#[tokio::test]
async fn finished_jobs_are_deleted_after_a_while() {
    let mail = MailServer::start(Behaviour::UnknownMailbox).await;
    let app = with_a_failing_mail(&mail).await;
    let ann = app.member().await;
    ann.rest(Method::POST, "/async/background-task", Value::Null).await;
    app.run_until_idle().await;
    let ended = async || {
        (
            app.jobs("background_task").await.len(),
            app.jobs("send_mail").await.len(),
        )
    };
    app.advance(TimeDelta::days(2));
    app.run_until_idle().await;
    assert_eq!(ended().await, (1, 1));
    app.advance(TimeDelta::days(2));
    app.run_until_idle().await;
    assert_eq!(ended().await, (0, 1));
    app.advance(TimeDelta::days(28));
    app.run_until_idle().await;
    assert_eq!(ended().await, (0, 0));
}

#[tokio::test]
async fn a_worker_that_cannot_schedule_its_jobs_pauses_between_attempts() {
    let app = TestApp::start().await;
    // Writes fail from the start, as on a full disk.
    app.database.execute("ALTER TABLE jobs RENAME TO hidden_jobs").await;
    let domain = app.app.domain();
    let before = domain.statements();
    domain.jobs().start();
    tokio::time::sleep(Duration::from_secs(2)).await;
    domain.jobs().close();
    let statements = domain.statements() - before;
    assert!((1..50).contains(&statements), "{statements} statements in 2 s");
}

#[tokio::test]
async fn recurring_jobs_run_again_after_a_clock_that_was_ahead() {
    const AHEAD: TimeDelta = TimeDelta::days(400);

    let app = TestApp::start().await;
    app.advance(AHEAD);
    app.run_until_idle().await;
    app.advance(-AHEAD);
    // The worker of a running server schedules missing jobs again.
    let queue_stats = app.app.domain().jobs().queue_stats(&Actor::System).await.unwrap();
    assert_eq!(queue_stats.recurring, 0);
    app.run_until_idle().await;
    let now = app.app.domain().clock().now();
    for kind in JobKind::ALL {
        if let Some(period) = kind.recurs_after() {
            let job = &app.jobs(kind.as_str()).await[0];
            assert!(job.run_at <= now + period, "{kind:?}: {job:?}");
        }
    }
}
