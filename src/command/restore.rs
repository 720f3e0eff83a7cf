//! `taskwire restore`.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::backup::{counted, folder_of};
use super::{Restore, database, output, progress};
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::backup::{CheckedBackup, Manifest, Restored};
use crate::domain::error::described;
use crate::http::server::stop_signal;

pub(super) async fn run(restore: Restore) -> anyhow::Result<()> {
    // First: from the first file on, a signal must not end the process before the files are removed.
    let stop = stop_signal();
    let config = Config::load()?;
    if config.database.is_memory() {
        bail!("DATABASE_URL is a database in memory: it would be lost when this command ends");
    }
    let shown = restore.file.display();
    let archive = File::open(&restore.file).with_context(|| format!("cannot read {shown}"))?;
    let scratch = scratch(&config)?;

    let checking = progress::bytes("Checking");
    // On the heap: it is large, and is moved.
    let restoring = Box::pin(async {
        let bar = checking.clone();
        let checked = CheckedBackup::read(archive, scratch.path(), move |at| progress::show(&bar, at)).await;
        checking.finish_and_clear();
        let backup = checked.map_err(|error| described(error).context(shown.to_string()))?;

        let domain = database::connect_or_create(config).await?;
        let manifest = backup.manifest().clone();
        let bar = progress::bytes("Restoring");
        let mut show = |at| progress::show(&bar, at);
        let restored = domain.restore(&Actor::System, backup, restore.force, &mut show).await;
        bar.finish_and_clear();
        anyhow::Ok((domain, manifest, restored.map_err(described)?))
    });
    let done = tokio::select! {
        done = restoring => done,
        () = stop => Err(anyhow::anyhow!(
            "stopped: the database is unchanged, or contains the complete backup; files may be left in the storage"
        )),
    };
    // After a signal, the thread that checks still moves it.
    checking.finish_and_clear();
    let (domain, manifest, restored) = done?;
    output::line(&summary(&restore.file, &manifest, restored))?;
    database::close(domain).await
}

/// The directory to unpack the database in. For SQLite it is beside the database file, whose disk has enough room.
fn scratch(config: &Config) -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".taskwire-restore-");
    let created = match config.database.sqlite_path() {
        Some(file) => builder.tempdir_in(folder_of(&file)),
        None => builder.tempdir(),
    };
    created.context("cannot create a directory to unpack the backup in")
}

fn summary(file: &Path, manifest: &Manifest, restored: Restored) -> String {
    let missing = match restored.missing {
        0 => String::new(),
        files => format!("; left out {} that the backup does not contain", counted(files)),
    };
    format!(
        "Restored {} of {}: the database and {}{missing}",
        file.display(),
        manifest.created_at.format("%F %T UTC"),
        counted(restored.files)
    )
}
