//! After a fault: compares acknowledged writes and received events with the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use sea_orm::FromQueryResult;
use serde_json::Value;

use super::load::{Acknowledged, Event, Received};
use crate::support::database::{TestDatabase, is_postgres};

/// Counts of errors. All must be zero.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reckoning {
    /// Acknowledged writes that are not in the task or not in the event log.
    pub missing: usize,
    /// Writes that were done twice, and versions with two events.
    pub doubled: usize,
    /// Tasks that differ from their last event, or have a version without an event.
    pub torn: usize,
    /// Events that a subscriber did not receive.
    pub lost: usize,
    /// Events that a subscriber received twice.
    pub repeated: usize,
    /// Events that a subscriber received before an earlier one.
    pub disordered: usize,
}

impl Display for Reckoning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            missing,
            doubled,
            torn,
            lost,
            repeated,
            disordered,
        } = self;
        write!(
            out,
            "{missing} | {doubled} | {torn} | {lost} | {repeated} | {disordered}"
        )
    }
}

#[derive(FromQueryResult)]
struct TaskRow {
    id: i32,
    version: i32,
    title: String,
}

#[derive(FromQueryResult)]
struct EventRow {
    task_id: i32,
    task: Value,
}

/// The tasks and the event log of a database.
pub struct Contents {
    tasks: BTreeMap<i64, (i64, String)>,
    /// Task, version and title, in the order of delivery.
    log: Vec<(Event, String)>,
}

impl Contents {
    pub async fn read(database: &TestDatabase) -> Self {
        let tasks = database.rows::<TaskRow>("SELECT id, version, title FROM tasks").await;
        let events = "SELECT task_id, task FROM task_events ORDER BY transaction_id, id";
        let events = database.rows::<EventRow>(events).await;
        let logged = |event: EventRow| {
            let title = event.task["title"].as_str().unwrap().to_owned();
            let version = event.task["version"].as_i64().unwrap();
            ((i64::from(event.task_id), version), title)
        };
        Self {
            tasks: tasks
                .into_iter()
                .map(|task| (i64::from(task.id), (i64::from(task.version), task.title)))
                .collect(),
            log: events.into_iter().map(logged).collect(),
        }
    }

    pub fn events(&self) -> usize {
        self.log.len()
    }

    pub fn last(&self) -> Event {
        self.log.last().unwrap().0
    }

    /// Compares acknowledged writes with the tasks and the log.
    pub fn reckon(&self, acknowledged: &[Acknowledged]) -> Reckoning {
        let log: BTreeMap<Event, &str> = self.log.iter().map(|(event, title)| (*event, title.as_str())).collect();
        let is_missing = |write: &&Acknowledged| {
            log.get(&(write.task, write.version)) != Some(&write.title.as_str())
                || self
                    .tasks
                    .get(&write.task)
                    .is_none_or(|(version, _)| *version < write.version)
        };
        // Each write of the load has a unique title.
        let titles = self.log.iter().filter(|(_, title)| title.starts_with("Write "));
        let titles: Vec<&str> = titles.map(|(_, title)| title.as_str()).collect();
        let distinct: BTreeSet<&str> = titles.iter().copied().collect();
        let is_torn = |(id, (version, title)): &(&i64, &(i64, String))| {
            let versions = log.range((**id, 0)..=(**id, i64::MAX));
            let last = versions.clone().next_back();
            i64::try_from(versions.count()).unwrap() != *version || last != Some((&(**id, *version), &title.as_str()))
        };
        let without_task = log.keys().filter(|(task, _)| !self.tasks.contains_key(task)).count();
        Reckoning {
            missing: acknowledged.iter().filter(is_missing).count(),
            doubled: titles.len() - distinct.len() + self.log.len() - log.len(),
            torn: self.tasks.iter().filter(is_torn).count() + without_task,
            ..Reckoning::default()
        }
    }

    /// Adds the errors in what subscribers received. `first` is the index of the first event of the load.
    pub fn reckon_events(&self, reckoning: &mut Reckoning, first: usize, received: &[Received]) {
        let places: BTreeMap<Event, usize> = (0..)
            .zip(&self.log)
            .map(|(place, (event, _))| (*event, place))
            .collect();
        for received in received {
            let found: Vec<usize> = received
                .events
                .iter()
                .filter_map(|event| places.get(event).copied())
                .collect();
            let distinct: BTreeSet<usize> = found.iter().copied().collect();
            let first = match distinct.first() {
                Some(begin) if received.has_resynchronized => *begin,
                _ => first,
            };
            let unknown = received.events.len() - found.len();
            reckoning.lost += (self.log.len() - first).saturating_sub(distinct.len()) + unknown;
            reckoning.repeated += found.len() - distinct.len();
            reckoning.disordered += found.windows(2).filter(|pair| pair[0] > pair[1]).count();
        }
    }
}

/// A row of the report.
pub struct Row<'a> {
    pub fault: &'a str,
    pub acknowledged: usize,
    pub reckoning: &'a Reckoning,
    /// Failed attempts of clients.
    pub failures: usize,
    /// Writes that succeeded, but whose response was lost: the repeated request got it.
    pub unanswered: usize,
    /// From the end of the fault until every server answers reads and writes.
    pub recovery: Duration,
    /// Reasons of `/readyz` and alerts during the fault.
    pub shown: &'a BTreeSet<String>,
}

impl Row<'_> {
    /// Appends it to the report of `cargo xtask chaos`.
    pub fn write(&self) {
        let Some(path) = report() else { return };
        let database = if is_postgres() { "PostgreSQL" } else { "SQLite" };
        let shown: Vec<&str> = self.shown.iter().map(String::as_str).collect();
        let row = format!(
            "| {} | {database} | {} | {} | {} | {} | {:.1} s | {} |\n",
            self.fault,
            self.acknowledged,
            self.reckoning,
            self.failures,
            self.unanswered,
            self.recovery.as_secs_f64(),
            shown.join("; ")
        );
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(row.as_bytes()).unwrap();
    }
}

/// The file of the report; `None` outside of `cargo xtask chaos`.
#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
pub fn report() -> Option<std::ffi::OsString> {
    std::env::var_os("TASKWIRE_CHAOS_REPORT")
}
