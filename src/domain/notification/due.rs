//! Notifications of due dates: owner and assignee of an open task get one when it is due soon and one when it is
//! overdue.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{NotificationKind, Notifications};
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::local_time::{LocalNow, TimeZone, stored_time_zone};
use crate::domain::policy::{self, RemindOfTask, Users};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::task::Task;

/// The lead time of `DueSoon`.
pub const SOON: TimeDelta = TimeDelta::hours(24);
/// Tasks that are locked at once.
const BATCH: u64 = 100;

/// The moment of the check, for users of one time zone.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct DueAt {
    pub(in crate::domain) now: LocalNow,
    /// The latest time that counts as due soon.
    pub(in crate::domain) soon: LocalNow,
}

impl DueAt {
    fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self {
            now: LocalNow::at(now, zone),
            soon: LocalNow::at(now + SOON, zone),
        }
    }

    fn kind(self, task: &Task) -> Option<NotificationKind> {
        // A day is past when the next one begins.
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
    /// Notifies owners and assignees of open tasks that are due soon or overdue, once for each due date. Due days end
    /// in the time zone of the receiver. Returns the number of new notifications.
    pub async fn notify_due(self, actor: &Actor) -> Result<u64> {
        let users = policy::scope::<Users>(actor)?;
        let mut total = 0;
        for zone in store::user::active_time_zones(&self.core.store.reader(actor), &users).await? {
            total += self.notify_due_in(actor, &zone).await?;
        }
        Ok(total)
    }

    async fn notify_due_in(self, actor: &Actor, zone: &str) -> Result<u64> {
        let scope = policy::scope(actor)?;
        let mut total = 0;
        loop {
            let now = self.core.clock.now();
            let at = DueAt::new(now, stored_time_zone(zone));
            let due =
                store::notification::due_notice::find_due(&self.core.store.reader(actor), &scope, at, zone, BATCH)
                    .await?;
            let created = self.notify_of(actor, &due, now).await?;
            total += created;
            // Tasks that changed meanwhile are found again by the next run.
            if created == 0 {
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
        let mut created = 0;
        for snapshot in store::task::lock_many(&transaction, &scope, tasks).await? {
            created += notify_of_one(actor, &transaction, &snapshot.task, now).await?;
        }
        transaction.commit().await?;
        Ok(created)
    }
}

async fn notify_of_one(actor: &Actor, transaction: &WriteTransaction, task: &Task, now: Timestamp) -> Result<u64> {
    let permit = policy::permit(actor, RemindOfTask, task)?;
    let users = policy::scope::<Users>(actor)?;
    let receivers: BTreeSet<_> = [Some(task.owner_id), task.assignee_id].into_iter().flatten().collect();
    let mut created = 0;
    for user in receivers {
        let Some(zone) = store::user::lock_time_zone(transaction, &users, user).await? else {
            continue;
        };
        if let Some(kind) = DueAt::new(now, zone).kind(task) {
            let is_new = store::notification::due_notice::insert(transaction, &permit, task, (user, kind), now).await?;
            created += u64::from(is_new);
        }
    }
    Ok(created)
}
