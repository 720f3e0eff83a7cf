//! What the database says of itself: for the command line, and for health.

use chrono::TimeDelta;

use super::Core;
use super::clock::Timestamp;
use super::error::Result;
use super::store::{Engine, MissingRights, OpenTransaction, WriteFailure};

/// The questions that the database can be asked about itself. None changes anything.
#[derive(Clone, Copy, Debug)]
pub struct Diagnosis<'a> {
    core: &'a Core,
}

/// The time by the database's clock, and the time here before and after the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The time here when the database was asked.
    pub before: Timestamp,
    /// The time by the database's clock.
    pub database: Timestamp,
    /// The time here when it had answered.
    pub after: Timestamp,
}

impl ClockReading {
    /// How far both clocks are apart at least. An answer that takes long is no difference.
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

    /// Which database it is.
    pub async fn engine(self) -> Result<Engine> {
        self.core.store.engine().await
    }

    /// The database's clock beside the domain's.
    pub async fn clocks(self) -> Result<ClockReading> {
        let before = self.core.clock.now();
        let database = self.core.store.now().await?;
        Ok(ClockReading {
            before,
            database,
            after: self.core.clock.now(),
        })
    }

    /// When the newest event was written, by the clock of the server that wrote it.
    pub async fn newest_event(self) -> Result<Option<Timestamp>> {
        self.core.store.newest_event().await
    }

    /// Why nothing can be written, if so. The tables must exist.
    pub async fn write_failure(self) -> Option<WriteFailure> {
        self.core.store.try_to_write().await
    }

    /// The transaction for which a write waits that fails as [`WriteFailure::Locked`], where the database says so.
    pub async fn lock_holder(self) -> Result<Option<OpenTransaction>> {
        self.core.store.lock_holder().await
    }

    /// The rights that the database's user lacks, where the database has users.
    pub async fn missing_rights(self) -> Result<Option<MissingRights>> {
        self.core.store.missing_rights().await
    }

    /// The oldest transaction that writes in the database's cluster, where one may keep events back.
    pub async fn oldest_transaction(self) -> Result<Option<OpenTransaction>> {
        self.core.store.oldest_transaction().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_an_answer_takes_is_no_difference_of_clocks() {
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
