//! Attachments: files of tasks, and files of users without a task.
//!
//! Metadata is a row in the database; the bytes are in the storage, under a name that the server generates. The bytes
//! are written before the row, so every row has its bytes. Bytes without a row are removed at once, or by a daily
//! cleanup.
//!
//! | module | content |
//! |---|---|
//! | `filename` | validation of file names |
//! | `link` | signed URLs, which need no access token |
//! | `content` | validation of types by extension and content |
//! | `quota` | free disk space, and whether the directory is writable |
//! | `storage` | storage of the bytes |
//! | `read` | the use cases that read |
//! | `write` | the use cases that upload and delete |
//! | `removal` | removal of files after their rows were deleted, and of files without rows |

mod content;
mod filename;
mod link;
mod quota;
mod read;
mod removal;
pub(super) mod storage;
mod write;

pub use self::quota::Room;
pub(crate) use self::quota::{disk_of, nearest_existing};
pub use self::read::Attachments;
pub(super) use removal::Removal;
pub(super) use write::is_recorded;

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

/// Maximum size of a file in bytes: 5 MiB.
pub const MAX_SIZE: u64 = 5 * 1024 * 1024;
/// Maximum number of characters of a file name.
pub const MAX_FILENAME_LENGTH: usize = 255;
/// Maximum number of files of one task.
pub const MAX_ATTACHMENTS: usize = 20;

/// Metadata of a file. It is also stored in the event log: fields may be added, but not renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The attachment's id.
    pub id: AttachmentId,
    /// The task it belongs to; `None` for a file without a task.
    pub task_id: Option<TaskId>,
    /// The user who uploaded it; the task's owner after that account was deleted.
    pub owner_id: UserId,
    /// File name, without a path.
    pub filename: String,
    /// Media type, checked against the content.
    pub content_type: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content, as hexadecimal digits.
    pub sha256: String,
    /// Time of the upload.
    pub created_at: Timestamp,
}

impl Attachment {
    /// Whether browsers may display it: an image, which cannot contain scripts. The content was validated at the
    /// upload.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.content_type.starts_with("image/") && MEDIA_TYPES.contains(&self.content_type.as_str())
    }
}

/// A stored file whose row is not inserted yet.
#[derive(Clone, Debug)]
pub(super) struct NewAttachment {
    pub(super) owner_id: UserId,
    pub(super) filename: String,
    pub(super) content_type: &'static str,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) storage_key: String,
    pub(super) created_at: Timestamp,
    /// The quota, which must also cover this file.
    pub(super) quota: UploadQuota,
}

/// Metadata of a file, and its key in the storage.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) attachment: Attachment,
    pub(super) storage_key: String,
}

/// A file that can be downloaded.
#[derive(Debug)]
pub struct StoredFile {
    /// Its metadata.
    pub attachment: Attachment,
    storage: Storage,
    storage_key: String,
}

impl StoredFile {
    /// Streams a range of the content; an error ends the stream. The range must be non-empty and within the file.
    pub async fn read(&self, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        if range.is_empty() || range.end > self.attachment.size {
            let message = format!(
                "range: {} to {} is not within the {} bytes of the file",
                range.start, range.end, self.attachment.size
            );
            return Err(Error::bad_input("range", message));
        }
        self.storage.read(&self.storage_key, range).await
    }
}

/// Tests the configured storage with a file that is removed again.
pub async fn try_storage(config: &StorageConfig, randomness: &dyn Randomness) -> anyhow::Result<()> {
    Storage::open(config)?.probe(randomness).await
}
