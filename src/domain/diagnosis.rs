//! Diagnosis of the database, for the command line and the health check.

use chrono::TimeDelta;

use super::Core;
use super::clock::Timestamp;
use super::error::Result;
use super::store::{Engine, MissingRights, OpenTransaction, WriteFailure};

/// Queries about the database itself. None changes data.
#[derive(Clone, Copy, Debug)]
pub struct Diagnosis<'a> {
    core: &'a Core,
}

/// The time of the database's clock, and the local time before and after the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// Local time before the query.
    pub before: Timestamp,
    /// Time of the database's clock.
    pub database: Timestamp,
    /// Local time after the query.
    pub after: Timestamp,
}

impl ClockReading {
    /// Minimum difference of both clocks. The duration of the query does not count.
    #[must_use]
    pub fn skew(&self) -> TimeDelta {
        let (behind, ahead) = (self.before - self.database, self.database - self.after);
        behind.max(ahead).max(TimeDelta::zero())
    }
}

impl<'a> Diagnosis<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// The kind of database.
    pub async fn engine(self) -> Result<Engine> {
        self.core.store.engine().await
    }

    /// Reads the database's clock and the local clock.
    pub async fn clocks(self) -> Result<ClockReading> {
        let before = self.core.clock.now();
        let database = self.core.store.now().await?;
        Ok(ClockReading {
            before,
            database,
            after: self.core.clock.now(),
        })
    }

    /// Time of the newest event, by the clock of the server that wrote it; `None` without events.
    pub async fn newest_event(self) -> Result<Option<Timestamp>> {
        self.core.store.newest_event().await
    }

    /// Why writes fail; `None` if they work. The tables must exist.
    pub async fn write_failure(self) -> Option<WriteFailure> {
        self.core.store.try_to_write().await
    }

    /// The transaction that blocks a write which failed as [`WriteFailure::Locked`]; `None` if unknown.
    pub async fn lock_holder(self) -> Result<Option<OpenTransaction>> {
        self.core.store.lock_holder().await
    }

    /// Missing rights of the database user; `None` if the database has no users.
    pub async fn missing_rights(self) -> Result<Option<MissingRights>> {
        self.core.store.missing_rights().await
    }

    /// The oldest open write transaction in the database cluster, which may block events.
    pub async fn oldest_transaction(self) -> Result<Option<OpenTransaction>> {
        self.core.store.oldest_transaction().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_of_a_query_is_no_clock_skew() {
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        for (database, skew) in [(100, 0), (105, 0), (110, 0), (93, 7), (113, 3)] {
            let reading = ClockReading {
                before: at(100),
                database: at(database),
                after: at(110),
            };
            assert_eq!(reading.skew(), TimeDelta::seconds(skew), "{database}");
        }
    }
}
