//! Counts of the database's content, to check that a request writes nothing.

use sea_orm::FromQueryResult;

use super::TestApp;

/// Advance the clock before a request that should write nothing: a changed account is only visible by a new
/// `updated_at`.
#[derive(Debug, PartialEq, Eq, FromQueryResult)]
pub struct Footprint {
    users: i64,
    changed_users: i64,
    sessions: i64,
    tasks: i64,
    task_versions: i64,
    tags: i64,
    events: i64,
    attachments: i64,
}

const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM users) AS users,
    (SELECT COUNT(*) FROM users WHERE updated_at > created_at) AS changed_users,
    (SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL) AS sessions,
    (SELECT COUNT(*) FROM tasks) AS tasks,
    (SELECT COALESCE(SUM(version), 0) FROM tasks) AS task_versions,
    (SELECT COUNT(*) FROM task_tags) AS tags,
    (SELECT COUNT(*) FROM task_events) AS events,
    (SELECT COUNT(*) FROM attachments) AS attachments";

impl TestApp {
    pub async fn footprint(&self) -> Footprint {
        self.database.rows(COUNTS).await.pop().unwrap()
    }
}
