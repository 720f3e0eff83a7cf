//! Nodes notify each other of events through Redis, and poll without it.

use std::time::{Duration, Instant};

use taskwire::domain::actor::Actor;
use taskwire::domain::id::TaskId;
use taskwire::domain::live::EventStream;

use super::{Watcher, actor, create, head_after, next, retitle};
use crate::support::TestApp;
use crate::support::process::until;
use crate::support::redis::{REDIS_TIMEOUT, RedisServer};

/// A writer on one node, and a watcher on another.
struct Pair<'a> {
    writer: &'a TestApp,
    who: Actor,
    task: TaskId,
    stream: EventStream,
    version: i32,
}

impl Pair<'_> {
    /// Updates the task `changes` times, and expects each event exactly once.
    async fn update(&mut self, changes: usize) {
        for _ in 0..changes {
            self.version += 1;
            let title = format!("Version {}", self.version);
            retitle(self.writer.app.domain(), &self.who, self.task, &title).await;
            assert_eq!(next(&mut self.stream).await.event.task.task.version, self.version);
        }
    }

    /// Whether events arrive faster than by polling, which has an interval of 1 s.
    async fn is_woken(&mut self) -> bool {
        const CHANGES: usize = 10;
        const BY_POLL: Duration = Duration::from_secs(CHANGES as u64 - 1);

        let start = Instant::now();
        self.update(CHANGES).await;
        start.elapsed() < BY_POLL / 2
    }
}

#[tokio::test]
async fn nodes_wake_each_other_and_lose_no_event_while_redis_is_unreachable() {
    let mut redis = RedisServer::start().await;
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str()), REDIS_TIMEOUT];
    let one = TestApp::start_with(&settings).await;
    let two = one.second_node_with(&settings).await;
    let ann = one.member().await;
    let (who, task) = (actor(&one, &ann).await, create(&one, &ann, "T").await);
    let from = head_after(&one, &who, task).await;
    let watcher = Watcher::of(&two, &ann).await;
    let mut pair = Pair {
        writer: &one,
        who,
        task,
        stream: watcher.everything(&two, Some(&from)).await,
        version: 1,
    };
    until("the nodes to wake each other", async || {
        pair.is_woken().await.then_some(())
    })
    .await;
    redis.kill();
    // Takes over 12 s, so that the listener must reconnect more than a few times.
    pair.update(15).await;
    redis.run().await;
    until("the nodes to wake each other again", async || {
        pair.is_woken().await.then_some(())
    })
    .await;
}
