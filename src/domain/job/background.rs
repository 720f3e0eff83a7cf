//! Background tasks over REST: counting the actor's tasks.

use std::time::Duration;

use serde_json::json;

use super::{JobId, JobKind, Jobs, NewJob};
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result, ViolationKind};
use crate::domain::named_enum::named_enum;
use crate::domain::policy::{self, Own, QueueJob};
use crate::domain::store;

/// Maximum number of queued background tasks of anonymous clients.
const MAX_ANONYMOUS: u64 = 100;
/// `Retry-After` when the queue is full.
const FULL_QUEUE_RETRY: Duration = Duration::from_mins(1);
/// Maximum number of characters of a message.
pub const MAX_MESSAGE_LENGTH: usize = 255;

/// A background task of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackgroundTask {
    /// The task's id.
    pub id: JobId,
    /// Its status.
    pub status: BackgroundTaskStatus,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it ended; `None` until then.
    pub finished_at: Option<Timestamp>,
}

named_enum! {
    /// Status of a background task, with its name in REST.
    BackgroundTaskStatus {
        /// It waits for its first or next attempt.
        Queued = "queued",
        /// A server runs it.
        Running = "running",
        /// It succeeded.
        Done = "done",
        /// It failed permanently.
        Failed = "failed",
    }
}

impl Jobs<'_> {
    /// Enqueues a job that counts the actor's tasks. The result and the message go to the server's log.
    pub async fn queue_background_task(self, actor: &Actor, message: Option<String>) -> Result<BackgroundTask> {
        let user = actor.signed_in()?.id;
        let permit = policy::permit(actor, QueueJob, &Own::of(user))?;
        let now = self.core.clock.now();
        let job = new_task(message.as_deref(), now)?;
        let transaction = self.core.store.begin().await?;
        let id = store::job::enqueue_for(&transaction, &permit, job).await?;
        transaction.commit().await?;
        Ok(queued_task(id, now))
    }

    /// Enqueues a job for an anonymous client, where the REST dialect allows that. The message goes to the server's
    /// log. At most `MAX_ANONYMOUS` such jobs may be queued.
    pub async fn queue_anonymous_task(self, message: Option<String>) -> Result<BackgroundTask> {
        let now = self.core.clock.now();
        let job = new_task(message.as_deref(), now)?;
        let system = policy::system(&Actor::System)?;
        let transaction = self.core.store.begin().await?;
        if store::job::count_anonymous_tasks(&transaction, &system).await? >= MAX_ANONYMOUS {
            return Err(Error::Unavailable {
                retry_after: FULL_QUEUE_RETRY,
                cause: None,
            });
        }
        let id = store::job::enqueue(&transaction, &system, job).await?;
        transaction.commit().await?;
        Ok(queued_task(id, now))
    }

    /// The status of a background task of the actor. It is kept for three days after its end.
    pub async fn get_background_task(self, actor: &Actor, id: JobId) -> Result<BackgroundTask> {
        let scope = policy::scope(actor)?;
        let (reader, now) = (self.core.store.reader(actor), self.core.clock.now());
        let found = store::job::find_background_task(&reader, &scope, id, now).await?;
        found.ok_or_else(|| Error::not_found(id))
    }
}

fn new_task(message: Option<&str>, now: Timestamp) -> Result<NewJob> {
    let text = message.unwrap_or_default();
    if text.contains('\0') {
        return Err(Error::invalid("message", "message cannot contain the character NUL"));
    }
    let length = text.chars().count();
    if length > MAX_MESSAGE_LENGTH {
        return Err(Error::violation(
            "message",
            ViolationKind::TooLong(MAX_MESSAGE_LENGTH),
            format!("message has {length} characters; up to {MAX_MESSAGE_LENGTH} are allowed"),
        ));
    }
    Ok(NewJob::new(JobKind::BackgroundTask, json!({ "message": message }), now))
}

fn queued_task(id: JobId, now: Timestamp) -> BackgroundTask {
    BackgroundTask {
        id,
        status: BackgroundTaskStatus::Queued,
        created_at: now,
        finished_at: None,
    }
}
