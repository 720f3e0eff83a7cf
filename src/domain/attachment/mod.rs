//! Attachments: files of tasks, and files that somebody keeps without a task.
//!
//! What is known of a file is a row in the database; its bytes lie in the storage, under a name that the server
//! makes. The storage comes first and the row after it, so a row always has its bytes. What nobody knows of is
//! removed at once, and where that fails it is only lost space, which is looked for once a day.
//!
//! | module | what lives there |
//! |---|---|
//! | `filename` | names as they are kept |
//! | `link` | signed URLs, which need no access token |
//! | `content` | types by name and by what is in a file |
//! | `quota` | whether there is room for more |
//! | `storage` | where the bytes are |
//! | `write` | the use cases that upload and delete |
//! | `removal` | the end of files whose rows are gone |
//! | `orphan` | files that no row knows |

mod content;
mod filename;
mod link;
mod orphan;
mod quota;
mod removal;
pub(super) mod storage;
mod write;

pub use self::quota::Room;
pub(crate) use self::quota::{disk_of, nearest_existing};
pub(super) use removal::Removal;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::clock::Timestamp;
use super::error::{Error, Result};
use super::id::{AttachmentId, TaskId, UserId};
use super::random::Randomness;
use super::task::Tasks;
use super::{Core, policy, store};
use crate::config::{StorageConfig, UploadQuota};
use storage::Storage;

pub use content::{ALLOWED_TYPES, MEDIA_TYPES};
pub(super) use link::LinkSigner;
pub use link::{DEFAULT_LINK_SECONDS, MAX_LINK_SECONDS, SIGNATURE};

/// The most bytes of a file: 5 MiB.
pub const MAX_SIZE: u64 = 5 * 1024 * 1024;
/// The most characters of a file's name.
pub const MAX_FILENAME_LENGTH: usize = 255;
/// The most files of one task.
pub const MAX_ATTACHMENTS: usize = 20;

/// What is known of a file. The event log keeps it too: fields may be added, never renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its number.
    pub id: AttachmentId,
    /// The task it belongs to, if any.
    pub task_id: Option<TaskId>,
    /// Who uploaded it; the task's owner once that account is gone.
    pub owner_id: UserId,
    /// Its name, without a path.
    pub filename: String,
    /// Its media type, which follows from its content.
    pub content_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

impl Attachment {
    /// Whether a browser may show it as it is: an image, which cannot hold scripts. Its content was checked when it was
    /// uploaded.
    #[must_use]
    pub fn is_image(&self) -> bool {
        content::IMAGES.contains(&self.content_type.as_str())
    }
}

/// A file that is about to be recorded: its bytes are in the storage.
#[derive(Clone, Debug)]
pub(super) struct NewAttachment {
    pub(super) owner_id: UserId,
    pub(super) filename: String,
    pub(super) content_type: &'static str,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) storage_key: String,
    pub(super) created_at: Timestamp,
    /// What may be stored, this file included.
    pub(super) quota: UploadQuota,
}

/// What is known of a file, and where its bytes are.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) attachment: Attachment,
    pub(super) storage_key: String,
}

/// A file that can be read.
#[derive(Debug)]
pub struct StoredFile {
    /// What is known of it.
    pub attachment: Attachment,
    storage: Storage,
    storage_key: String,
}

impl StoredFile {
    /// Some of its bytes, as they are asked for; an error ends them. A range that is empty or does not lie within
    /// the file is refused.
    pub async fn read(&self, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        if range.is_empty() || range.end > self.attachment.size {
            return Err(Error::BadInput {
                field: "range",
                message: format!(
                    "range: {} to {} is not within the {} bytes of the file",
                    range.start, range.end, self.attachment.size
                ),
            });
        }
        self.storage.read(&self.storage_key, range).await
    }
}

/// Tries whether files can be kept where the settings say: writes one and removes it.
pub async fn try_storage(config: &StorageConfig, randomness: &dyn Randomness) -> anyhow::Result<()> {
    Storage::open(config)?.probe(randomness).await
}

/// The use cases of attachments.
#[derive(Clone, Copy, Debug)]
pub struct Attachments<'a> {
    core: &'a Arc<Core>,
}

impl<'a> Attachments<'a> {
    pub(super) fn new(core: &'a Arc<Core>) -> Self {
        Self { core }
    }

    /// What is known of the file, unless its task is in the trash or it is not the actor's to see.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.find", skip_all)]
    pub async fn find(self, actor: &Actor, id: AttachmentId) -> Result<Option<Attachment>> {
        Ok(self.find_many(actor, &[id]).await?.pop())
    }

    /// Those of the files that the actor may see, without those of tasks in the trash.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[AttachmentId]) -> Result<Vec<Attachment>> {
        let scope = policy::scope(actor)?;
        let found = store::attachment::find_many(&self.core.store.reader(actor), &scope, ids).await?;
        Ok(found.into_iter().map(|stored| stored.attachment).collect())
    }

    /// The files of those of the tasks that the actor may see, the oldest first. Tasks without files are left out.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.of_tasks", skip_all)]
    pub async fn of_tasks(self, actor: &Actor, ids: &[TaskId]) -> Result<Vec<(TaskId, Vec<Attachment>)>> {
        let scope = policy::scope(actor)?;
        store::attachment::of_tasks(&self.core.store.reader(actor), &scope, ids).await
    }

    /// The files of a task that the actor may see, the oldest first; up to 20.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.of_task", skip_all)]
    pub async fn of_task(self, actor: &Actor, id: TaskId) -> Result<Vec<Attachment>> {
        let task = Tasks::new(self.core).get(actor, id).await?;
        let found = self.of_tasks(actor, &[task.id]).await?;
        Ok(found.into_iter().flat_map(|(_, files)| files).collect())
    }

    /// The file, to be read; one of a task in the trash is as invisible as the task.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.get", skip_all)]
    pub async fn get(self, actor: &Actor, id: AttachmentId) -> Result<StoredFile> {
        Ok(self.readable(self.get_stored(actor, id).await?))
    }

    /// The newest of the actor's own files without a task that has this name, to be read. Even administrators find
    /// only their own.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.get_own", skip_all)]
    pub async fn get_own(self, actor: &Actor, filename: &str) -> Result<StoredFile> {
        Ok(self.readable(self.get_own_stored(actor, filename).await?))
    }

    /// The names of the actor's own files without a task: each once, in alphabetical order, up to 1,000.
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

    async fn get_own_stored(self, actor: &Actor, filename: &str) -> Result<Stored> {
        let (owner, scope) = (actor.signed_in()?.id, policy::scope(actor)?);
        let found = if filename::is_possible(filename) {
            store::attachment::newest_own(&self.core.store.reader(actor), &scope, owner, filename).await?
        } else {
            None
        };
        found.ok_or_else(|| Error::NotFound {
            noun: "attachment",
            key: "filename",
            value: filename::shown(filename),
        })
    }

    async fn get_stored(self, actor: &Actor, id: AttachmentId) -> Result<Stored> {
        let scope = policy::scope(actor)?;
        let found = store::attachment::find_many(&self.core.store.reader(actor), &scope, &[id]).await?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found("attachment", id))
    }
}
