//! Queries for operators: the schema, backups, diagnosis, example data.

pub(in crate::domain) mod backup;
pub(super) mod diagnosis;
pub(super) mod gauge;
pub(super) mod missing_right;
pub(super) mod open_transaction;
pub(super) mod schema;
pub(in crate::domain) mod seed;
