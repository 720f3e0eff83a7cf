//! Putting what a backup holds in the place of what there is.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use super::Progress;
use super::archive::{self, Checked};
use super::manifest::{ArchiveEntry, BackupEngine, Manifest, refused};
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::policy::{self, System};
use crate::domain::random::hexadecimal;
use crate::domain::store::admin::backup::Renewal;

/// Random bytes in the identity of an event log.
const IDENTITY_BYTES: usize = 16;
/// So many files are read ahead.
const READ_AHEAD: usize = 2;

/// An archive that was read to its end and is as it was written, with the database in it unpacked.
#[derive(Debug)]
pub struct CheckedBackup {
    archive: File,
    checked: Checked,
    database: PathBuf,
}

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// How many files were put into the storage.
    pub files: usize,
    /// How many the backup names that it does not hold: their rows are gone.
    pub missing: usize,
}

impl CheckedBackup {
    /// Reads an archive to its end. Nothing is touched but an empty directory, which gets the database that is in
    /// it. `progress` hears how much of the archive was read.
    pub async fn read(
        mut archive: File,
        scratch: &Path,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Self> {
        let database = scratch.join("restored");
        let work = move || {
            let checked = archive::check(&mut archive, &database, &mut |done, total| {
                progress(Progress { done, total });
            })?;
            Ok(Self {
                archive,
                checked,
                database,
            })
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    /// What the archive holds.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.checked.manifest
    }
}

impl Domain {
    /// Puts what a backup holds in the place of what there is: all of it, or nothing. Without `force` only where
    /// there is nothing yet.
    ///
    /// The files come first; those that were written are removed again when the rest fails. Then the event log has
    /// another identity, so old cursors are told to begin anew, and connections that watch end.
    pub async fn restore(
        &self,
        actor: &Actor,
        backup: CheckedBackup,
        force: bool,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Restored> {
        let system = policy::system(actor)?;
        let CheckedBackup {
            archive,
            checked: Checked { manifest, missing },
            database,
        } = backup;
        let migrations = self.check_fit(&system, &manifest, force).await?;
        let log = hexadecimal(self.core.randomness.as_ref(), IDENTITY_BYTES);
        let renewal = Renewal {
            migrations,
            pg_dump: manifest.pg_dump,
            log: &log,
            missing: &missing,
        };
        let staged = self.core.store.stage(&system, &database, &renewal).await?;
        let mut files = Files::default();
        if let Err(error) = self.write_files(archive, manifest, &mut files, progress).await {
            self.core.store.discard(staged).await;
            self.core.storage.discard(files.new).await;
            return Err(error);
        }
        if let Err(error) = self.core.store.replace(&system, staged).await {
            // When a commit fails it may have been done all the same, and a row without its bytes is worse than
            // bytes without a row.
            if self
                .core
                .store
                .has_log(&system, &log)
                .await
                .is_ok_and(|is_done| !is_done)
            {
                self.core.storage.discard(files.new).await;
            }
            return Err(error);
        }
        if let Err(error) = self.core.store.refresh_statistics().await {
            tracing::warn!(
                "the database does not know yet what its tables hold: {:?}",
                error.cause()
            );
        }
        Ok(Restored {
            files: files.written,
            missing: missing.len(),
        })
    }

    /// Whether the backup can go here. Returns how many migrations its database has.
    async fn check_fit(&self, system: &System, manifest: &Manifest, force: bool) -> Result<u32> {
        let engine = BackupEngine::of(self.core.store.backend());
        if manifest.engine != engine {
            return Err(refused(format!(
                "the backup is one of {}, and DATABASE_URL names a database of {}: it goes back where it came from",
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
                "the database is not empty: with --force everything in it is replaced by what the backup holds",
            ));
        }
        u32::try_from(newest + 1).map_err(Error::internal)
    }

    /// Writes every file of the archive to the storage.
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
                    .map_err(|_| Error::internal(anyhow!("nobody waits for the files any more")))
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

/// Files that a restore put into the storage.
#[derive(Debug, Default)]
struct Files {
    written: usize,
    /// Those that were not there before: they go again when the rest fails.
    new: Vec<String>,
}
