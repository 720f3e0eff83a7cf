//! Delivery of the event log: each subscriber gets every visible event once, in order, and no other.

mod notification;
mod outage;
mod redis;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait as _};
use taskwire::domain::Domain;
use taskwire::domain::actor::Actor;
use taskwire::domain::error::Code;
use taskwire::domain::event::{EventCursor, LoggedEvent};
use taskwire::domain::id::{TaskId, UserId};
use taskwire::domain::live::{Ending, EventStream, LiveConnection, Watch};
use taskwire::domain::patch::Patch;
use taskwire::domain::task::{ExpectedVersion, TaskChange, TaskDraft};
use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::person::Person;
use crate::support::process::until;

/// Maximum wait for an event; reached only if the event is lost.
const PATIENCE: Duration = Duration::from_secs(30);

struct Watcher {
    live_connection: LiveConnection,
}

impl Watcher {
    async fn of(app: &TestApp, person: &Person<'_>) -> Self {
        let actor = actor(app, person).await;
        Self {
            live_connection: app.app.domain().live().attend(&actor).await.unwrap(),
        }
    }

    async fn watch(&self, app: &TestApp, watch: Watch, after: Option<&EventCursor>) -> EventStream {
        let live = app.app.domain().live();
        live.events(&self.live_connection, watch, after).await.unwrap()
    }

    async fn everything(&self, app: &TestApp, after: Option<&EventCursor>) -> EventStream {
        self.watch(app, Watch::default(), after).await
    }
}

async fn actor(app: &TestApp, person: &Person<'_>) -> Actor {
    let sessions = app.app.domain().sessions();
    let identity = sessions.authenticate(person.access_token.as_deref()).await.unwrap();
    identity.actor
}

async fn next(stream: &mut EventStream) -> Arc<LoggedEvent> {
    let event = timeout(PATIENCE, stream.next()).await.expect("an event comes");
    event.expect("the subscription continues").unwrap()
}

async fn head(app: &TestApp, actor: &Actor) -> EventCursor {
    app.app.domain().events().head(actor).await.unwrap()
}

fn task_and_version(event: &LoggedEvent) -> (i32, i32) {
    (event.event.task_id.0, event.event.task.task.version)
}

/// Waits until the log cursor has passed the first event of a task. On `PostgreSQL`, open transactions of any database
/// delay it.
async fn head_after(app: &TestApp, actor: &Actor, task: TaskId) -> EventCursor {
    let of_task = format!("SELECT id AS number FROM task_events WHERE task_id = {task}");
    let event = app.database.number(&of_task).await;
    until("the log to advance", async || {
        Some(head(app, actor).await).filter(|head| number_of(head) >= event)
    })
    .await
}

fn number_of(cursor: &EventCursor) -> i64 {
    let bytes = URL_SAFE_NO_PAD.decode(cursor.encode()).unwrap();
    let (_, _, number): (String, i64, i64) = serde_json::from_slice(&bytes).unwrap();
    number
}

async fn create(app: &TestApp, person: &Person<'_>, title: &str) -> TaskId {
    create_as(app, &actor(app, person).await, title).await
}

async fn create_as(app: &TestApp, actor: &Actor, title: &str) -> TaskId {
    let draft = TaskDraft {
        title: title.to_owned(),
        ..TaskDraft::default()
    };
    let tasks = app.app.domain().tasks();
    tasks.create(actor, draft).await.unwrap().snapshot.task.id
}

async fn retitle(domain: &Domain, actor: &Actor, task: TaskId, title: &str) {
    let change = TaskChange {
        title: Patch::Value(title.to_owned()),
        ..TaskChange::default()
    };
    domain
        .tasks()
        .update(actor, task, change, ExpectedVersion::any())
        .await
        .unwrap();
}

/// Appends an event with this version of the task, as another writer would.
async fn append_event(connection: &impl ConnectionTrait, task: TaskId, version: i32) {
    let task_json = match connection.get_database_backend() {
        DbBackend::Postgres => format!("jsonb_set(task, '{{version}}', '{version}')"),
        _ => format!("json_set(task, '$.version', {version})"),
    };
    let copy = format!(
        "INSERT INTO task_events (task_id, type, actor_id, audience, previous_status, status, changes, task, occurred_at) \
         SELECT task_id, 'UPDATED', actor_id, audience, status, status, changes, {task_json}, occurred_at FROM task_events \
         WHERE task_id = {task} AND type = 'CREATED'"
    );
    connection.execute_unprepared(&copy).await.unwrap();
}

