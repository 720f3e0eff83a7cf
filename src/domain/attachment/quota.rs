//! Whether files can be kept, and how much room there is for them.

use std::path::Path;

use anyhow::Context as _;

/// How much room there is for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How much of the disk is free, in hundredths; none where that cannot be told, as of a bucket.
    pub free_percent: Option<u64>,
    /// The same in bytes.
    pub free_bytes: Option<u64>,
}

impl Room {
    /// Room of which nothing is known.
    pub(super) const UNKNOWN: Self = Self {
        free_percent: None,
        free_bytes: None,
    };
}

/// How much room the disk of a file or directory has.
#[cfg(unix)]
pub(crate) fn disk_of(path: &Path) -> anyhow::Result<Room> {
    let disk = rustix::fs::statvfs(path).context("the disk does not answer")?;
    if disk.f_blocks == 0 {
        // Some file systems do not count, such as `/proc`.
        return Ok(Room::UNKNOWN);
    }
    Ok(Room {
        free_percent: (disk.f_bavail * 100).checked_div(disk.f_blocks),
        free_bytes: Some(disk.f_bavail * disk.f_frsize),
    })
}

/// How much room the disk of a file or directory has, which cannot be told here.
#[cfg(not(unix))]
pub(crate) fn disk_of(_path: &Path) -> anyhow::Result<Room> {
    Ok(Room::UNKNOWN)
}

/// The directory, or the nearest one above it that exists: where it will be created.
pub(crate) fn nearest_existing(directory: &Path) -> &Path {
    directory.ancestors().find(|path| path.exists()).unwrap_or(directory)
}

/// What there is in a directory, or where it will be made.
#[cfg(unix)]
pub(super) fn in_directory(directory: &Path) -> anyhow::Result<Room> {
    use rustix::fs::{Access, access};

    let existing = nearest_existing(directory);
    access(existing, Access::WRITE_OK | Access::EXEC_OK).context("the directory of files cannot be written to")?;
    disk_of(existing).context("the disk of files cannot be examined")
}

/// What there is in a directory, or where it will be made.
#[cfg(not(unix))]
pub(super) fn in_directory(directory: &Path) -> anyhow::Result<Room> {
    let existing = nearest_existing(directory);
    let is_closed = existing
        .metadata()
        .context("the directory of files does not answer")?
        .permissions()
        .readonly();
    anyhow::ensure!(!is_closed, "the directory of files cannot be written to");
    Ok(Room::UNKNOWN)
}
