//! The database schema. Each migration supports SQLite and PostgreSQL.
//!
//! Never edit a released migration; add a new file. Every migration runs in a transaction on both databases, and its
//! `down` reverts it.

mod columns;
mod m20261121_000001_accounts;
mod m20261121_000002_tasks;
mod m20261121_000003_events;
mod m20261121_000004_attachments;
mod m20261121_000005_operations;
mod m20261121_000006_job_queue;
mod m20261122_000007_list_indexes;
mod m20261122_000008_tag_names;
mod m20261128_000009_tag_index;
mod m20261128_000010_idempotency_lease;
mod m20261128_000011_backup_time;
mod m20261128_000012_idempotency_response;
mod m20261128_000013_login_addresses;
mod m20261128_000014_verified_email;
mod m20261128_000015_name_key;
mod m20261129_000016_due_days;
mod m20261129_000017_client_key;
mod m20261129_000018_notification_order;
mod m20261130_000019_users_stamp;
mod m20261201_000020_sigma;
mod m20261201_000021_settled_positions;

pub use sea_orm_migration::{MigrationStatus, MigratorTrait};
use sea_orm_migration::{MigrationTrait, async_trait};

/// All tables of Taskwire; referenced tables come first.
pub const TABLES: &[&str] = &[
    "users",
    "sessions",
    "login_attempts",
    "login_addresses",
    "tasks",
    "tags",
    "task_tags",
    "event_log",
    "task_events",
    "notifications",
    "due_notices",
    "account_changes",
    "attachments",
    "jobs",
    "idempotency_keys",
    "mail_counts",
];

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts::Migration),
            Box::new(m20261121_000002_tasks::Migration),
            Box::new(m20261121_000003_events::Migration),
            Box::new(m20261121_000004_attachments::Migration),
            Box::new(m20261121_000005_operations::Migration),
            Box::new(m20261121_000006_job_queue::Migration),
            Box::new(m20261122_000007_list_indexes::Migration),
            Box::new(m20261122_000008_tag_names::Migration),
            Box::new(m20261128_000009_tag_index::Migration),
            Box::new(m20261128_000010_idempotency_lease::Migration),
            Box::new(m20261128_000011_backup_time::Migration),
            Box::new(m20261128_000012_idempotency_response::Migration),
            Box::new(m20261128_000013_login_addresses::Migration),
            Box::new(m20261128_000014_verified_email::Migration),
            Box::new(m20261128_000015_name_key::Migration),
            Box::new(m20261129_000016_due_days::Migration),
            Box::new(m20261129_000017_client_key::Migration),
            Box::new(m20261129_000018_notification_order::Migration),
            Box::new(m20261130_000019_users_stamp::Migration),
            Box::new(m20261201_000020_sigma::Migration),
            Box::new(m20261201_000021_settled_positions::Migration),
        ]
    }
}