#[tokio::test]
async fn an_event_of_an_overlapping_older_transaction_is_not_skipped() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create(&app, &ann, "Slow").await;
    let watcher = Watcher::of(&app, &ann).await;
    let mut stream = watcher.everything(&app, None).await;
    let connection = app.database.connect().await;
    let slow = connection.begin().await.unwrap();
    append_event(&slow, task, 7).await;
    if is_postgres() {
        let quick = create(&app, &ann, "Quick").await;
        // The quick event is committed, but must wait for the older transaction.
        if let Ok(event) = timeout(Duration::from_millis(300), stream.next()).await {
            assert_ne!(event.unwrap().unwrap().event.task_id, quick);
        }
        slow.commit().await.unwrap();
    } else {
        // SQLite has one writer at a time: the quick write waits for the slow one.
        let (_, committed) = tokio::join!(create(&app, &ann, "Quick"), slow.commit());
        committed.unwrap();
    }
    let mut events = vec![next(&mut stream).await];
    while events.last().unwrap().event.task.task.title != "Quick" {
        events.push(next(&mut stream).await);
    }
    let slow = events.iter().find(|event| task_and_version(event) == (task.0, 7));
    assert!(slow.is_some(), "the event of the slow transaction was skipped");
    // A later subscriber gets the same order.
    let mut later = watcher.everything(&app, Some(&events[0].event.cursor)).await;
    let replayed = next(&mut later).await;
    assert_eq!(replayed, events[1]);
}

#[tokio::test]
async fn a_writer_with_an_older_transaction_is_ordered_after_the_write_that_it_waited_for() {
    if !is_postgres() {
        // SQLite has one writer at a time, so this cannot happen.
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (who, task) = (actor(&app, &ann).await, create(&app, &ann, "T").await);
    let from = head(&app, &who).await;
    let connection = app.database.connect().await;
    let bulk = connection.begin().await.unwrap();
    // Takes its transaction id first, as if it had locked another row before.
    bulk.execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    retitle(app.app.domain(), &who, task, "Version 2").await;
    append_event(&bulk, task, 3).await;
    bulk.commit().await.unwrap();
    let watcher = Watcher::of(&app, &ann).await;
    let mut stream = watcher.everything(&app, Some(&from)).await;
    let mut versions = Vec::new();
    while versions.last() != Some(&3) {
        versions.push(next(&mut stream).await.event.task.task.version);
    }
    assert!(versions.ends_with(&[2, 3]), "{versions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_switches_nodes_gets_each_of_two_thousand_changes_once() {
    const WRITERS: usize = 20;
    const CHANGES_OF_A_WRITER: usize = 100;
    const TASKS: usize = 10;
    const VISITS: usize = 11;

    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let who = actor(&app, &ann).await;
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        tasks.push(create(&app, &ann, &format!("Task {number}")).await);
    }
    let mut cursor = head_after(&app, &who, *tasks.last().unwrap()).await;
    let writing = (0..WRITERS).map(|writer| {
        let (domain, tasks) = (app.app.domain().clone(), tasks.clone());
        tokio::spawn(async move {
            for change in 0..CHANGES_OF_A_WRITER {
                let task = tasks[(writer + change) % TASKS];
                retitle(&domain, &who, task, &format!("By {writer}: {change}")).await;
            }
        })
    });
    let writing: Vec<_> = writing.collect();
    let total = WRITERS * CHANGES_OF_A_WRITER;
    let mut received: BTreeMap<TaskId, Vec<i32>> = BTreeMap::new();
    let mut count = 0;
    for visit in 1.. {
        let node = if visit % 2 == 0 { &other } else { &app };
        let watcher = Watcher::of(node, &ann).await;
        let mut stream = watcher.everything(node, Some(&cursor)).await;
        while count < (total * visit / VISITS).min(total) {
            let event = tokio::select! {
                event = next(&mut stream) => event,
                // A subscriber that is too slow is ended and resumes from its cursor.
                _ = watcher.live_connection.ended() => break,
            };
            let versions = received.entry(event.event.task_id).or_default();
            versions.push(event.event.task.task.version);
            cursor = event.event.cursor.clone();
            count += 1;
        }
        if count == total {
            break;
        }
    }
    for writer in writing {
        writer.await.unwrap();
    }
    // Each version once, in order.
    let last = i32::try_from(1 + total / TASKS).unwrap();
    for task in tasks {
        assert_eq!(received[&task], (2..=last).collect::<Vec<i32>>());
    }
}

#[tokio::test]
async fn a_cursor_of_another_log_or_of_pruned_events_requires_a_resync() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let who = actor(&app, &ann).await;
    let before_all = head(&app, &who).await;
    let old = create(&app, &ann, "Old").await;
    let watcher = Watcher::of(&app, &ann).await;
    let of_old = head_after(&app, &who, old).await;
    app.advance(TimeDelta::days(31));
    let fresh = create_as(&app, &who, "Fresh").await;
    let events = app.app.domain().events();
    assert_eq!(events.prune(&Actor::System, TimeDelta::days(30)).await.unwrap(), 1);
    assert_eq!(events.prune(&Actor::System, TimeDelta::days(30)).await.unwrap(), 0);
    let refused = events.prune(&who, TimeDelta::days(30)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Forbidden);
    // The cursor of the last pruned event still works.
    let mut stream = watcher.everything(&app, Some(&of_old)).await;
    assert_eq!(next(&mut stream).await.event.task_id, fresh);
    let live = app.app.domain().live();
    let refused = live
        .events(&watcher.live_connection, Watch::default(), Some(&before_all))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::ResyncRequired);
    app.database
        .execute("UPDATE event_log SET identity = 'restored0000000000000000restored'")
        .await;
    let refused = live
        .events(&watcher.live_connection, Watch::default(), Some(&of_old))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::ResyncRequired);
    // Connected clients are disconnected with that reason too.
    let ending = timeout(PATIENCE, watcher.live_connection.ended())
        .await
        .expect("it ends");
    assert_eq!(ending, Ending::Replaced);
}

