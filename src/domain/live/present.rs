//! The current state of the tasks of events.
//!
//! A node caches the newest event of recent tasks. After it has read the whole log, that event holds the current task,
//! and no query is needed. Otherwise the task is read once for all receivers between two looks at the log.

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

/// Memory limit for the newest events, in bytes.
const NEWEST_BYTES: u64 = 16 * 1024 * 1024;
/// Estimated memory of an event without its texts, in bytes.
const EVENT_BYTES: usize = 1_500;
/// Maximum number of cached tasks.
const READ_TASKS: u64 = 1_000;
/// Maximum number of tasks whose newest version is cached.
const READ_VERSIONS: u64 = 10_000;
/// A purged task has no later version.
const NO_LATER_VERSION: i32 = i32::MAX;

/// The current state of a task.
#[derive(Clone, Debug)]
pub enum PresentTask {
    /// From its newest event.
    Logged(Arc<LoggedEvent>),
    /// From the database; `None` if it is purged.
    Read(Option<Arc<Task>>),
}

impl PresentTask {
    /// The task if it exists and is in this scope.
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

/// The current state of a task that the receiver may see.
#[derive(Clone, Debug)]
pub enum VisibleTask {
    /// From its newest event, with tags and files.
    Logged(Arc<LoggedEvent>),
    /// From the database, without tags and files.
    Read(Arc<Task>),
}

/// How long a current task may be shown to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Until the task's next event after the delivered one, which is its newest.
    Own,
    /// Until the task's next event after this one.
    Event(EventCursor),
    /// Until the look at the log after this one.
    Look(u64),
}

/// Cache of current tasks.
#[derive(Debug)]
pub(super) struct PresentTasks {
    /// The newest event of each recent task.
    newest: sync::Cache<TaskId, Arc<LoggedEvent>>,
    /// Tasks from the database, by id and number of the last look.
    read: future::Cache<(TaskId, u64), Option<Arc<Task>>>,
    /// The newest version of each recent task. An event may arrive after its version was read.
    read_versions: sync::Cache<TaskId, i32>,
    /// Number of looks at the log that have begun.
    looks: AtomicU64,
    /// Whether the last look read all committed events.
    is_complete: AtomicBool,
}

impl Default for PresentTasks {
    fn default() -> Self {
        let newest = sync::Cache::builder()
            .max_capacity(NEWEST_BYTES)
            .weigher(|_, event: &Arc<LoggedEvent>| bytes_of(event))
            // The default policy may reject a new task in favour of older ones.
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
    // The text occurs in the change, before and after, and in the task.
    u32::try_from(EVENT_BYTES + 3 * description).unwrap_or(u32::MAX)
}

impl PresentTasks {
    /// Starts a look at the log.
    pub(super) fn begin_look(&self) {
        self.looks.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of a look that began after this one. Receivers who find the same old task get the same number, so the
    /// task is read once for all of them.
    fn look_after(&self, look: u64) -> u64 {
        let next = look + 1;
        self.looks.fetch_max(next, Ordering::AcqRel).max(next)
    }

    /// A look failed, so newer events may exist.
    pub(super) fn fail_look(&self) {
        self.is_complete.store(false, Ordering::Release);
    }

    /// Caches events before they are delivered. `is_complete`: no other event is committed.
    pub(super) fn remember(&self, events: &[Arc<LoggedEvent>], is_complete: bool) {
        for event in events {
            self.newest.insert(event.event.task_id, Arc::clone(event));
        }
        self.is_complete.store(is_complete, Ordering::Release);
    }

    /// Clears the cache after the log was replaced.
    pub(super) fn forget(&self) {
        self.newest.invalidate_all();
        self.read.invalidate_all();
        self.read_versions.invalidate_all();
    }

    /// The current task of an event, never older than the event.
    pub(super) async fn of(&self, store: &Store, event: &LoggedEvent) -> Result<(PresentTask, Moment)> {
        if self.is_complete.load(Ordering::Acquire)
            && let Some(newest) = self.newest_after(event)
        {
            let moment = if newest.event.cursor == event.event.cursor {
                Moment::Own
            } else {
                Moment::Event(newest.event.cursor.clone())
            };
            return Ok((PresentTask::Logged(newest), moment));
        }
        let mut look = self.looks.load(Ordering::Acquire);
        let mut task = self.read_once(store, event.event.task_id, look).await?;
        if task
            .as_ref()
            .is_some_and(|task| task.version < self.least_version(event))
        {
            // It was read during this look, but before the commit of the event. A new number also invalidates responses
            // that contain it.
            look = self.look_after(look);
            task = self.read_once(store, event.event.task_id, look).await?;
        }
        let version = task.as_ref().map_or(NO_LATER_VERSION, |task| task.version);
        let entry = self.read_versions.entry(event.event.task_id);
        entry.and_upsert_with(|known| known.map_or(version, |known| known.into_value().max(version)));
        Ok((PresentTask::Read(task), Moment::Look(look)))
    }

    /// Reads a task from the database, unless it was read during this look.
    async fn read_once(&self, store: &Store, task: TaskId, look: u64) -> Result<Option<Arc<Task>>> {
        let read = self.read.try_get_with((task, look), read(store, task)).await;
        read.map_err(|error| Error::clone(&error))
    }

    /// The version of the task that clients know from this event or a newer one. No older one may be shown.
    fn least_version(&self, event: &LoggedEvent) -> i32 {
        let newest = self.newest.get(&event.event.task_id);
        let newest = newest.map_or(0, |newest| version_after(&newest));
        newest.max(version_after(event))
    }

    fn newest_after(&self, event: &LoggedEvent) -> Option<Arc<LoggedEvent>> {
        let (newest, cursor) = (self.newest.get(&event.event.task_id)?, &event.event.cursor);
        let is_after = newest.event.cursor.log == cursor.log && newest.event.cursor.place() >= cursor.place();
        let version = newest.event.task.task.version;
        // Few tasks have an entry, and `get` records each look-up.
        let is_newest_read = !self.read_versions.contains_key(&event.event.task_id)
            || self
                .read_versions
                .get(&event.event.task_id)
                .is_none_or(|read| read <= version);
        (is_after && is_newest_read).then_some(newest)
    }
}

/// The version of the task that an event leaves.
fn version_after(LoggedEvent { event, .. }: &LoggedEvent) -> i32 {
    if event.kind == EventType::Purged {
        NO_LATER_VERSION
    } else {
        event.task.task.version
    }
}

/// Reads a task for all receivers; [`PresentTask::visible_to`] decides who gets it.
async fn read(store: &Store, task: TaskId) -> Result<Option<Arc<Task>>> {
    let scope = policy::scope(&Actor::System)?;
    let found = store::task::find_many(store.system_reader(), &scope, &[task]).await?;
    Ok(found.into_iter().next().map(Arc::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_who_find_the_same_old_task_share_the_next_look() {
        let present = PresentTasks::default();
        present.begin_look();
        assert_eq!([present.look_after(1), present.look_after(1)], [2, 2]);
        // The reader of the log has begun another look meanwhile.
        present.begin_look();
        assert_eq!([present.look_after(1), present.look_after(3)], [3, 4]);
    }
}
