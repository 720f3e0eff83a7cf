//! Where the bytes of files are: a directory, or a bucket that speaks Amazon's S3.
//!
//! An object has a random name that the server makes, below the first two digits of it, so that no directory
//! grows large. What a client calls a file never becomes a path.

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

use super::quota;
use super::quota::Room;
use crate::config::StorageConfig;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::random::{Randomness, hexadecimal};

/// Random bytes in the name of an object: too many to be guessed or to meet twice.
const NAME_BYTES: usize = 16;
/// How much is written to a directory at once.
const FILE_PART: usize = 256 * 1024;
/// How much is written to a bucket at once: S3 takes no less, save at the end.
const BUCKET_PART: usize = 5 * 1024 * 1024;
/// So often a request to a bucket is sent again that failed,
const BUCKET_RETRIES: usize = 3;
/// and for so long.
const BUCKET_PATIENCE: Duration = Duration::from_secs(10);

/// Where the bytes of files are. Cloning it is cheap.
#[derive(Clone)]
pub(in crate::domain) struct Storage {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    part: usize,
    /// Where the objects are files, their directory.
    directory: Option<PathBuf>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({} {})", self.objects, self.root)
    }
}

impl Storage {
    /// The storage of the settings. Nothing is touched yet: a directory is made with the first file in it.
    pub(in crate::domain) fn open(config: &StorageConfig) -> anyhow::Result<Self> {
        match config.directory() {
            Some(directory) => Ok(Self {
                root: Path::from_absolute_path(&directory)
                    .with_context(|| format!("files cannot be kept in {}", directory.display()))?,
                objects: Arc::new(LocalFileSystem::new().with_fsync(true)),
                part: FILE_PART,
                directory: Some(directory),
            }),
            None => Self::bucket(config).with_context(|| format!("files cannot be kept in {}", config.url)),
        }
    }

    fn bucket(config: &StorageConfig) -> anyhow::Result<Self> {
        let url = url::Url::parse(&config.url)?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &config.aws {
            // Variables that only other tools of Amazon's know are none of ours.
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value.expose_secret());
            }
        }
        // A request waits for it: what is away for longer is a failure, which the client is told.
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

    /// Whether files can be kept, without keeping one.
    pub(in crate::domain) async fn check(&self) -> Result<Room> {
        if let Some(directory) = self.directory.clone() {
            let looking = tokio::task::spawn_blocking(move || quota::in_directory(&directory));
            return looking.await.map_err(Error::internal)?.map_err(Error::internal);
        }
        // Whether this object exists does not matter, only that somebody can tell.
        match self.objects.head(&self.root.clone().join("health")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(Room::UNKNOWN),
            Err(error) => Err(failed(error)),
        }
    }

    /// How much of the disk of a directory is free, in bytes; none for a bucket, which is not asked.
    pub(in crate::domain) fn free_bytes(&self) -> Option<u64> {
        quota::in_directory(self.directory.as_deref()?).ok()?.free_bytes
    }

    /// Writes an object and removes it.
    pub(in crate::domain) async fn probe(&self, randomness: &dyn Randomness) -> anyhow::Result<()> {
        let path = self.path(&Self::new_key(randomness));
        self.objects.put(&path, Bytes::from_static(b"ok").into()).await?;
        self.objects.delete(&path).await?;
        Ok(())
    }

    /// A name that no object has.
    pub(super) fn new_key(randomness: &dyn Randomness) -> String {
        let name = hexadecimal(randomness, NAME_BYTES);
        format!("{}/{name}", &name[..2])
    }

    /// Whether this is a name as the server makes them.
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

    /// Writes an object of what comes, each piece after `look` had a look at it. If that fails or is dropped
    /// in the middle, there is no object.
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
                tracing::warn!("an upload that was given up may have left parts behind: {error}");
            }
            return Err(error);
        }
        let mut written = Written {
            storage: self.clone(),
            key: key.to_owned(),
            // In a task of its own: once begun it is not stopped in the middle, and can be waited for.
            finishing: Some(tokio::spawn(async move { writer.finish().await.map(|_| ()) })),
            is_kept: false,
        };
        written.finish().await?;
        Ok(written)
    }

    /// The bytes of an object.
    pub(super) async fn read(&self, key: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&self.path(key), options).await.map_err(failed)?;
        Ok(found.into_stream().map_err(failed).boxed())
    }

    /// All bytes of an object, if there is one.
    pub(in crate::domain) async fn read_whole(&self, key: &str) -> Result<Option<Bytes>> {
        let found = match self.objects.get(&self.path(key)).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether there is an object of this name.
    pub(in crate::domain) async fn has(&self, key: &str) -> Result<bool> {
        match self.objects.head(&self.path(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes objects that no row knows any more, as far as it can: what is left behind is only lost space,
    /// and the log tells of it. It is done to the end even if nobody waits for it.
    pub(in crate::domain) async fn discard(&self, keys: Vec<String>) {
        let storage = self.clone();
        let removing = tokio::spawn(async move { join_all(keys.iter().map(|key| storage.remove(key))).await });
        if let Err(error) = removing.await {
            tracing::warn!("files were not removed: {error}");
        }
    }

    async fn remove(&self, key: &str) {
        if let Err(error) = self.try_to_remove(key).await {
            tracing::warn!(key, "a file that nobody knows of was left behind: {error}");
        }
    }

    async fn try_to_remove(&self, key: &str) -> object_store::Result<()> {
        match self.objects.delete(&self.path(key)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// Removes objects, as many as it can. Those that are gone already are no failure.
    pub(in crate::domain) async fn remove_all(&self, keys: &[String]) -> Result<()> {
        let removed = join_all(keys.iter().map(|key| self.try_to_remove(key))).await;
        removed
            .into_iter()
            .collect::<object_store::Result<()>>()
            .map_err(failed)
    }

    /// The names of all objects that were written before a moment. What has another name than we make is none of ours.
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

    /// Removes what is left, in a directory, of uploads that broke off before a moment because the server died.
    /// A bucket has rules of its own for them. Returns how many there were.
    pub(super) async fn remove_parts(&self, moment: Timestamp) -> Result<u64> {
        let Some(directory) = self.directory.clone() else {
            return Ok(0);
        };
        let removing = tokio::task::spawn_blocking(move || remove_parts(&directory, moment));
        match removing.await.map_err(Error::internal)? {
            // It is made with the first file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            removed => removed.map_err(|error| failed_with(error.into())),
        }
    }
}

/// An object that was written and is not recorded yet. Dropped before it is, it is removed.
pub(in crate::domain) struct Written {
    storage: Storage,
    key: String,
    finishing: Option<JoinHandle<object_store::Result<()>>>,
    is_kept: bool,
}

impl Written {
    async fn finish(&mut self) -> Result<()> {
        if let Some(finishing) = &mut self.finishing {
            finishing.await.map_err(Error::internal)?.map_err(failed)?;
            self.finishing = None;
        }
        Ok(())
    }

    /// A row knows it now.
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
                    // Whatever came of it: removed is what is there then.
                    drop(finishing.await);
                }
                storage.remove(&key).await;
            });
        }
    }
}

fn failed(error: object_store::Error) -> Error {
    failed_with(error.into())
}

fn failed_with(error: anyhow::Error) -> Error {
    Error::internal(error.context("the storage of files failed"))
}

/// Until it is whole, a file has its name with a number behind it.
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
    fn a_name_that_the_server_did_not_make_is_none() {
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
