//! The storage of attachments: whether files can be written there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::timeout;

use super::Report;
use crate::config::StorageConfig;
use crate::domain::attachment::{nearest_existing, try_storage};
use crate::domain::random::SystemRandomness;

/// How long a bucket may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks the directory or the bucket of the settings.
pub(super) async fn check(config: &StorageConfig, report: &mut Report) -> anyhow::Result<()> {
    let found = match config.directory() {
        Some(directory) => judge(&directory),
        None => judge_bucket(config).await,
    };
    report.add("storage", found)
}

async fn judge_bucket(config: &StorageConfig) -> Result<String, String> {
    let tried = timeout(PATIENCE, try_storage(config, &SystemRandomness)).await;
    match tried.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", PATIENCE.as_secs()))) {
        Ok(()) => Ok(format!("{} takes files", config.url)),
        Err(error) => Err(format!(
            "{} takes no files: {error}; check STORAGE_URL, and the variables that begin with AWS_",
            config.url
        )),
    }
}

fn judge(directory: &Path) -> Result<String, String> {
    // A directory that is not there yet is made when it is needed, inside the nearest one that is.
    let existing = nearest_existing(directory);
    match try_to_write(existing) {
        Ok(()) if existing == directory => Ok(format!("{} takes files", directory.display())),
        Ok(()) => Ok(format!("{} does not exist yet and can be made", directory.display())),
        Err(error) => Err(format!(
            "cannot write to {}: {error}; give this user the right to, or set UPLOAD_DIR or STORAGE_URL",
            existing.display()
        )),
    }
}

/// Writes a file and removes it.
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
    fn a_directory_that_can_be_made_is_as_good_as_one_that_is_there() {
        let root = tempfile::tempdir().unwrap();
        assert!(judge(root.path()).unwrap().ends_with("takes files"));
        assert!(judge(&root.path().join("a/b")).unwrap().ends_with("can be made"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_a_failure() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("uploads");
        fs::write(&file, "").unwrap();
        assert!(judge(&file).is_err());
    }
}
