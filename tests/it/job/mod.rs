//! Background jobs: with a clock that tests control, and in the real binary.

mod background;
mod chore;
mod cluster;
mod due;
mod external;
mod mail;
mod queue;

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use taskwire::domain::actor::Actor;

use crate::support::TestApp;

#[derive(Debug, PartialEq, FromQueryResult)]
struct Job {
    id: i32,
    run_at: DateTime<Utc>,
    attempts: i32,
    locked_until: Option<DateTime<Utc>>,
    last_error: Option<String>,
    finished_at: Option<DateTime<Utc>>,
    is_dead: bool,
}

impl TestApp {
    /// Runs all jobs that are due. Returns the number of attempts.
    pub(crate) async fn run_until_idle(&self) -> usize {
        self.app.domain().jobs().run_until_idle(&Actor::System).await.unwrap()
    }

    /// The jobs of a kind, oldest first.
    async fn jobs(&self, kind: &str) -> Vec<Job> {
        let sql = format!(
            "SELECT id, run_at, attempts, locked_until, last_error, finished_at, is_dead FROM jobs \
             WHERE kind = '{kind}' ORDER BY id"
        );
        self.database.rows(&sql).await
    }

    async fn count(&self, table: &str) -> i64 {
        self.database
            .number(&format!("SELECT COUNT(*) AS number FROM {table}"))
            .await
    }
}
