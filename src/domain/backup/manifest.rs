//! The first and last entries of an archive.

use serde::{Deserialize, Serialize};

use crate::config::Backend;
use crate::domain::attachment::storage::Storage;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};

/// The only format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// Name of the first entry.
pub(super) const MANIFEST: &str = "manifest.json";
/// Name of the last entry.
pub(super) const END: &str = "end.json";

/// Metadata of an archive, its first entry. Digests are SHA-256 as hexadecimal digits, sizes are in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// Version of the server that wrote it.
    pub taskwire: String,
    /// The kind of database.
    pub engine: BackupEngine,
    /// The newest migration of the database.
    pub migration: String,
    /// The identity of the event log.
    pub event_log: String,
    /// When the backup was taken.
    pub created_at: Timestamp,
    /// Major version of the `pg_dump` that wrote the dump; `None` for `SQLite`.
    pub pg_dump: Option<u32>,
    /// The copy of the database.
    pub database: ArchiveEntry,
    /// The files that the database names. Files that were deleted before they were copied are listed at the end of the
    /// archive.
    pub files: Vec<ArchiveEntry>,
}

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupEngine {
    /// The copy is a `SQLite` database.
    Sqlite,
    /// The copy is a dump in the custom format of `pg_dump`.
    Postgres,
}

/// An entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveEntry {
    /// Its name; for a file, its name in the storage.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest.
    pub sha256: String,
}

/// The last entry, which proves that the archive is complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Names of files that were deleted before they were copied.
    pub(super) missing: Vec<String>,
}

/// The field that all formats have.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

impl BackupEngine {
    pub(super) fn of(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite,
            Backend::Postgres => Self::Postgres,
        }
    }

    /// Name of the database entry.
    pub(super) fn database_name(self) -> &'static str {
        match self {
            Self::Sqlite => "database.sqlite",
            Self::Postgres => "database.dump",
        }
    }

    /// Name for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Manifest {
    /// Parses a manifest, and rejects what this version does not support.
    pub(super) fn read(text: &[u8]) -> Result<Self> {
        let AnyFormat { format } = serde_json::from_slice(text).map_err(|_| damaged("its manifest cannot be read"))?;
        if format != FORMAT {
            return Err(refused(format!(
                "the backup has the format {format}, and this version of taskwire ({}) reads {FORMAT}",
                env!("CARGO_PKG_VERSION")
            )));
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|error| damaged(&format!("its manifest cannot be read: {error}")))?;
        let names_are_ours = manifest.database.name == manifest.engine.database_name()
            && manifest.files.iter().all(|file| Storage::is_key(&file.name));
        if names_are_ours {
            Ok(manifest)
        } else {
            Err(damaged("it names files that no Taskwire server writes"))
        }
    }

    /// Number of bytes to restore, if no file is missing.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.files.iter().map(|file| file.size);
        files.fold(self.database.size, u64::saturating_add)
    }
}

pub(super) fn path_of(file: &ArchiveEntry) -> String {
    format!("files/{}", file.name)
}

pub(super) fn damaged(what: &str) -> Error {
    refused(format!("the backup is damaged: {what}. Nothing was changed"))
}

pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::invalid("backup", message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest() -> Value {
        json!({
            "format": FORMAT,
            "taskwire": "0.1.0",
            "engine": "sqlite",
            "migration": "m1",
            "event_log": "f00d",
            "created_at": "2026-01-15T12:00:00Z",
            "pg_dump": null,
            "database": { "name": "database.sqlite", "size": 1, "sha256": "00" },
            "files": [{ "name": "ab/ab0123456789abcdef0123456789abcd", "size": 2, "sha256": "00" }],
        })
    }

    #[test]
    fn a_manifest_adds_up_its_bytes() {
        let manifest = Manifest::read(manifest().to_string().as_bytes()).unwrap();
        assert_eq!(manifest.bytes(), 3);
    }

    #[test]
    fn another_format_and_unsafe_names_are_rejected() {
        for (pointer, value, complaint) in [
            ("/format", json!(2), "the backup has the format 2"),
            ("/files/0/name", json!("../../etc/passwd"), "names files"),
            ("/files/0/name", json!("/etc/passwd"), "names files"),
            ("/database/name", json!("../taskwire.db"), "names files"),
            ("/engine", json!("mysql"), "cannot be read"),
        ] {
            let mut manifest = manifest();
            *manifest.pointer_mut(pointer).unwrap() = value;
            let error = Manifest::read(manifest.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
        }
    }
}
