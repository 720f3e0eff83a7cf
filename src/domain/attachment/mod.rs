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
//! | `read` | the use cases that read |
//! | `write` | the use cases that upload and delete |
//! | `removal` | the end of files whose rows are gone |
//! | `orphan` | files that no row knows |

mod content;
mod filename;
mod link;
mod orphan;
mod quota;
mod read;
mod removal;
pub(super) mod storage;
mod write;

pub use self::quota::Room;
pub(crate) use self::quota::{disk_of, nearest_existing};
pub use self::read::Attachments;
pub(super) use removal::Removal;

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::error::{Error, Result};
use super::id::{AttachmentId, TaskId, UserId};
use super::random::Randomness;
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
