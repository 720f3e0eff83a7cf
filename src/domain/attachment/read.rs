//! The use cases that read attachments.

use std::sync::Arc;

use super::{Attachment, Stored, StoredFile, filename};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AttachmentId, Identifier as _, TaskId};
use crate::domain::task::Tasks;
use crate::domain::{Core, policy, store};

/// The use cases of attachments.
#[derive(Clone, Copy, Debug)]
pub struct Attachments<'a> {
    pub(super) core: &'a Arc<Core>,
}

impl<'a> Attachments<'a> {
    pub(in crate::domain) fn new(core: &'a Arc<Core>) -> Self {
        Self { core }
    }

    /// The visible attachments among these, without those of tasks in the trash.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[AttachmentId]) -> Result<Vec<Attachment>> {
        let scope = policy::scope(actor)?;
        let found = store::attachment::find_many(&self.core.store.reader(actor), &scope, ids).await?;
        Ok(found.into_iter().map(|stored| stored.attachment).collect())
    }

    /// The attachments of each visible task, oldest first. Tasks without attachments are left out.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.of_tasks", skip_all)]
    pub async fn of_tasks(self, actor: &Actor, ids: &[TaskId]) -> Result<Vec<(TaskId, Vec<Attachment>)>> {
        let scope = policy::scope(actor)?;
        store::attachment::of_tasks(&self.core.store.reader(actor), &scope, ids).await
    }

    /// The attachments of a visible task, oldest first; up to 20.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.of_task", skip_all)]
    pub async fn of_task(self, actor: &Actor, id: TaskId) -> Result<Vec<Attachment>> {
        let task = Tasks::new(self.core).get(actor, id).await?;
        let found = self.of_tasks(actor, &[task.id]).await?;
        Ok(found.into_iter().flat_map(|(_, files)| files).collect())
    }

    /// A file to download. Files of tasks in the trash are not found.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.get", skip_all)]
    pub async fn get(self, actor: &Actor, id: AttachmentId) -> Result<StoredFile> {
        Ok(self.readable(self.get_stored(actor, id).await?))
    }

    /// The actor's newest file without a task that has this name, to download. Administrators, too, find only their
    /// own.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.get_own", skip_all)]
    pub async fn get_own(self, actor: &Actor, filename: &str) -> Result<StoredFile> {
        Ok(self.readable(self.get_own_stored(actor, filename).await?))
    }

    /// Distinct names of the actor's files without a task, in alphabetical order, up to 1,000.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.own_names", skip_all)]
    pub async fn own_names(self, actor: &Actor) -> Result<Vec<String>> {
        let (owner, scope) = (actor.signed_in()?.id, policy::scope(actor)?);
        store::attachment::own_names(&self.core.store.reader(actor), &scope, owner).await
    }

    fn readable(self, stored: Stored) -> StoredFile {
        StoredFile {
            attachment: stored.attachment,
            storage: self.core.storage.clone(),
            storage_key: stored.storage_key,
        }
    }

    pub(super) async fn get_own_stored(self, actor: &Actor, filename: &str) -> Result<Stored> {
        let (owner, scope) = (actor.signed_in()?.id, policy::scope(actor)?);
        let found = if filename::is_possible(filename) {
            store::attachment::newest_own(&self.core.store.reader(actor), &scope, owner, filename).await?
        } else {
            None
        };
        found.ok_or_else(|| Error::NotFound {
            resource: AttachmentId::RESOURCE,
            key: "filename",
            value: filename::shown(filename),
        })
    }

    pub(super) async fn get_stored(self, actor: &Actor, id: AttachmentId) -> Result<Stored> {
        let scope = policy::scope(actor)?;
        let mut found = store::attachment::find_many(&self.core.store.reader(actor), &scope, &[id]).await?;
        found.pop().ok_or_else(|| Error::not_found(id))
    }
}
