//! Removal of stored files after their rows were deleted, with a task or an account. Also removal of files without
//! rows, left by a server that died during an upload.

use chrono::TimeDelta;
use futures_util::TryStreamExt as _;
use serde_json::json;

use super::Attachments;
use super::storage::{REMOVED_AT_ONCE, Storage};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::job::{JobId, JobKind, NewJob};
use crate::domain::policy;
use crate::domain::store::{self, Store, WriteTransaction};

/// Delay of the job. The writer removes the files itself; the job is for failures.
const GRACE: TimeDelta = TimeDelta::minutes(1);
/// Younger files without a row may belong to a running upload.
const UPLOAD_GRACE: TimeDelta = TimeDelta::hours(1);
/// Files per query.
const BATCH: usize = 500;

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
    // Stops at the first failure: each removal waits long for an unreachable bucket.
    for some in keys.chunks(REMOVED_AT_ONCE) {
        storage.remove_all(some).await?;
    }
    let system = policy::system(&Actor::System)?;
    let transaction = store.begin().await?;
    store::job::cancel(&transaction, &system, job).await?;
    transaction.commit().await
}

impl Attachments<'_> {
    /// Removes stored files that have no row and are older than an hour, and partial uploads. Files with names in
    /// another format are not touched. Returns the number of removed files.
    ///
    /// If the database has no row of any file, nothing is removed: it may be the wrong database.
    pub async fn remove_orphans(self, actor: &Actor) -> Result<u64> {
        policy::system(actor)?;
        let scope = policy::scope(actor)?;
        let reader = &self.core.store.reader(actor);
        if !store::attachment::is_any_recorded(reader, &scope).await? {
            return Ok(0);
        }
        let before = self.core.clock.now() - UPLOAD_GRACE;
        let mut removed = self.core.storage.remove_parts(before).await?;
        let mut batches = self.core.storage.keys_until(before).try_chunks(BATCH);
        while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
            let known = store::attachment::recorded(reader, &scope, &batch).await?;
            let orphans: Vec<String> = batch.into_iter().filter(|key| !known.contains(key)).collect();
            self.core.storage.remove_all(&orphans).await?;
            removed += u64::try_from(orphans.len()).unwrap_or_default();
        }
        Ok(removed)
    }
}
