//! Free disk space for files.

use std::path::Path;

use anyhow::Context as _;

/// Free space for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free share of the disk in percent; `None` if unknown, such as for a bucket.
    pub free_percent: Option<u64>,
    /// Free bytes of the disk; `None` if unknown.
    pub free_bytes: Option<u64>,
}

impl Room {
    pub(super) const UNKNOWN: Self = Self {
        free_percent: None,
        free_bytes: None,
    };
}

/// Free space on the disk of a file or directory.
#[cfg(unix)]
pub(crate) fn disk_of(path: &Path) -> anyhow::Result<Room> {
    let disk = rustix::fs::statvfs(path).context("the disk does not answer")?;
    if disk.f_blocks == 0 {
        // Some file systems report no size, such as `/proc`.
        return Ok(Room::UNKNOWN);
    }
    Ok(Room {
        free_percent: (disk.f_bavail * 100).checked_div(disk.f_blocks),
        free_bytes: Some(disk.f_bavail * disk.f_frsize),
    })
}

/// Free space is not known on this platform.
#[cfg(not(unix))]
pub(crate) fn disk_of(_path: &Path) -> anyhow::Result<Room> {
    Ok(Room::UNKNOWN)
}

/// The directory, or its nearest existing parent.
pub(crate) fn nearest_existing(directory: &Path) -> &Path {
    directory.ancestors().find(|path| path.exists()).unwrap_or(directory)
}

/// Checks that the directory, or its nearest existing parent, is writable, and returns its free space.
#[cfg(unix)]
pub(super) fn in_directory(directory: &Path) -> anyhow::Result<Room> {
    use rustix::fs::{Access, access};

    let existing = nearest_existing(directory);
    access(existing, Access::WRITE_OK | Access::EXEC_OK).context("the directory of files cannot be written to")?;
    disk_of(existing).context("the disk of files cannot be examined")
}

/// Checks that the directory, or its nearest existing parent, is writable. The free space is unknown.
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
