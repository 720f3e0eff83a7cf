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

    /// Starts the worker. It runs until [`close`](Self::close).
    pub fn start(self) {
        self.core.worker_handle.open();
        tokio::spawn(Worker::new(Arc::clone(self.core)).run());
    }

    /// Stops claiming jobs.
    pub fn close(self) {
        self.core.worker_handle.close();
    }

    /// Waits until the running jobs have ended.
    pub async fn drained(self) {
        self.core.worker_handle.ended().await;
    }

    /// Aborts the running jobs and releases their leases, so that another node can start them at once.
    pub async fn give_back(self) {
        self.core.worker_handle.abort();
        self.core.worker_handle.ended().await;
    }

    /// Schedules recurring jobs, then runs all due jobs one by one. Returns the number of attempts. For tests, and
    /// where no server runs.
    pub async fn run_until_idle(self, actor: &Actor) -> Result<usize> {
        Worker::new(Arc::clone(self.core)).run_until_idle(actor).await
    }

    /// Statistics of the queue, over all nodes.
    pub async fn queue_stats(self, actor: &Actor) -> Result<QueueStats> {
        let scope = policy::scope(actor)?;
        store::job::queue_stats(&self.core.store.reader(actor), &scope, self.core.clock.now()).await
    }
}
