//! Who is woken when something was committed. A wake carries nothing that matters: whoever is woken reads
//! the log from where they stand, and would find the news a moment later anyway.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the readers of the logs. Cloning it gives the same bus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bus {
    /// The reader of this node.
    here: Arc<Notify>,
    /// Whoever tells other nodes.
    outward: Arc<Notify>,
    /// Whoever runs jobs on this node.
    work: Arc<Notify>,
}

impl Bus {
    /// There is news from this node.
    pub(crate) fn announce(&self) {
        self.here.notify_one();
        self.outward.notify_one();
    }

    /// There is a new job from this node.
    pub(crate) fn announce_work(&self) {
        self.work.notify_one();
    }

    /// Waits until there is a new job from this node.
    pub(crate) async fn work_announced(&self) {
        self.work.notified().await;
    }

    /// There is news, maybe, from wherever.
    pub(super) fn wake(&self) {
        self.here.notify_one();
    }

    /// Waits until there is news from this node, which others want to hear of.
    pub(super) async fn announced(&self) {
        self.outward.notified().await;
    }

    /// Waits until there is news.
    pub(super) async fn woken(&self) {
        self.here.notified().await;
    }
}
