//! Due dates and due days that are near or over: whoever owns an open task or has it assigned is told of each once.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{NotificationKind, Notifications};
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::local_time::{LocalNow, TimeZone};
use crate::domain::policy::{self, RemindOfTask, Users};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::task::Task;

/// A task is due soon when it is due within this time.
pub const SOON: TimeDelta = TimeDelta::hours(24);
/// The tasks of so many are locked at once.
const BATCH: u64 = 100;

/// What is near or over at a moment for users of one time zone.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct DueAt {
    pub(in crate::domain) now: LocalNow,
    /// The time that still counts as soon.
    pub(in crate::domain) soon: LocalNow,
}

impl DueAt {
    fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self {
            now: LocalNow::at(now, zone),
            soon: LocalNow::at(now + SOON, zone),
        }
    }

    /// What there is to tell of a task.
    fn kind(self, task: &Task) -> Option<NotificationKind> {
        // A day is over when the next one begins.
        let is_near = task.due_date.is_some_and(|due| due <= self.soon.moment)
            || task.due_on.is_some_and(|due| due < self.soon.today);
        if task.status.is_closed() || task.deleted_at.is_some() || !is_near {
            return None;
        }
        Some(if task.is_overdue(self.now) {
            NotificationKind::Overdue
        } else {
            NotificationKind::DueSoon
        })
    }
}

impl Notifications<'_> {
    /// Tells everybody of the due dates of their open tasks that are near or over, unless they were told of that
    /// date before. Another date is another matter. Due days are over by the time zone of the user who is told. Returns
    /// how many notifications were made.
    pub async fn notify_due(self, actor: &Actor) -> Result<u64> {
        let users = policy::scope::<Users>(actor)?;
        let mut total = 0;
        for zone in store::user::active_time_zones(&self.core.store.reader(actor), &users).await? {
            total += self.notify_due_in(actor, &zone).await?;
        }
        Ok(total)
    }

    async fn notify_due_in(self, actor: &Actor, zone: &store::user::StoredTimeZone) -> Result<u64> {
        let scope = policy::scope(actor)?;
        let mut total = 0;
        loop {
            let now = self.core.clock.now();
            let at = DueAt::new(now, zone.time_zone());
            let due =
                store::notification::due_notice::find_due(&self.core.store.reader(actor), &scope, at, zone, BATCH)
                    .await?;
            let made = self.notify_of(actor, &due, now).await?;
            total += made;
            // What was found and changed meanwhile is looked at the next time.
            if made == 0 {
                return Ok(total);
            }
        }
    }

    async fn notify_of(self, actor: &Actor, tasks: &[TaskId], now: Timestamp) -> Result<u64> {
        if tasks.is_empty() {
            return Ok(0);
        }
        let scope = policy::scope(actor)?;
        let transaction = self.core.store.begin().await?;
        let mut made = 0;
        for snapshot in store::task::lock_many(&transaction, &scope, tasks).await? {
            made += notify_of_one(actor, &transaction, &snapshot.task, now).await?;
        }
        transaction.commit().await?;
        Ok(made)
    }
}

async fn notify_of_one(actor: &Actor, transaction: &WriteTransaction, task: &Task, now: Timestamp) -> Result<u64> {
    let permit = policy::permit(actor, RemindOfTask, task)?;
    let users = policy::scope::<Users>(actor)?;
    let receivers: BTreeSet<_> = [Some(task.owner_id), task.assignee_id].into_iter().flatten().collect();
    let mut made = 0;
    for user in receivers {
        let Some(zone) = store::user::lock_time_zone(transaction, &users, user).await? else {
            continue;
        };
        if let Some(kind) = DueAt::new(now, zone).kind(task) {
            let is_new = store::notification::due_notice::insert(transaction, &permit, task, (user, kind), now).await?;
            made += u64::from(is_new);
        }
    }
    Ok(made)
}
