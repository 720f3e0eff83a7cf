//! Checks the free disk for the SQLite file and for the directory of uploads.

use std::path::{Path, absolute};

use super::{Finding, Report};
use crate::config::Config;
use crate::domain::attachment::{Room, disk_of, nearest_existing};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// With less free space the check fails.
const MIN_BYTES: u64 = 100 * MIB;
/// With less free space the check warns.
const LOW_BYTES: u64 = GIB;
/// With less free space, in percent of the disk, the check warns, as `/health/detailed` does.
const LOW_PERCENT: u64 = 5;

pub(super) fn check(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let database = config.database.sqlite_path().map(|path| ("database", path));
    let uploads = config.storage.directory().map(|path| ("uploads", path));
    for (content, path) in database.into_iter().chain(uploads) {
        let path = absolute(path)?;
        let existing = nearest_existing(&path);
        report.add("disk", judge(content, existing, disk_of(existing)))?;
    }
    Ok(())
}

fn judge(content: &str, path: &Path, room: anyhow::Result<Room>) -> Finding {
    let path = path.display();
    let room = match room {
        Ok(room) => room,
        Err(error) => return Finding::Failed(format!("{content}: cannot examine the disk of {path}: {error:#}")),
    };
    let Some(bytes) = room.free_bytes else {
        return Finding::Ok(format!("{content}: the free space on the disk of {path} is unknown"));
    };
    let percent = room.free_percent;
    let share = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let free = format!("{content}: {}{share} free on the disk of {path}", size(bytes));
    if bytes < MIN_BYTES {
        Finding::Failed(format!("{free}; free some space: writes will fail soon"))
    } else if bytes < LOW_BYTES || percent.is_some_and(|percent| percent < LOW_PERCENT) {
        Finding::Warning(format!(
            "{free}; free some space: at least {} and {LOW_PERCENT} % should be free",
            size(LOW_BYTES)
        ))
    } else {
        Finding::Ok(free)
    }
}

fn size(bytes: u64) -> String {
    if bytes < GIB {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{} GiB", bytes / GIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(free_bytes: Option<u64>, free_percent: Option<u64>) -> Finding {
        let room = Room {
            free_percent,
            free_bytes,
        };
        judge("uploads", Path::new("/srv"), Ok(room))
    }

    #[test]
    fn a_disk_is_judged_by_bytes_and_by_percent() {
        assert_eq!(
            judged(Some(36 * GIB), Some(14)),
            Finding::Ok("uploads: 36 GiB (14 %) free on the disk of /srv".to_owned())
        );
        for (bytes, percent) in [(GIB - 1, 50), (MIN_BYTES, 50), (500 * GIB, 4)] {
            let found = judged(Some(bytes), Some(percent));
            assert!(matches!(found, Finding::Warning(_)), "{found:?}");
        }
        for percent in [Some(50), None] {
            let found = judged(Some(MIN_BYTES - 1), percent);
            assert!(matches!(found, Finding::Failed(_)), "{found:?}");
        }
        assert!(matches!(judged(None, None), Finding::Ok(_)));
    }
}
