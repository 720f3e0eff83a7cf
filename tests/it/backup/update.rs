//! Backups during an update.

use std::fs::{self, File};
use std::thread;

use taskwire::domain::actor::Actor;
use taskwire::domain::backup::{Progress, Target};
use tokio::runtime::Builder;

use crate::support::TestApp;
use crate::support::database::TestDatabase;

/// Applies a migration of a newer version, and blocks until it is applied.
fn migrate_further(database: &TestDatabase) {
    let migration = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_wonders', 0)";
    thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(database.execute(migration));
        });
    });
}

/// Otherwise an alert would report that the last backup is too old.
#[tokio::test]
async fn the_time_of_a_backup_is_stored_even_if_a_newer_version_migrates_the_database_meanwhile() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let target = Target {
        archive: File::create_new(folder.path().join("backup.tar.gz")).unwrap(),
        scratch: folder.path().join("scratch"),
        without_lost_files: false,
    };
    fs::create_dir(&target.scratch).unwrap();
    let mut progress = |at: Progress| {
        // The database is copied, and not yet in the archive.
        if at.done == 0 {
            migrate_further(&app.database);
        }
    };
    let domain = app.app.domain();
    domain.back_up(&Actor::System, target, &mut progress).await.unwrap();
    let stored = "SELECT COUNT(*) AS number FROM event_log WHERE backed_up_at IS NOT NULL";
    assert_eq!(app.database.number(stored).await, 1);
}
