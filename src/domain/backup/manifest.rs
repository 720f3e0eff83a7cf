//! What an archive says of itself: its first entry, and its last.

use serde::{Deserialize, Serialize};

use crate::config::Backend;
use crate::domain::attachment::storage::Storage;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};

/// The format that this version writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;

/// The name of the first entry.
pub(super) const MANIFEST: &str = "manifest.json";
/// The name of the last one.
pub(super) const END: &str = "end.json";

/// What an archive holds: its first entry. Digests are SHA-256 in hexadecimal digits, sizes are in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// The version of the server that wrote it.
    pub taskwire: String,
    /// Which database it was taken of.
    pub engine: BackupEngine,
    /// The newest migration that the database had.
    pub migration: String,
    /// The identity of its event log.
    pub event_log: String,
    /// When it was taken.
    pub created_at: Timestamp,
    /// The major version of the `pg_dump` that made the dump, if one did.
    pub pg_dump: Option<u32>,
    /// The copy of the database.
    pub database: ArchiveEntry,
    /// The files that the database names. Those of them that were gone when their turn came are listed at the
    /// end of the archive.
    pub files: Vec<ArchiveEntry>,
}

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupEngine {
    /// The copy is a database of its own.
    Sqlite,
    /// The copy is a dump in the custom format of `pg_dump`.
    Postgres,
}

/// One thing in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveEntry {
    /// Its name: of a file, that in the storage.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// Their digest.
    pub sha256: String,
}

/// The last entry: an archive without it is not whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Names of files that were gone when their turn came.
    pub(super) missing: Vec<String>,
}

/// What all formats have.
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

    /// The name of the copy in the archive.
    pub(super) fn database_name(self) -> &'static str {
        match self {
            Self::Sqlite => "database.sqlite",
            Self::Postgres => "database.dump",
        }
    }

    /// How people call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Manifest {
    /// Reads it, and refuses what this version does not understand.
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
            Err(damaged("it names files that no server of ours makes"))
        }
    }

    /// How many bytes there are to be restored, if nothing is missing.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.files.iter().map(|file| file.size);
        files.fold(self.database.size, u64::saturating_add)
    }
}

/// The path of a file in the archive.
pub(super) fn path_of(file: &ArchiveEntry) -> String {
    format!("files/{}", file.name)
}

/// The archive is not as it was written.
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
    fn a_manifest_says_how_much_there_is() {
        let manifest = Manifest::read(manifest().to_string().as_bytes()).unwrap();
        assert_eq!(manifest.bytes(), 3);
    }

    #[test]
    fn another_format_and_names_that_lead_elsewhere_are_refused() {
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