#[tokio::test]
async fn a_slow_subscriber_is_ended_and_can_resume_from_its_cursor() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (who, task) = (actor(&app, &ann).await, create(&app, &ann, "T").await);
    let (slow, quick) = (Watcher::of(&app, &ann).await, Watcher::of(&app, &ann).await);
    let from = head_after(&app, &who, task).await;
    let mut idle = slow.everything(&app, Some(&from)).await;
    let mut reading = quick.everything(&app, Some(&from)).await;
    // Both have caught up and receive live events.
    retitle(app.app.domain(), &who, task, "First").await;
    for stream in [&mut idle, &mut reading] {
        assert_eq!(next(stream).await.event.task.task.version, 2);
    }
    let domain = app.app.domain();
    for change in 0..300 {
        retitle(domain, &who, task, &format!("{change}")).await;
        assert_eq!(next(&mut reading).await.event.task.task.version, change + 3);
    }
    // The buffered events have no gap, so that it can resume from the last one.
    let ending = timeout(PATIENCE, slow.live_connection.ended()).await.expect("it ends");
    assert_eq!(ending, Ending::Slow);
    let mut last = next(&mut idle).await;
    let mut taken = 2;
    assert_eq!(last.event.task.task.version, 3);
    while let Ok(event) = timeout(Duration::from_millis(100), idle.next()).await {
        last = event.unwrap().unwrap();
        taken += 1;
        assert_eq!(last.event.task.task.version, taken + 1);
    }
    let again = Watcher::of(&app, &ann).await;
    let mut resumed = again.everything(&app, Some(&last.event.cursor)).await;
    for version in taken + 2..=302 {
        assert_eq!(next(&mut resumed).await.event.task.task.version, version);
    }
    let mut all = again.everything(&app, Some(&from)).await;
    assert_eq!(next(&mut all).await.event.task.task.version, 2);
}

