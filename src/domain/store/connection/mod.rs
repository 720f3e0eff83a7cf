//! Connections to the database, for reading and for writing.
//!
//! The driver's own pool asks the database after every statement whether the connection is still alive, which costs
//! about as much as a small statement. Here a connection goes straight from one user to the next; only one that failed,
//! or that has been idle for long, goes through the driver's pool.
//!
//! Every statement has a time limit on this side too. A statement that exceeds it, or that nobody waits for any more,
//! is ended and holds its connection until it has. A connection in doubt is closed, never used again.

mod engine;
mod pool;
mod share;

pub(super) use engine::Engine;
pub(super) use pool::{ConnectionPool, Lane, PooledConnection, Settings};
pub(super) use share::Shares;
