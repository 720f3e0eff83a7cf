//! Reports the job queue: its length, its dead jobs and its last failure.

use super::{Report, duration, failure};
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::job::QueueStats;

/// A queue without a worker is no failure: the server may not run yet.
pub(super) async fn check(domain: &Domain, report: &mut Report) -> anyhow::Result<()> {
    let queue_stats = domain.jobs().queue_stats(&Actor::System).await;
    let text = queue_stats.map(|queue_stats| summary(&queue_stats, domain.clock().now()));
    report.add("jobs", text.map_err(failure))
}

fn summary(queue_stats: &QueueStats, now: Timestamp) -> String {
    let waiting = queue_stats
        .waiting_since
        .map(|since| format!(", the oldest for {}", duration(now - since)));
    let failure = queue_stats
        .newest_failure
        .as_ref()
        .map(|(kind, error)| format!("; the last failure, of {kind}: {error}"));
    format!(
        "{} pending{}, {} running, {} dead{}",
        queue_stats.pending,
        waiting.unwrap_or_default(),
        queue_stats.running,
        queue_stats.dead,
        failure.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_queue_is_reported_with_its_age_and_its_last_failure() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(1);
        let empty = QueueStats {
            pending: 0,
            running: 0,
            recurring: 0,
            dead: 0,
            waiting_since: None,
            newest_failure: None,
        };
        assert_eq!(summary(&empty, now), "0 pending, 0 running, 0 dead");
        let busy = QueueStats {
            pending: 3,
            running: 1,
            recurring: 5,
            dead: 2,
            waiting_since: Some(now - TimeDelta::minutes(90)),
            newest_failure: Some(("send_mail".to_owned(), "no route".to_owned())),
        };
        assert_eq!(
            summary(&busy, now),
            "3 pending, the oldest for 90 minutes, 1 running, 2 dead; the last failure, of send_mail: no route"
        );
    }
}
