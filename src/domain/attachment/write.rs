//! The use cases that upload and delete files.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;

use super::content::{FileType, Inspection};
use super::storage::{Storage, Written};
use super::{Attachment, Attachments, MAX_SIZE, NewAttachment, Stored, filename};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AttachmentId, TaskId};
use crate::domain::policy::{self, DeleteFile, File, KeepFile, Own};
use crate::domain::store;
use crate::domain::task::Tasks;
use crate::domain::user::lock_account;

impl Attachments<'_> {
    /// Stores an upload, for a task or without one. Permissions are checked before any byte is read, and again after the
    /// last one. On failure nothing is stored.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.upload", skip_all)]
    pub async fn upload(
        self,
        actor: &Actor,
        task: Option<TaskId>,
        name: &str,
        content: impl Stream<Item = Result<Bytes>> + Send,
    ) -> Result<Attachment> {
        self.upload_up_to(MAX_SIZE, actor, task, name, content).await
    }

    /// Like [`upload`](Self::upload), with a maximum of `max` bytes.
    pub async fn upload_up_to(
        self,
        max: u64,
        actor: &Actor,
        task: Option<TaskId>,
        name: &str,
        content: impl Stream<Item = Result<Bytes>> + Send,
    ) -> Result<Attachment> {
        let owner_id = actor.signed_in()?.id;
        match task {
            Some(task) => Tasks::new(self.core).check_attach(actor, task).await?,
            None => policy::permit(actor, KeepFile, &Own::of(owner_id)).map(|_| ())?,
        }
        let filename = filename::clean(name)?;
        let file_type = FileType::of(&filename)?;
        let mut inspection = Inspection::new(file_type, &filename, max);
        let storage_key = Storage::new_key(self.core.randomness.as_ref());
        let written = self
            .core
            .storage
            .write(&storage_key, content, |bytes| inspection.feed(bytes))
            .await?;
        let facts = inspection.finish()?;
        let new = NewAttachment {
            owner_id,
            filename,
            content_type: file_type.media_type,
            size: facts.size,
            sha256: facts.sha256,
            storage_key,
            created_at: self.core.clock.now(),
            quota: self.core.upload_quota,
        };
        // In a separate task, so that it is completed even if the client disconnects.
        let recording = tokio::spawn(record(Arc::clone(self.core), *actor, task, new, written));
        recording.await.map_err(Error::internal)?
    }

    /// Deletes a file. If it belongs to a task, the task's history records it.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.delete", skip_all)]
    pub async fn delete(self, actor: &Actor, id: AttachmentId) -> Result<Attachment> {
        let found = self.get_stored(actor, id).await?;
        self.delete_stored(actor, found).await
    }

    /// Deletes the actor's newest file without a task that has this name.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.delete_own", skip_all)]
    pub async fn delete_own(self, actor: &Actor, filename: &str) -> Result<Attachment> {
        let found = self.get_own_stored(actor, filename).await?;
        self.delete_stored(actor, found).await
    }

    /// Deletes all of the actor's files without a task that have this name. Returns the newest.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.delete_all_own", skip_all)]
    pub async fn delete_all_own(self, actor: &Actor, filename: &str) -> Result<Attachment> {
        let newest = self.delete_own(actor, filename).await?;
        loop {
            match self.delete_own(actor, filename).await {
                Ok(_) => {}
                Err(Error::NotFound { .. }) => return Ok(newest),
                Err(error) => return Err(error),
            }
        }
    }

    async fn delete_stored(self, actor: &Actor, found: Stored) -> Result<Attachment> {
        match found.attachment.task_id {
            Some(task) => Tasks::new(self.core).detach(actor, task, found.attachment.id).await?,
            None => self.delete_without_task(actor, &found.attachment).await?,
        }
        self.core.storage.discard(vec![found.storage_key]).await;
        Ok(found.attachment)
    }

    async fn delete_without_task(self, actor: &Actor, attachment: &Attachment) -> Result<()> {
        let file = File {
            id: attachment.id,
            owner: attachment.owner_id,
        };
        let permit = policy::permit(actor, DeleteFile, &file)?;
        let transaction = self.core.store.begin().await?;
        store::attachment::delete(&transaction, &permit).await?;
        transaction.commit().await
    }
}

/// Inserts the row of a stored file, or removes the file.
async fn record(
    core: Arc<Core>,
    actor: Actor,
    task: Option<TaskId>,
    new: NewAttachment,
    written: Written,
) -> Result<Attachment> {
    let storage_key = new.storage_key.clone();
    let recorded = match task {
        Some(task) => Tasks::new(&core).attach(&actor, task, new).await,
        None => insert_without_task(&core, &actor, new).await,
    };
    // A failed commit may have succeeded on the database, and a row without its file is worse than a file without a
    // row.
    let may_have_a_row = match &recorded {
        Ok(_) => true,
        Err(error) if error.cause().is_some() => is_recorded(&core, &storage_key).await.unwrap_or(true),
        Err(_) => false,
    };
    if may_have_a_row {
        written.keep();
    }
    recorded
}

async fn insert_without_task(core: &Core, actor: &Actor, new: NewAttachment) -> Result<Attachment> {
    let permit = policy::permit(actor, KeepFile, &Own::of(new.owner_id))?;
    let transaction = core.store.begin().await?;
    lock_account(&transaction, actor).await?;
    let attachment = store::attachment::insert(&transaction, &permit, new).await?;
    transaction.commit().await?;
    Ok(attachment)
}

/// Whether a row of a stored file exists.
pub(in crate::domain) async fn is_recorded(core: &Core, storage_key: &str) -> Result<bool> {
    let scope = policy::scope(&Actor::System)?;
    store::attachment::is_recorded(core.store.system_reader(), &scope, storage_key).await
}
