//! Checks the file of a SQLite database: whether this user can write it, and which process locks it.

use std::io;
use std::path::{Path, absolute};

use rustix::fs::{Access, access};

use crate::config::DatabaseConfig;

/// SQLite writes its file, and creates further files in the same folder.
pub(super) fn check_rights(config: &DatabaseConfig) -> Result<(), String> {
    let Some(file) = config.sqlite_path().and_then(|file| absolute(file).ok()) else {
        return Ok(());
    };
    let folder = file.parent().unwrap_or(&file);
    try_access(folder).map_err(|error| {
        format!(
            "the folder {} cannot be written: {error}; SQLite creates files in it, so give this user the right to write",
            folder.display()
        )
    })?;
    let files = ["", "-wal", "-shm"].map(|suffix| absolute(config.sqlite_sibling(suffix)?).ok());
    for file in files.into_iter().flatten().filter(|file| file.exists()) {
        try_access(&file).map_err(|error| {
            format!(
                "the file {} cannot be read and written: {error}; give this user the right to do both",
                file.display()
            )
        })?;
    }
    Ok(())
}

/// Fails if this user may not read and write the file, or not create files in the folder.
fn try_access(path: &Path) -> io::Result<()> {
    let rights = if path.is_dir() {
        Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK
    } else {
        Access::READ_OK | Access::WRITE_OK
    };
    Ok(access(path, rights)?)
}

/// The process that blocks other writers of a SQLite file, such as "process 4711 (backup)".
#[cfg(target_os = "linux")]
pub(super) fn holder(config: &DatabaseConfig) -> Option<String> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let places = ["", "-shm"].map(|suffix| place_of(&config.sqlite_sibling(suffix)?));
    let process = holder_in(&locks, places.each_ref().map(Option::as_deref))?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
    Some(match name {
        Ok(name) => format!("process {process} ({})", name.trim()),
        Err(_) => format!("process {process}"),
    })
}

/// Other systems do not list the holders of locks.
#[cfg(not(target_os = "linux"))]
pub(super) fn holder(_: &DatabaseConfig) -> Option<String> {
    None
}

/// A file's name in the kernel's list of locks: device and inode.
#[cfg(target_os = "linux")]
fn place_of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{major, minor};

    let metadata = path.metadata().ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    Some(format!("{:02x}:{:02x}:{inode}", major(device), minor(device)))
}

/// Reads the kernel's list of locks. A writer locks byte 120 of the shared memory file; a process that excludes all
/// others locks the database file.
#[cfg(any(target_os = "linux", test))]
fn holder_in(locks: &str, [file, shared_memory]: [Option<&str>; 2]) -> Option<u32> {
    const WRITER: &str = "120";

    locks.lines().find_map(|line| {
        // 1: POSIX  ADVISORY  WRITE 4711 fe:00:10027126 120 120
        let mut words = line.split_whitespace().skip(3);
        let (mode, process, place, first) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let is_ours = Some(place) == file || (Some(place) == shared_memory && first == WRITER);
        let process = process.parse().ok()?;
        // The kernel shows 0 for processes of other containers.
        let is_other = process != 0 && process != std::process::id();
        (mode == "WRITE" && is_ours && is_other).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_of_a_file_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 32317 fe:00:16 120 120\n\
            2: POSIX  ADVISORY  READ 32318 fe:00:26 123 123\n\
            3: POSIX  ADVISORY  WRITE 32319 fe:00:26 128 128\n\
            3: -> POSIX  ADVISORY  WRITE 32320 fe:00:26 120 120\n\
            4: FLOCK  ADVISORY  WRITE 32321 fe:00:90 0 EOF\n\
            5: POSIX  ADVISORY  WRITE 32346 fe:00:26 120 120\n\
            6: POSIX  ADVISORY  WRITE 32407 fe:00:31 1073741826 1073742335\n";
        let found = |file, shared_memory| holder_in(locks, [file, shared_memory]);
        assert_eq!(found(Some("fe:00:21"), Some("fe:00:26")), Some(32346));
        assert_eq!(found(Some("fe:00:31"), None), Some(32407));
        assert_eq!(found(Some("08:01:31"), Some("08:01:26")), None);
        assert_eq!(found(None, None), None);
        assert_eq!(holder_in("", [Some("fe:00:21"), Some("fe:00:26")]), None);
    }
}
