//! A PostgreSQL user who owns nothing.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use url::Url;

use super::database::TestDatabase;

static COUNT: AtomicU32 = AtomicU32::new(0);

pub struct Role {
    sql_name: String,
    url: String,
}

impl Role {
    /// A user without any right on the tables.
    pub async fn create(database: &TestDatabase) -> Self {
        // A name that must be quoted.
        let name = format!("Taskwire-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let sql_name = format!("\"{name}\"");
        database
            .execute(&format!("CREATE ROLE {sql_name} LOGIN PASSWORD 'Sesame123'"))
            .await;
        let mut url = Url::parse(database.url()).unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some("Sesame123")).unwrap();
        Self {
            sql_name,
            url: url.into(),
        }
    }

    /// The quoted name.
    pub fn sql_name(&self) -> &str {
        &self.sql_name
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Grants every right that the server needs.
    pub async fn grant_everything(&self, database: &TestDatabase) {
        let rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public";
        database.execute(&format!("GRANT {rights} TO {}", self.sql_name)).await;
    }

    /// Roles belong to the whole cluster, so dropping the database does not remove them.
    pub async fn remove(self, database: &TestDatabase) {
        let name = &self.sql_name;
        database
            .execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}"))
            .await;
    }
}
