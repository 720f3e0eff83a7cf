//! Attaching and detaching files of a task.

use crate::domain::actor::Actor;
use crate::domain::attachment::{Attachment, MAX_ATTACHMENTS, NewAttachment};
use crate::domain::error::{Error, Result, ViolationKind};
use crate::domain::id::{AttachmentId, TaskId};
use crate::domain::policy::{self, AttachFile, DetachFile};
use crate::domain::store;
use crate::domain::user::lock_account;

use super::write::TrashState;
use super::{ExpectedVersion, Tasks};

impl Tasks<'_> {
    /// Whether the actor may attach files to this task. Checked before the upload is read.
    pub(in crate::domain) async fn check_attach(self, actor: &Actor, id: TaskId) -> Result<()> {
        let task = self.get(actor, id).await?;
        policy::permit(actor, AttachFile, &task).map(|_| ())
    }

    /// Records a file of a task, with the event.
    pub(in crate::domain) async fn attach(self, actor: &Actor, id: TaskId, new: NewAttachment) -> Result<Attachment> {
        let now = new.created_at;
        let write = self.open(actor, id, TrashState::Live, ExpectedVersion::any()).await?;
        let permit = policy::permit(actor, AttachFile, &write.before.task)?;
        lock_account(&write.transaction, actor).await?;
        let count = write.before.attachments.len() + 1;
        if count > MAX_ATTACHMENTS {
            let too_large = ViolationKind::TooLarge(MAX_ATTACHMENTS);
            let message = format!("file: the task would have {count} files; up to {MAX_ATTACHMENTS} are allowed");
            return Err(Error::violation("file", too_large, message));
        }
        let created = store::attachment::attach(&write.transaction, &permit, new).await?;
        let mut after = write.before.clone();
        after.attachments.push(created.clone());
        write.locked().save(&permit, after, now).await?;
        write.transaction.commit().await?;
        Ok(created)
    }

    /// Deletes the record of a file of a task, with the event.
    pub(in crate::domain) async fn detach(self, actor: &Actor, id: TaskId, file: AttachmentId) -> Result<()> {
        let missing = || Error::not_found(file);
        let write = self
            .open(actor, id, TrashState::Live, ExpectedVersion::any())
            .await
            .map_err(|error| match error {
                // The task went to the trash meanwhile, together with its files.
                Error::NotFound { .. } => missing(),
                other => other,
            })?;
        let permit = policy::permit(actor, DetachFile, &write.before.task)?;
        let mut after = write.before.clone();
        after.attachments.retain(|attachment| attachment.id != file);
        if after.attachments.len() == write.before.attachments.len() {
            return Err(missing());
        }
        store::attachment::detach(&write.transaction, &permit, file).await?;
        write.locked().save(&permit, after, self.core.clock.now()).await?;
        write.transaction.commit().await
    }
}
