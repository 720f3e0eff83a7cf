//! Tracks whether writes are durable: the state of the database's file and disk.
//!
//! A server that cannot write must report it before a load balancer sends more requests. It must never acknowledge a
//! write to a deleted file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::DbErr;

use crate::domain::error::{Error, Result};
use crate::domain::store::{DATABASE_BUSY, driver_error, sqlite_code};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum WriteObstacle {
    DiskFull,
    /// The database's file, disk or role is read-only.
    ReadOnly,
    /// I/O errors, or a damaged file.
    Disk,
    /// The database's file was deleted or replaced under the running server.
    FileReplaced,
}

impl WriteObstacle {
    /// The text is safe to publish.
    pub(in crate::domain::store) fn reason(self) -> &'static str {
        match self {
            Self::DiskFull => "the database's disk is full",
            Self::ReadOnly => "the database is read-only",
            Self::Disk => "the database's disk fails",
            Self::FileReplaced => "the database's file was deleted or replaced: restart the server",
        }
    }
}

#[derive(Debug)]
pub(in crate::domain::store) struct Durability {
    /// SQLite's file and its identity at startup.
    file: Option<(PathBuf, (u64, u64))>,
    obstacle: Mutex<Option<WriteObstacle>>,
}

impl Durability {
    /// `file` is that of a SQLite database, if any.
    pub(in crate::domain::store) fn of(file: Option<PathBuf>) -> Self {
        let identified = |path: PathBuf| identity_of(&path).map(|identity| (path, identity));
        Self {
            file: file.and_then(identified),
            obstacle: Mutex::default(),
        }
    }

    pub(in crate::domain::store) fn obstacle(&self) -> Option<WriteObstacle> {
        if let Some((path, identity)) = &self.file
            && identity_of(path) != Some(*identity)
        {
            self.set(Some(WriteObstacle::FileReplaced));
        }
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails while writes are impossible.
    pub(in crate::domain::store) fn check(&self) -> Result<()> {
        match self.obstacle() {
            None => Ok(()),
            Some(obstacle) => Err(Error::Unavailable {
                retry_after: DATABASE_BUSY,
                cause: Some(Arc::new(anyhow::anyhow!("{}", obstacle.reason()))),
            }),
        }
    }

    /// Records the obstacle that an error reports, if any, and returns the error.
    pub(in crate::domain::store) fn noted(&self, error: DbErr) -> DbErr {
        if let Some(obstacle) = obstacle_in(&error) {
            self.set(Some(obstacle));
        }
        error
    }

    /// Records an obstacle, or with `None` a successful write.
    pub(in crate::domain::store) fn set(&self, found: Option<WriteObstacle>) {
        let mut known = self.obstacle.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == found || *known == Some(WriteObstacle::FileReplaced) {
            return;
        }
        if let Some(obstacle) = found {
            tracing::error!("writes are refused until a test write succeeds: {}", obstacle.reason());
        } else {
            tracing::info!("the database can be written again");
        }
        *known = found;
    }
}

pub(in crate::domain::store) fn obstacle_in(error: &DbErr) -> Option<WriteObstacle> {
    let cause = driver_error(error)?.as_database_error()?;
    if let Some(code) = sqlite_code(cause) {
        return match code {
            13 => Some(WriteObstacle::DiskFull),
            8 => Some(WriteObstacle::ReadOnly),
            10 | 11 | 14 | 26 => Some(WriteObstacle::Disk),
            _ => None,
        };
    }
    match cause.code()?.as_ref() {
        "53100" => Some(WriteObstacle::DiskFull),
        "25006" => Some(WriteObstacle::ReadOnly),
        "58030" | "XX001" => Some(WriteObstacle::Disk),
        _ => None,
    }
}

/// Device and inode, which distinguish files of the same name.
#[cfg(unix)]
fn identity_of(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Files of the same name are not distinguished on this platform.
#[cfg(not(unix))]
fn identity_of(path: &Path) -> Option<(u64, u64)> {
    path.exists().then_some((0, 0))
}
