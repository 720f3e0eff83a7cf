//! Access to the database: opening it, its connections, and transactions.

pub(super) mod by_position;
pub(super) mod connection;
pub(super) mod durability;
pub(super) mod heartbeat;
pub(super) mod nullable;
pub(super) mod open;
pub(super) mod read_pool;
pub(super) mod session_check;
pub(super) mod statement_meter;
pub(super) mod write;
pub(super) mod writer;
