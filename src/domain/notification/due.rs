//! Due dates that are near or over: whoever owns an open task or has it assigned is told of each once.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{NotificationKind, Notifications};
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::policy::{self, RemindOfTask, Users};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::task::Task;

/// A task is due soon when it is due within this time.
pub const SOON: TimeDelta = TimeDelta::hours(24);
/// The tasks of so many are locked at once.
const BATCH: u64 = 100;

impl Notifications<'_> {
    /// Tells everybody of the due dates of their open tasks that are near or over, unless they were told of that
    /// date before. Another date is another matter. Returns how many notifications were made.
    pub async fn notify_due(self, actor: &Actor) -> Result<u64> {
        let scope = policy::scope(actor)?;
        let mut total = 0;
        loop {
            let now = self.core.clock.now();
            let due =
                store::due_notice::find_due(&self.core.store.reader(actor), &scope, now, now + SOON, BATCH).await?;
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
    let Some((due_date, kind)) = what_is_due(task, now) else {
        return Ok(0);
    };
    let permit = policy::permit(actor, RemindOfTask, task)?;
    let users = policy::scope::<Users>(actor)?;
    let receivers: BTreeSet<_> = [Some(task.owner_id), task.assignee_id].into_iter().flatten().collect();
    let mut made = 0;
    for user in receivers {
        if store::user::is_active(transaction.connection(), &users, user).await? {
            let is_new = store::due_notice::insert(transaction, &permit, task, due_date, (user, kind), now).await?;
            made += u64::from(is_new);
        }
    }
    Ok(made)
}

/// What there is to tell of a task's due date.
fn what_is_due(task: &Task, now: Timestamp) -> Option<(Timestamp, NotificationKind)> {
    let is_open = !task.status.is_closed() && task.deleted_at.is_none();
    let due_date = task.due_date.filter(|due| is_open && *due <= now + SOON)?;
    let kind = if task.is_overdue(now) {
        NotificationKind::Overdue
    } else {
        NotificationKind::DueSoon
    };
    Some((due_date, kind))
}
