//! Removal of stored files after their rows were deleted, with a task or an account.

use chrono::TimeDelta;
use serde_json::json;

use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::attachment::storage::Storage;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::JobId;
use crate::domain::job::{JobKind, NewJob};
use crate::domain::policy;
use crate::domain::store::{self, Store, WriteTransaction};

/// Delay of the job. The writer removes the files itself; the job is for failures.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Files to remove after the commit: at once, or by a job if that fails or the server dies.
#[derive(Debug)]
pub(in crate::domain) struct Removal {
    keys: Vec<String>,
    job: Option<JobId>,
}

impl Removal {
    /// Enqueues the job, in the transaction that deletes the rows.
    pub(in crate::domain) async fn plan(
        transaction: &WriteTransaction,
        keys: Vec<String>,
        now: Timestamp,
    ) -> Result<Self> {
        if keys.is_empty() {
            return Ok(Self { keys, job: None });
        }
        let job = NewJob {
            run_at: now + GRACE,
            ..NewJob::new(JobKind::RemoveFiles, json!({ "keys": keys }), now)
        };
        let system = policy::system(&Actor::System)?;
        let job = Some(store::job::enqueue(transaction, &system, job).await?);
        Ok(Self { keys, job })
    }

    /// Removes the files, after the commit. It continues if the caller is cancelled.
    pub(in crate::domain) async fn carry_out(self, core: &Core) {
        let Some(job) = self.job else {
            return;
        };
        let removing = tokio::spawn(remove(core.storage.clone(), core.store.clone(), self.keys, job));
        if let Ok(Err(error)) = removing.await {
            tracing::warn!(%job, "files were not removed at once, and a job will try again: {:?}", error.cause());
        }
    }
}

async fn remove(storage: Storage, store: Store, keys: Vec<String>, job: JobId) -> Result<()> {
    storage.remove_all(&keys).await?;
    let system = policy::system(&Actor::System)?;
    let transaction = store.begin().await?;
    store::job::cancel(&transaction, &system, job).await?;
    transaction.commit().await
}
