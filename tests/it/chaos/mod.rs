//! Faults: what happens to acknowledged writes and to events, and how soon the servers are back.
//!
//! One file a kind of fault. Those that take long are left out of `cargo test`; `cargo xtask chaos` runs all and
//! collects a table.

mod backup;
mod clock;
mod cluster;
mod database;
mod disk;
mod failover;
mod file;
mod full_disk;
mod load;
mod node;
mod reckoning;
mod redis;
mod rolling;
mod shutdown;

use std::time::Duration;

/// How long what is frozen stays so: longer than any limit of the servers for a dead connection.
const FREEZE: Duration = Duration::from_secs(12);
