//! The work of each kind of job. All of it is idempotent.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::retry::Failure;
use super::{Claim, JobKind, mail};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::attachment::Attachments;
use crate::domain::error::{Error, described};
use crate::domain::event::Events;
use crate::domain::idempotency::Idempotency;
use crate::domain::notification::Notifications;
use crate::domain::policy;
use crate::domain::session::Sessions;
use crate::domain::store;
use crate::domain::task::{Comparison, TaskFilter, TaskList, Tasks};

pub(super) type Result<T> = std::result::Result<T, Failure>;

/// Retention of finished jobs.
const KEEP_DONE: TimeDelta = TimeDelta::days(3);
/// Retention of dead jobs.
const KEEP_DEAD: TimeDelta = TimeDelta::days(30);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Passing(described(error))
    }
}

pub(super) async fn of(core: &Arc<Core>, claim: &Claim) -> Result<()> {
    let system = &Actor::System;
    let kind = claim.kind.as_str();
    let done = match claim.kind {
        JobKind::SendMail => return mail::send_notification(core, claim).await,
        JobKind::VerifyEmail => return mail::send_verification(core, claim).await,
        JobKind::RemoveFiles => {
            let RemoveFiles { keys } = payload(claim)?;
            return Ok(core.storage.remove_all(&keys).await?);
        }
        JobKind::BackgroundTask => return count_tasks(core, claim).await,
        JobKind::NotifyDue => Notifications::new(core).notify_due(system).await?,
        JobKind::PurgeTrash => Tasks::new(core).purge_trash(system, core.trash_retention).await?,
        JobKind::RemoveOrphans => Attachments::new(core).remove_orphans(system).await?,
        JobKind::ForgetEvents => Events::new(core).prune(system, core.event_retention).await?,
        JobKind::ForgetSessions => Sessions::new(core).forget_ended(system).await?,
        JobKind::ForgetKeys => Idempotency::new(core).forget_expired(system).await?,
        JobKind::ForgetJobs => forget_jobs(core).await?,
    };
    if done > 0 {
        tracing::info!(kind, done, "background work");
    }
    Ok(())
}

/// The payload of a job. If it cannot be parsed now, it never can.
pub(super) fn payload<T: DeserializeOwned>(claim: &Claim) -> Result<T> {
    serde_json::from_value(claim.payload.clone()).map_err(|error| Failure::Final(error.into()))
}

#[derive(Deserialize)]
struct RemoveFiles {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct BackgroundTask {
    message: Option<String>,
}

/// Counts the tasks of the user who requested it, and logs the result.
async fn count_tasks(core: &Core, claim: &Claim) -> Result<()> {
    let BackgroundTask { message } = payload(claim)?;
    let Some(user) = claim.user_id else {
        tracing::info!(job = %claim.id, message = ?message, "an anonymous background task is done");
        return Ok(());
    };
    let theirs = || {
        TaskFilter::Any(vec![
            TaskFilter::Owner(Comparison::Equal(user)),
            TaskFilter::Assignee(Comparison::Equal(user)),
        ])
    };
    let count = async |more: TaskFilter| {
        let list = TaskList {
            filter: TaskFilter::All(vec![theirs(), more]).try_into()?,
            ..TaskList::default()
        };
        Tasks::new(core).count(&Actor::System, &list).await
    };
    let total = count(TaskFilter::default()).await?;
    let completed = count(TaskFilter::Completed(true)).await?;
    let overdue = count(TaskFilter::Overdue(true)).await?;
    tracing::info!(job = %claim.id, user_id = %user, total, completed, overdue, message = ?message, "a background task is done");
    Ok(())
}

async fn forget_jobs(core: &Core) -> Result<u64> {
    let system = policy::system(&Actor::System)?;
    let now = core.clock.now();
    let transaction = core.store.begin().await?;
    let forgotten = store::job::forget(&transaction, &system, now - KEEP_DONE, now - KEEP_DEAD).await?;
    store::job::mail_count::forget_before(&transaction, &system, mail::hour_of(core)).await?;
    transaction.commit().await?;
    Ok(forgotten)
}
