//! Storage of file contents: a directory or an S3 bucket.
//!
//! The server chooses a random name for each object, in a folder of its first two digits, so that no folder grows
//! large. Client file names never become paths.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::{join_all, ready};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart};
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

use super::quota::{self, Room};
use crate::config::StorageConfig;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::random::{Randomness, hexadecimal};

/// Random bytes in the name of an object: enough against guessing and collisions.
const NAME_BYTES: usize = 16;
/// Bytes per write to a directory.
const FILE_PART: usize = 256 * 1024;
/// Bytes per part of a bucket upload; the minimum of S3, except for the last part.
const BUCKET_PART: usize = 5 * 1024 * 1024;
/// Maximum number of retries of a failed bucket request.
const BUCKET_RETRIES: usize = 3;
/// Maximum time for all retries.
const BUCKET_PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of objects that are removed at the same time. In a bucket, each opens a connection.
pub(super) const REMOVED_AT_ONCE: usize = 16;

/// Storage of file contents. Cloning it is cheap.
#[derive(Clone)]
pub(in crate::domain) struct Storage {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    part: usize,
    /// The root directory; `None` for a bucket.
    directory: Option<PathBuf>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({} {})", self.objects, self.root)
    }
}

impl Storage {
    /// Opens the configured storage without accessing it. A directory is created with its first file.
    pub(in crate::domain) fn open(config: &StorageConfig) -> anyhow::Result<Self> {
        match config.directory() {
            Some(directory) => Ok(Self {
                root: Path::from_absolute_path(&directory)
                    .with_context(|| format!("files cannot be stored in {}", directory.display()))?,
                objects: Arc::new(LocalFileSystem::new().with_fsync(true)),
                part: FILE_PART,
                directory: Some(directory),
            }),
            None => Self::bucket(config).with_context(|| format!("files cannot be stored in {}", config.url)),
        }
    }

    fn bucket(config: &StorageConfig) -> anyhow::Result<Self> {
        let url = url::Url::parse(&config.url)?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &config.aws {
            // Ignores variables that only other tools of Amazon use.
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value.expose_secret());
            }
        }
        // Requests wait for the retries, so a longer outage is reported to the client.
        builder = builder.with_retry(RetryConfig {
            max_retries: BUCKET_RETRIES,
            retry_timeout: BUCKET_PATIENCE,
            ..RetryConfig::default()
        });
        let bucket = builder.with_bucket_name(url.host_str().unwrap_or_default()).build()?;
        Ok(Self {
            objects: Arc::new(bucket),
            root: Path::from_url_path(url.path())?,
            part: BUCKET_PART,
            directory: None,
        })
    }

    /// Checks that files can be stored, without writing one.
    pub(in crate::domain) async fn check(&self) -> Result<Room> {
        if let Some(directory) = self.directory.clone() {
            let looking = tokio::task::spawn_blocking(move || quota::in_directory(&directory));
            return looking.await.map_err(Error::internal)?.map_err(Error::internal);
        }
        // Any answer shows that the bucket works, even if the object does not exist.
        existing(self.objects.head(&self.root.clone().join("health")).await).map_err(failed)?;
        Ok(Room::UNKNOWN)
    }

    /// Free bytes on the disk of the directory; `None` for a bucket.
    pub(in crate::domain) fn free_bytes(&self) -> Option<u64> {
        quota::in_directory(self.directory.as_deref()?).ok()?.free_bytes
    }

    /// Tests the storage with an object that is removed again.
    pub(in crate::domain) async fn probe(&self, randomness: &dyn Randomness) -> anyhow::Result<()> {
        let path = self.path(&Self::new_key(randomness));
        self.objects.put(&path, Bytes::from_static(b"ok").into()).await?;
        self.objects.delete(&path).await?;
        Ok(())
    }

    pub(super) fn new_key(randomness: &dyn Randomness) -> String {
        let name = hexadecimal(randomness, NAME_BYTES);
        format!("{}/{name}", &name[..2])
    }

    /// Whether the server can have created this name.
    pub(in crate::domain) fn is_key(key: &str) -> bool {
        let is_hexadecimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        key.split_once('/').is_some_and(|(folder, name)| {
            folder.len() == 2
                && name.len() == 2 * NAME_BYTES
                && is_hexadecimal(folder)
                && is_hexadecimal(name)
                && name.starts_with(folder)
        })
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.root.clone(), Path::join)
    }

    /// Writes a stream to an object and passes each chunk to `look`. On failure or cancellation, no object remains.
    pub(in crate::domain) async fn write(
        &self,
        key: &str,
        content: impl Stream<Item = Result<Bytes>> + Send,
        mut look: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<Written> {
        let upload = self.objects.put_multipart(&self.path(key)).await.map_err(failed)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, self.part);
        let filled = async {
            let mut content = std::pin::pin!(content);
            while let Some(piece) = content.next().await {
                let piece = piece?;
                look(&piece)?;
                writer.wait_for_capacity(1).await.map_err(failed)?;
                writer.put(piece);
            }
            Ok(())
        };
        if let Err(error) = filled.await {
            if let Err(error) = writer.abort().await {
                tracing::warn!("an aborted upload may have left parts behind: {error}");
            }
            return Err(error);
        }
        let mut written = Written {
            storage: self.clone(),
            key: key.to_owned(),
            // In a separate task, so that cancellation does not interrupt it and it can be awaited.
            finishing: Some(tokio::spawn(async move { writer.finish().await.map(|_| ()) })),
            is_kept: false,
        };
        written.finish().await?;
        Ok(written)
    }

    /// Reads a range of an object.
    pub(super) async fn read(&self, key: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&self.path(key), options).await.map_err(failed)?;
        Ok(found.into_stream().map_err(failed).boxed())
    }

    /// Reads a whole object; `None` if it does not exist.
    pub(in crate::domain) async fn read_whole(&self, key: &str) -> Result<Option<Bytes>> {
        let Some(found) = existing(self.objects.get(&self.path(key)).await).map_err(failed)? else {
            return Ok(None);
        };
        existing(found.bytes().await).map_err(failed)
    }

    pub(in crate::domain) async fn has(&self, key: &str) -> Result<bool> {
        let found = existing(self.objects.head(&self.path(key)).await);
        Ok(found.map_err(failed)?.is_some())
    }

    /// Removes objects without rows. Failures are logged, because a remaining object only wastes space. It continues if
    /// the caller is cancelled.
    pub(in crate::domain) async fn discard(&self, keys: Vec<String>) {
        let storage = self.clone();
        let removing = tokio::spawn(async move {
            for some in keys.chunks(REMOVED_AT_ONCE) {
                join_all(some.iter().map(|key| storage.remove(key))).await;
            }
        });
        if let Err(error) = removing.await {
            tracing::warn!("files were not removed: {error}");
        }
    }

    async fn remove(&self, key: &str) {
        if let Err(error) = self.try_to_remove(key).await {
            tracing::warn!(key, "a file without a database row was left behind: {error}");
        }
    }

    async fn try_to_remove(&self, key: &str) -> object_store::Result<()> {
        existing(self.objects.delete(&self.path(key)).await).map(|_| ())
    }

    /// Removes as many objects as possible. Missing objects are no failure.
    pub(in crate::domain) async fn remove_all(&self, keys: &[String]) -> Result<()> {
        let mut removed = Vec::with_capacity(keys.len());
        for some in keys.chunks(REMOVED_AT_ONCE) {
            removed.extend(join_all(some.iter().map(|key| self.try_to_remove(key))).await);
        }
        removed
            .into_iter()
            .collect::<object_store::Result<()>>()
            .map_err(failed)
    }

    /// Names of all objects written before a moment. Names in another format are not ours and are skipped.
    pub(super) fn keys_until(&self, moment: Timestamp) -> BoxStream<'static, Result<String>> {
        let root = self.root.clone();
        let found = self.objects.list(Some(&self.root)).map_err(failed);
        found
            .try_filter_map(move |object| {
                let parts = object.location.prefix_match(&root);
                let key = parts.map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
                ready(Ok(key.filter(|key| object.last_modified < moment && Self::is_key(key))))
            })
            .boxed()
    }

    /// Removes partial uploads in the directory that are older than a moment, left by a crash. Buckets expire them with
    /// their own rules. Returns the number of removed files.
    pub(super) async fn remove_parts(&self, moment: Timestamp) -> Result<u64> {
        let Some(directory) = self.directory.clone() else {
            return Ok(0);
        };
        let removing = tokio::task::spawn_blocking(move || remove_parts(&directory, moment));
        match removing.await.map_err(Error::internal)? {
            // The directory is created with the first file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            removed => removed.map_err(failed),
        }
    }
}

