//! Faults: their effect on acknowledged writes and events, and the recovery time of servers.
//!
//! One file for each kind of fault. `cargo test` skips slow tests; `cargo xtask chaos` runs all and collects a table.

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
mod quiet;
mod reckoning;
mod redis;
mod rolling;
mod shutdown;

use std::time::Duration;

/// Longer than any timeout of the servers for a dead connection.
const FREEZE: Duration = Duration::from_secs(12);
