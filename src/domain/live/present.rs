//! The tasks of events as they are now.
//!
//! A node remembers the newest event of each recent task. Once it has read the whole log, that event shows the present
//! task, so a live event needs no read. Otherwise the task is read, once for all receivers between two looks at the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use moka::{future, sync};

use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventCursor, EventType, LoggedEvent};
use crate::domain::id::TaskId;
use crate::domain::policy::{self, Scope, Tasks};
use crate::domain::store::{self, Store};
use crate::domain::task::Task;

/// Memory for the newest events, in bytes.
const NEWEST_BYTES: u64 = 16 * 1024 * 1024;
/// Memory for an event without its texts, in bytes; an estimate.
const EVENT_BYTES: usize = 1_500;
/// The maximum number of tasks that were read and are shared.
const READ_TASKS: u64 = 1_000;
/// The maximum number of tasks whose newest version that was read is known.
const READ_VERSIONS: u64 = 10_000;

/// A task as it is now.
#[derive(Clone, Debug)]
pub enum PresentTask {
    /// As its newest event left it.
    Logged(Arc<LoggedEvent>),
    /// As it was read; `None` if it is deleted for good.
    Read(Option<Arc<Task>>),
}

impl PresentTask {
    /// The task if it exists and this scope includes it.
    #[must_use]
    pub fn visible_to(self, scope: &Scope<Tasks>) -> Option<VisibleTask> {
        match self {
            Self::Logged(event) => {
                let exists = event.event.kind != EventType::Purged;
                (exists && scope.sees(&event.event.task.task)).then_some(VisibleTask::Logged(event))
            }
            Self::Read(task) => task.filter(|task| scope.sees(task)).map(VisibleTask::Read),
        }
    }
}

/// A task as it is now, for a receiver who may see it.
#[derive(Clone, Debug)]
pub enum VisibleTask {
    /// As its newest event left it, with its tags and files.
    Logged(Arc<LoggedEvent>),
    /// As it was read, without them.
    Read(Arc<Task>),
}

/// How long a present task may be shown to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Until the task's next event after this one.
    Event(EventCursor),
    /// Until the next look at the log after the one with this number.
    Look(u64),
}

/// What a node knows of tasks as they are now.
#[derive(Debug)]
pub(super) struct PresentTasks {
    /// The newest event of each recent task.
    newest: sync::Cache<TaskId, Arc<LoggedEvent>>,
    /// Tasks that were read, each with the number of the look before.
    read: future::Cache<(TaskId, u64), Option<Arc<Task>>>,
    /// The newest version of each recent task that was read. An event may arrive after its version was read.
    read_versions: sync::Cache<TaskId, i32>,
    /// How many looks at the log have begun.
    looks: AtomicU64,
    /// Whether the last look read all that was committed.
    is_complete: AtomicBool,
}

impl Default for PresentTasks {
    fn default() -> Self {
        let newest = sync::Cache::builder()
            .max_capacity(NEWEST_BYTES)
            .weigher(|_, event: &Arc<LoggedEvent>| bytes_of(event))
            // The default policy may refuse a new task in favour of older ones.
            .eviction_policy(moka::policy::EvictionPolicy::lru());
        Self {
            newest: newest.build(),
            read: future::Cache::new(READ_TASKS),
            read_versions: sync::Cache::new(READ_VERSIONS),
            looks: AtomicU64::default(),
            is_complete: AtomicBool::default(),
        }
    }
}

fn bytes_of(event: &LoggedEvent) -> u32 {
    let description = event.event.task.task.description.as_ref().map_or(0, String::len);
    // A change has the description before and after, the task has it once more.
    u32::try_from(EVENT_BYTES + 3 * description).unwrap_or(u32::MAX)
}

impl PresentTasks {
    /// A look at the log begins.
    pub(super) fn begin_look(&self) {
        self.looks.fetch_add(1, Ordering::AcqRel);
    }

    /// A look at the log failed, so newer events may exist.
    pub(super) fn fail_look(&self) {
        self.is_complete.store(false, Ordering::Release);
    }

    /// Remembers events before they are delivered. `is_complete` says whether they are all that was committed.
    pub(super) fn remember(&self, events: &[Arc<LoggedEvent>], is_complete: bool) {
        for event in events {
            self.newest.insert(event.event.task_id, Arc::clone(event));
        }
        self.is_complete.store(is_complete, Ordering::Release);
    }

    /// The log was replaced.
    pub(super) fn forget(&self) {
        self.newest.invalidate_all();
        self.read.invalidate_all();
        self.read_versions.invalidate_all();
    }

    /// The task of an event as it is now, which is never older than the event.
    pub(super) async fn of(&self, store: &Store, event: &LoggedEvent) -> Result<(PresentTask, Moment)> {
        if self.is_complete.load(Ordering::Acquire)
            && let Some(newest) = self.newest_after(event)
        {
            let moment = Moment::Event(newest.event.cursor.clone());
            return Ok((PresentTask::Logged(newest), moment));
        }
        let look = self.looks.load(Ordering::Acquire);
        let read = read(store, event.event.task_id);
        let task = self.read.try_get_with((event.event.task_id, look), read).await;
        let task = task.map_err(|error| Error::clone(&error))?;
        // A task that is deleted for good has no later version.
        let version = task.as_ref().map_or(i32::MAX, |task| task.version);
        let entry = self.read_versions.entry(event.event.task_id);
        entry.and_upsert_with(|known| known.map_or(version, |known| known.into_value().max(version)));
        Ok((PresentTask::Read(task), Moment::Look(look)))
    }

    fn newest_after(&self, event: &LoggedEvent) -> Option<Arc<LoggedEvent>> {
        let (newest, cursor) = (self.newest.get(&event.event.task_id)?, &event.event.cursor);
        let is_after = newest.event.cursor.log == cursor.log && newest.event.cursor.place() >= cursor.place();
        let version = newest.event.task.task.version;
        let is_newest_read = self
            .read_versions
            .get(&event.event.task_id)
            .is_none_or(|read| read <= version);
        (is_after && is_newest_read).then_some(newest)
    }
}

/// Reads a task for all receivers; [`PresentTask::visible_to`] decides who gets it.
async fn read(store: &Store, task: TaskId) -> Result<Option<Arc<Task>>> {
    let scope = policy::scope(&Actor::System)?;
    let found = store::task::find_many(store.system_reader(), &scope, &[task]).await?;
    Ok(found.into_iter().next().map(Arc::new))
}
