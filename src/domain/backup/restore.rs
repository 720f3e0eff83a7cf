//! Restoring a backup, which replaces all data.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use super::Progress;
use super::archive;
use super::manifest::{ArchiveEntry, BackupEngine, Manifest, refused};
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::event::new_identity;
use crate::domain::policy::{self, System};
use crate::domain::store::admin::backup::Renewal;

/// Number of files that are read ahead.
const READ_AHEAD: usize = 2;

/// A validated archive, with its database extracted.
#[derive(Debug)]
pub struct CheckedBackup {
    archive: File,
    manifest: Manifest,
    /// Names of files that the archive lacks.
    missing: Vec<String>,
    database: PathBuf,
}

/// The result of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Number of restored files.
    pub files: usize,
    /// Number of files that the backup lists as missing; their rows are deleted.
    pub missing: usize,
}

impl CheckedBackup {
    /// Validates an archive and extracts its database to an empty directory. `progress` receives the bytes read and the
    /// total bytes.
    pub async fn read(
        mut archive: File,
        scratch: &Path,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Self> {
        let database = scratch.join("restored");
        // Not by the thread: if the caller is cancelled, it continues while the directory is removed.
        let mut copy = File::create_new(&database).map_err(archive::unwritable)?;
        let work = move || {
            let (manifest, missing) = archive::check(&mut archive, &mut copy, progress)?;
            Ok(Self {
                archive,
                manifest,
                missing,
                database,
            })
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    /// The manifest of the archive.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl Domain {
    /// Replaces all data by a backup; on failure nothing changes. Without `force` the database must be empty.
    ///
    /// Files are written first, and removed again if the rest fails. The event log gets a new identity, so clients with
    /// old cursors must start again, and live connections end.
    pub async fn restore(
        &self,
        actor: &Actor,
        backup: CheckedBackup,
        force: bool,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Restored> {
        let system = policy::system(actor)?;
        let (store, storage) = (&self.core.store, &self.core.storage);
        let CheckedBackup {
            archive,
            manifest,
            missing,
            database,
        } = backup;
        let migrations = self.check_fit(&system, &manifest, force).await?;
        let log = new_identity(self.core.randomness.as_ref());
        let renewal = Renewal {
            migrations,
            pg_dump: manifest.pg_dump,
            log: &log,
            missing: &missing,
        };
        let staged = store.stage(&system, &database, &renewal).await?;
        let mut files = Files::default();
        if let Err(error) = self.write_files(archive, manifest, &mut files, progress).await {
            store.discard(staged).await;
            storage.discard(files.new).await;
            return Err(error);
        }
        if let Err(error) = store.replace(&system, staged).await {
            // A failed commit may have succeeded on the database, and a row without its file is worse than a file
            // without a row.
            if store.has_log(&system, &log).await.is_ok_and(|is_done| !is_done) {
                storage.discard(files.new).await;
            }
            return Err(error);
        }
        if let Err(error) = store.refresh_statistics().await {
            tracing::warn!(
                "the statistics of the database could not be updated: {:?}",
                error.cause()
            );
        }
        Ok(Restored {
            files: files.written,
            missing: missing.len(),
        })
    }

    /// Whether the backup can be restored here. Returns its number of migrations.
    async fn check_fit(&self, system: &System, manifest: &Manifest, force: bool) -> Result<u32> {
        let engine = BackupEngine::of(self.core.store.backend());
        if manifest.engine != engine {
            return Err(refused(format!(
                "the backup is of a {} database, but DATABASE_URL names a {} database: restore it to the same kind of database",
                manifest.engine.as_str(),
                engine.as_str()
            )));
        }
        let migrations = self.core.store.migrations().await?;
        let Some(newest) = migrations.iter().position(|known| known.name == manifest.migration) else {
            return Err(refused(format!(
                "the backup is of taskwire {}, whose migration {} this version ({}) does not know: \
                 restore it with that version or a newer one",
                manifest.taskwire,
                manifest.migration,
                env!("CARGO_PKG_VERSION")
            )));
        };
        if !force && !self.core.store.is_empty(system).await? {
            return Err(refused(
                "the database is not empty: with --force the backup replaces all of its data",
            ));
        }
        u32::try_from(newest + 1).map_err(Error::internal)
    }

    async fn write_files(
        &self,
        mut archive: File,
        manifest: Manifest,
        files: &mut Files,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<()> {
        let total = manifest.bytes();
        let mut done = manifest.database.size;
        progress(Progress { done, total });
        let (sender, mut receiver) = mpsc::channel::<(ArchiveEntry, Vec<u8>)>(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            archive::files(&mut archive, &manifest, |part, bytes| {
                sender
                    .blocking_send((part.clone(), bytes))
                    .map_err(|_| Error::internal(anyhow!("the receiver of the files is gone")))
            })
        });
        while let Some((part, bytes)) = receiver.recv().await {
            let is_there = self.core.storage.has(&part.name).await?;
            let content = stream::iter([Ok(Bytes::from(bytes))]);
            let written = self.core.storage.write(&part.name, content, |_| Ok(())).await?;
            written.keep();
            files.written += 1;
            done += part.size;
            progress(Progress { done, total });
            if !is_there {
                files.new.push(part.name);
            }
        }
        reading.await.map_err(Error::internal)?
    }
}

/// Files that a restore wrote to the storage.
#[derive(Debug, Default)]
struct Files {
    written: usize,
    /// Files that did not exist before; they are removed if the rest fails.
    new: Vec<String>,
}
