//! `taskwire backup`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::HumanBytes;

use super::{Backup, database, output, progress};
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::backup::{Taken, Target};
use crate::domain::error::described;
use crate::http::server::stop_signal;

/// Only the owner may read a backup: it contains password hashes.
const MODE: u32 = 0o600;

/// The archive gets its name only when it is complete.
pub(super) async fn run(backup: Backup) -> anyhow::Result<()> {
    // First: from the first file on, a signal must not end the process before the files are removed.
    let stop = stop_signal();
    let config = Config::load()?;
    check_database(&config)?;
    let partial = Partial::begin(&backup.file, backup.force)?;
    let target = Target {
        archive: partial.file.try_clone()?,
        scratch: partial.scratch.path().to_owned(),
        without_lost_files: backup.without_lost_files,
    };
    let bar = progress::bytes("Writing");
    let mut show = |at| progress::show(&bar, at);
    let writing = async {
        let domain = database::connect_with(&config).await?;
        let taken = domain.back_up(&Actor::System, target, &mut show).await;
        anyhow::Ok((domain, taken.map_err(described)?))
    };
    let written = tokio::select! {
        written = writing => written,
        () = stop => Err(anyhow::anyhow!("stopped; nothing was written")),
    };
    bar.finish_and_clear();
    let (domain, taken) = written?;
    let size = partial.finish(backup.force)?;
    output::line(&summary(&backup.file, &taken, size))?;
    database::close(domain).await
}

/// Unlike a starting server, a backup must not create a missing database.
fn check_database(config: &Config) -> anyhow::Result<()> {
    if config.database.is_memory() {
        bail!("DATABASE_URL is a database in memory: it exists only inside its server");
    }
    if let Some(file) = config.database.sqlite_path().filter(|file| !file.exists()) {
        bail!("the database {} does not exist; check DATABASE_URL", file.display());
    }
    Ok(())
}

/// An incomplete archive: `FILE.partial`, and a directory beside it for the copy of the database.
struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    scratch: tempfile::TempDir,
    is_named: bool,
}

impl Partial {
    fn begin(target: &Path, force: bool) -> anyhow::Result<Self> {
        let shown = target.display();
        match fs::symlink_metadata(target) {
            Ok(there) if there.is_dir() => bail!("{shown} is a directory; name a file in it"),
            Ok(_) if !force => bail!("{shown} exists already; --force replaces it"),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => bail!("cannot write {shown}: {error}"),
        }
        let mut path = target.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(&path);
        let file = opened.with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another backup writes {}", path.display()),
            Err(TryLockError::Error(error)) => bail!("cannot lock {}: {error}", path.display()),
        }
        // A backup that was killed may have left content.
        file.set_len(0)?;
        let scratch = tempfile::Builder::new()
            .prefix(".taskwire-backup-")
            .tempdir_in(folder_of(target));
        let scratch = scratch.inspect_err(|_| drop(fs::remove_file(&path)));
        Ok(Self {
            scratch: scratch.with_context(|| format!("cannot write beside {shown}"))?,
            file,
            path,
            target: target.to_owned(),
            is_named: false,
        })
    }

    /// Gives the complete archive its name. Returns its size in bytes.
    fn finish(mut self, force: bool) -> anyhow::Result<u64> {
        let size = self.file.metadata()?.len();
        self.name(force)?;
        self.is_named = true;
        Ok(size)
    }

    fn name(&self, force: bool) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.target.display());
        // Unlike renaming, a link fails if another process has created the file. Not every file system has links.
        let link = if force {
            Ok(())
        } else {
            fs::hard_link(&self.path, &self.target)
        };
        if link.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            bail!(
                "{} was created in the meantime; --force replaces it",
                self.target.display()
            );
        }
        fs::rename(&self.path, &self.target).with_context(cannot)?;
        // Renaming does nothing if both names are links to one file.
        drop(fs::remove_file(&self.path));
        File::open(folder_of(&self.target))
            .and_then(|folder| folder.sync_all())
            .with_context(cannot)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_named {
            // It may have been removed already.
            drop(fs::remove_file(&self.path));
        }
    }
}

pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn summary(file: &Path, taken: &Taken, size: u64) -> String {
    let held = taken.manifest.files.len() - taken.missing.len();
    let deleted = taken.missing.len() - taken.lost;
    let deleted = match deleted {
        0 => String::new(),
        files => format!("; {} deleted meanwhile", counted(files)),
    };
    let lost = match taken.lost {
        0 => String::new(),
        files => format!("; WITHOUT {} missing from the storage", counted(files)),
    };
    format!(
        "Wrote {}: {}, with the {} database and {}{deleted}{lost}",
        file.display(),
        HumanBytes(size),
        taken.manifest.engine.as_str(),
        counted(held)
    )
}

/// `1 file`, `2 files`.
pub(super) fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        more => format!("{more} files"),
    }
}
