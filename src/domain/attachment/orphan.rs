//! Cleanup of files without rows, left by a server that died during an upload.

use chrono::TimeDelta;
use futures_util::TryStreamExt as _;

use super::Attachments;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store;

/// Younger files may belong to a running upload.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// Files per query.
const BATCH: usize = 500;

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
        let before = self.core.clock.now() - GRACE;
        let mut removed = self.core.storage.remove_parts(before).await?;
        let mut batches = self.core.storage.keys_until(before).try_chunks(BATCH);
        loop {
            let batch = match batches.try_next().await {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(removed),
                Err(error) => return Err(error.1),
            };
            let known = store::attachment::recorded(reader, &scope, &batch).await?;
            let orphans: Vec<String> = batch.into_iter().filter(|key| !known.contains(key)).collect();
            self.core.storage.remove_all(&orphans).await?;
            removed += u64::try_from(orphans.len()).unwrap_or_default();
        }
    }
}