/// A write to the task that everybody watches.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Assigns it to one of the people, or to nobody.
    Assign(Option<usize>),
    Retitle,
    /// Deletes and restores it.
    Trash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::option::of(0..3_usize).prop_map(Step::Assign),
        2 => Just(Step::Retitle),
        1 => Just(Step::Trash),
    ]
}

/// The expected deliveries: task versions by person.
#[derive(Debug, Default)]
struct Model {
    version: i32,
    assignee: Option<usize>,
    delivered: [Vec<i32>; 3],
}

impl Model {
    fn deliver(&mut self, people: impl IntoIterator<Item = usize>) {
        self.version += 1;
        for person in people.into_iter().collect::<BTreeSet<_>>() {
            self.delivered[person].push(self.version);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Assign(to) if to == self.assignee => {}
            Step::Assign(to) => {
                let before = std::mem::replace(&mut self.assignee, to);
                self.deliver(before.into_iter().chain(to));
            }
            Step::Retitle => self.deliver(self.assignee),
            Step::Trash => {
                self.deliver(self.assignee);
                self.deliver(self.assignee);
            }
        }
    }
}

#[tokio::test]
async fn only_participants_and_administrators_receive_events_of_a_task() {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 1..20);
    for _ in 0..12 {
        check_receivers(&steps.new_tree(&mut runner).unwrap().current()).await;
    }
}

async fn check_receivers(steps: &[Step]) {
    let app = TestApp::start().await;
    let (owner, boss, eve) = (app.member().await, app.admin().await, app.member().await);
    let people = [app.member().await, app.member().await, app.member().await];
    let who = actor(&app, &owner).await;
    let mut watchers = Vec::new();
    for person in people.iter().chain([&owner, &boss, &eve]) {
        watchers.push(Watcher::of(&app, person).await);
    }
    let from = head(&app, &who).await;
    let mut streams = Vec::new();
    for watcher in &watchers {
        streams.push(watcher.everything(&app, None).await);
    }

    let task = create(&app, &owner, "Watched").await;
    let mut model = Model {
        version: 1,
        ..Model::default()
    };
    for step in steps {
        perform(&app, &who, task, *step, &people).await;
        model.apply(*step);
    }
    // The last event of each person is from their last task.
    for person in people.iter().chain([&owner, &boss, &eve]) {
        create(&app, person, "The end").await;
    }

    let everything: Vec<i32> = (1..=model.version).collect();
    let [one, two, three] = model.delivered;
    let expected = [one, two, three, everything.clone(), everything, Vec::new()];
    for (number, (watcher, expected)) in watchers.iter().zip(&expected).enumerate() {
        let received = versions_until_own(&mut streams[number], task, watcher).await;
        assert_eq!(received, *expected, "live, person {number}: {steps:?}");
        let mut replay = watcher.everything(&app, Some(&from)).await;
        let received = versions_until_own(&mut replay, task, watcher).await;
        assert_eq!(received, *expected, "replayed, person {number}: {steps:?}");
    }
}

async fn perform(app: &TestApp, who: &Actor, task: TaskId, step: Step, people: &[Person<'_>; 3]) {
    let tasks = app.app.domain().tasks();
    let any = ExpectedVersion::any();
    match step {
        Step::Assign(to) => {
            let to = to.map(|person| UserId(people[person].id));
            tasks.assign(who, task, to, any).await.unwrap();
        }
        Step::Retitle => {
            app.advance(TimeDelta::seconds(1));
            let title = format!("At {}", app.app.domain().clock().now());
            retitle(app.app.domain(), who, task, &title).await;
        }
        Step::Trash => {
            tasks.delete(who, task, ExpectedVersion::any()).await.unwrap();
            tasks.restore(who, task, ExpectedVersion::any()).await.unwrap();
        }
    }
}

/// Versions of a task that the watcher receives before the event of the watcher's last task.
async fn versions_until_own(stream: &mut EventStream, task: TaskId, watcher: &Watcher) -> Vec<i32> {
    let me = watcher.live_connection.actor().user_id().unwrap();
    let mut versions = Vec::new();
    loop {
        let event = next(stream).await;
        let shown = &event.event.task.task;
        if event.event.task_id == task {
            versions.push(shown.version);
        } else if shown.title == "The end" && shown.owner_id == me {
            return versions;
        }
    }
}
