//! Backups: an archive of the database at one moment, with its files.
//!
//! | module | content |
//! |---|---|
//! | `manifest` | first and last entry of an archive |
//! | `archive` | writing and validating archives |
//! | `restore` | replacing all data by a backup |
//!
//! The database is copied before the files. Files that are deleted in between are left out, and the end of the archive
//! lists them. `docs/BACKUP.md` documents the guarantees.

mod archive;
mod manifest;
mod restore;

pub use self::manifest::{ArchiveEntry, BackupEngine, Manifest};
pub use self::restore::{CheckedBackup, Restored};

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::archive::Writer;
use self::manifest::{End, FORMAT, path_of};
use super::Domain;
use super::actor::Actor;
use super::attachment::is_recorded;
use super::error::{Error, Result};
use super::policy;
use super::store::admin::backup::NamedFile;

/// Progress of a backup or restore, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Total bytes.
    pub total: u64,
}

/// The destination of a backup, with options.
#[derive(Debug)]
pub struct Target {
    /// The archive: an empty, writable file.
    pub archive: File,
    /// An empty directory for the copy of the database.
    pub scratch: PathBuf,
    /// Whether to continue if the storage has lost a file.
    pub without_lost_files: bool,
}

/// A finished backup.
#[derive(Debug)]
pub struct Taken {
    /// Its manifest.
    pub manifest: Manifest,
    /// Storage names of the files that the database names and the archive lacks.
    pub missing: Vec<String>,
    /// Number of missing files that the storage has lost; the others were deleted meanwhile.
    pub lost: usize,
}

impl Domain {
    /// Writes a backup while writes continue. It contains all writes that were acknowledged before the call. Fails if
    /// the storage has lost a file, unless the target permits it.
    pub async fn back_up(
        &self,
        actor: &Actor,
        target: Target,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Taken> {
        let system = policy::system(actor)?;
        let engine = BackupEngine::of(self.core.store.backend());
        let created_at = self.core.clock.now();
        let copy = target.scratch.join(engine.database_name());
        let contents = self.core.store.dump(&system, &copy).await?;

        let measured = copy.clone();
        let (size, sha256) = waiting(move || archive::measure(&measured)).await?;
        let manifest = Manifest {
            format: FORMAT,
            taskwire: env!("CARGO_PKG_VERSION").to_owned(),
            engine,
            migration: contents.migration.clone(),
            event_log: contents.log.clone(),
            created_at,
            pg_dump: contents.pg_dump,
            database: ArchiveEntry {
                name: engine.database_name().to_owned(),
                size,
                sha256,
            },
            files: contents.files.iter().map(entry_of).collect::<Result<_>>()?,
        };
        let total = manifest.bytes();
        progress(Progress { done: 0, total });
        let mut writer = begin(target.archive, copy, manifest.clone()).await?;
        progress(Progress { done: size, total });

        let mut taken = Taken {
            manifest,
            missing: Vec::new(),
            lost: 0,
        };
        let mut done = size;
        for (file, part) in contents.files.iter().zip(taken.manifest.files.clone()) {
            done += part.size;
            if let Some(bytes) = self.find_whole(&part).await? {
                let path = path_of(&part);
                writer = waiting(move || writer.append(&path, &bytes).map(|()| writer)).await?;
            } else {
                if is_recorded(&self.core, &part.name).await? {
                    taken.lost += 1;
                    check_lost(file, target.without_lost_files)?;
                }
                taken.missing.push(part.name);
            }
            progress(Progress { done, total });
        }
        let end = End {
            missing: taken.missing.clone(),
        };
        waiting(move || writer.finish(&end)).await?;
        // The archive is valid even without this.
        if let Err(error) = self.core.store.note_backup(&system, created_at).await {
            tracing::warn!("the time of the backup was not stored: {error}: {:?}", error.cause());
        }
        Ok(taken)
    }

    /// The content of a file, if it exists and matches the manifest.
    async fn find_whole(&self, part: &ArchiveEntry) -> Result<Option<Bytes>> {
        let found = self.core.storage.read_whole(&part.name).await?;
        Ok(found.filter(|bytes| hex::encode(Sha256::digest(bytes)) == part.sha256))
    }
}

fn check_lost(file: &NamedFile, is_allowed: bool) -> Result<()> {
    if is_allowed {
        return Ok(());
    }
    Err(Error::internal(anyhow::anyhow!(
        "the storage does not have the file '{}' ({}) as it was uploaded: check UPLOAD_DIR or STORAGE_URL. \
         With --without-lost-files the backup is taken without it",
        file.filename,
        file.storage_key
    )))
}

fn entry_of(file: &NamedFile) -> Result<ArchiveEntry> {
    Ok(ArchiveEntry {
        name: file.storage_key.clone(),
        size: u64::try_from(file.size).map_err(Error::internal)?,
        sha256: file.sha256.clone(),
    })
}

async fn begin(archive: File, copy: PathBuf, manifest: Manifest) -> Result<Writer> {
    waiting(move || {
        let mut writer = Writer::begin(archive, &manifest)?;
        let ArchiveEntry { name, size, .. } = &manifest.database;
        writer.append_from(name, *size, File::open(&copy)?)?;
        // The copy is not needed any more, and may be large.
        fs::remove_file(&copy)?;
        Ok(writer)
    })
    .await
}

/// Runs disk I/O on a blocking thread.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?;
    done.map_err(|error| Error::internal(anyhow::Error::new(error).context("the backup cannot be written")))
}
