//! Files that no row knows: left behind by a server that died between the two.

use chrono::TimeDelta;
use futures_util::TryStreamExt as _;

use super::Attachments;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store;

/// What is younger may belong to an upload that is under way.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// So many are looked up at once.
const BATCH: usize = 500;

impl Attachments<'_> {
    /// Removes the files of the storage that no row knows and that are older than an hour, and what is left of uploads
    /// that broke off. Only what has a name as we make them is touched. Returns how many there were.
    ///
    /// Where no row knows of any file, nothing is removed: the database may be the wrong one.
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
