//! Wakes readers after a commit. A wake-up carries no data, and a lost one only delays: readers continue from their
//! position in the log, and also poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the readers of the event log. Clones share the bus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bus {
    /// The reader of this node.
    here: Arc<Notify>,
    /// The task that notifies other nodes.
    outward: Arc<Notify>,
    /// The job worker of this node.
    work: Arc<Notify>,
}

impl Bus {
    /// Announces a commit of this node.
    pub(crate) fn announce(&self) {
        self.here.notify_one();
        self.outward.notify_one();
    }

    /// Announces a job that this node enqueued.
    pub(crate) fn announce_work(&self) {
        self.work.notify_one();
    }

    /// Waits for a job that this node enqueued.
    pub(crate) async fn work_announced(&self) {
        self.work.notified().await;
    }

    /// Wakes the reader after a commit, perhaps of another node.
    pub(super) fn wake(&self) {
        self.here.notify_one();
    }

    /// Waits for a commit of this node, to notify other nodes.
    pub(super) async fn announced(&self) {
        self.outward.notified().await;
    }

    /// Waits until the reader is woken.
    pub(super) async fn woken(&self) {
        self.here.notified().await;
    }
}
