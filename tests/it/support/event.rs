//! Rows of the event log in the database.

use sea_orm::FromQueryResult;
use serde_json::Value;

use super::TestApp;

#[derive(Debug, PartialEq, FromQueryResult)]
pub struct Event {
    #[sea_orm(from_alias = "type")]
    pub kind: String,
    pub actor_id: Option<i32>,
    pub audience: Value,
    pub previous_status: Option<i16>,
    pub status: i16,
    pub changes: Value,
    pub task: Value,
}

impl TestApp {
    /// The events of a task, in the order of commit.
    pub async fn events(&self, task: i64) -> Vec<Event> {
        let sql = format!("SELECT * FROM task_events WHERE task_id = {task} ORDER BY transaction_id, id");
        self.database.rows(&sql).await
    }
}
