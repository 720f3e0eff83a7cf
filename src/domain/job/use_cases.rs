//! The use cases of background work.

use std::sync::Arc;

use super::QueueStats;
use super::worker::Worker;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::{Core, policy, store};

/// The use cases of background work.
#[derive(Clone, Copy, Debug)]
pub struct Jobs<'a> {
    pub(super) core: &'a Arc<Core>,
}

impl<'a> Jobs<'a> {
    pub(in crate::domain) fn new(core: &'a Arc<Core>) -> Self {
        Self { core }
    }

    /// Works from now on, beside all else, until [`close`](Self::close).
    pub fn start(self) {
        self.core.worker_handle.open();
        tokio::spawn(Worker::new(Arc::clone(self.core)).run());
    }

    /// Begins no more jobs.
    pub fn close(self) {
        self.core.worker_handle.close();
    }

    /// Waits until those that were begun are over.
    pub async fn drained(self) {
        self.core.worker_handle.ended().await;
    }

    /// Gives up those that are still running, so that another node may begin them at once.
    pub async fn give_back(self) {
        self.core.worker_handle.cut();
        self.core.worker_handle.ended().await;
    }

    /// Does all that is due, one after the other, until nothing is; what recurs is scheduled first. Returns how many
    /// attempts there were. For tests, and where no server runs.
    pub async fn run_until_idle(self, actor: &Actor) -> Result<usize> {
        Worker::new(Arc::clone(self.core)).run_until_idle(actor).await
    }

    /// How the queue stands, of all nodes together.
    pub async fn queue_stats(self, actor: &Actor) -> Result<QueueStats> {
        let scope = policy::scope(actor)?;
        store::job::queue_stats(&self.core.store.reader(actor), &scope, self.core.clock.now()).await
    }
}
