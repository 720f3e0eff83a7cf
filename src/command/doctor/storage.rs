//! Checks that files can be written to the storage of attachments.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::time::Duration;

use super::{Report, within};
use crate::config::StorageConfig;
use crate::domain::attachment::{nearest_existing, try_storage};
use crate::domain::random::SystemRandomness;

/// Longest time for the checks of a bucket.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(config: &StorageConfig, report: &mut Report) -> anyhow::Result<()> {
    let found = match config.directory() {
        Some(directory) => judge(&directory),
        None => judge_bucket(config).await,
    };
    report.add("storage", found)
}

async fn judge_bucket(config: &StorageConfig) -> Result<String, String> {
    match within(PATIENCE, try_storage(config, &SystemRandomness)).await {
        Ok(()) => Ok(format!("{} accepts files", config.url)),
        Err(error) => Err(format!(
            "{} accepts no files: {error}; check STORAGE_URL, and the variables that begin with AWS_",
            config.url
        )),
    }
}

fn judge(directory: &Path) -> Result<String, String> {
    // The server creates a missing directory, inside the nearest existing one, with the first file.
    let existing = nearest_existing(directory);
    match try_to_write(existing) {
        Ok(()) if existing == directory => Ok(format!("{} accepts files", directory.display())),
        Ok(()) => Ok(format!("{} does not exist yet and can be created", directory.display())),
        Err(error) => Err(format!(
            "cannot write to {}: {error}; give this user the right to write, or set UPLOAD_DIR or STORAGE_URL",
            existing.display()
        )),
    }
}

fn try_to_write(directory: &Path) -> io::Result<()> {
    let file = directory.join(format!(".taskwire-doctor-{}", process::id()));
    let mut probe = OpenOptions::new().write(true).create_new(true).open(&file)?;
    let written = probe.write_all(b"ok");
    fs::remove_file(&file).and(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_exists_or_can_be_created() {
        let root = tempfile::tempdir().unwrap();
        assert!(judge(root.path()).unwrap().ends_with("accepts files"));
        assert!(judge(&root.path().join("a/b")).unwrap().ends_with("can be created"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