/// A written object without a row. Dropping it removes the object.
pub(in crate::domain) struct Written {
    storage: Storage,
    key: String,
    finishing: Option<JoinHandle<object_store::Result<()>>>,
    is_kept: bool,
}

impl Written {
    async fn finish(&mut self) -> Result<()> {
        let Some(finishing) = &mut self.finishing else {
            return Ok(());
        };
        let finished = finishing.await;
        // Also after a failure: a task cannot be awaited twice.
        self.finishing = None;
        finished.map_err(Error::internal)?.map_err(failed)
    }

    /// Keeps the object, because a row refers to it now.
    pub(in crate::domain) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.is_kept {
            let (storage, key, finishing) = (
                self.storage.clone(),
                std::mem::take(&mut self.key),
                self.finishing.take(),
            );
            runtime.spawn(async move {
                if let Some(finishing) = finishing {
                    // Wait for either result, then remove what exists.
                    drop(finishing.await);
                }
                storage.remove(&key).await;
            });
        }
    }
}

/// The result of a request; `None` if the object does not exist.
fn existing<T>(result: object_store::Result<T>) -> object_store::Result<Option<T>> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        result => result.map(Some),
    }
}

fn failed(error: impl Into<anyhow::Error>) -> Error {
    Error::internal(error.into().context("the storage of files failed"))
}

/// The name of a partial file ends with a number.
fn remove_parts(directory: &std::path::Path, moment: Timestamp) -> io::Result<u64> {
    let mut removed = 0;
    for folder in fs::read_dir(directory)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let path = format!("{}/{}", folder.file_name().display(), file.file_name().display());
            let is_part = path
                .split_once('#')
                .is_some_and(|(key, number)| Storage::is_key(key) && number.bytes().all(|byte| byte.is_ascii_digit()));
            if is_part && Timestamp::from(file.metadata()?.modified()?) < moment {
                fs::remove_file(file.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::SystemRandomness;

    #[test]
    fn only_names_in_the_server_format_are_keys() {
        assert!(Storage::is_key(&Storage::new_key(&SystemRandomness)));
        for key in [
            "",
            "ab",
            "ab/notes.txt",
            "../../etc/passwd",
            "/etc/passwd",
            "ab/../0123456789abcdef0123456789abcd",
            "ab/cd0123456789abcdef0123456789abcd",
            "ab/AB0123456789abcdef0123456789abcd",
        ] {
            assert!(!Storage::is_key(key), "{key}");
        }
    }
}
