//! Results as a table row and JSON.

use serde::Serialize;

use super::Outcome;
use crate::figures::quantile;

/// Results for this number of subscriptions.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    subscriptions: usize,
    expected: u64,
    delivered: u64,
    lost: u64,
    doubled: u64,
    leaked: u64,
    /// From the change, before its commit, to its arrival.
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    /// Until an event for all connections reached the last one: median and maximum.
    all_p50_ms: f64,
    all_max_ms: f64,
    /// Growth of resident memory for each open subscription.
    bytes_each: u64,
    peak_bytes: u64,
}

impl Report {
    pub(crate) const HEADING: &str = "| subscriptions | delivered | lost | doubled | leaked | p50 | p95 | p99 | last of all, median | worst | memory each | server's peak |\n\
        |---|---|---|---|---|---|---|---|---|---|---|---|";

    pub(crate) fn new(subscriptions: usize, memory: u64, peak: u64, steady: &Outcome, broadcasts: &[f64]) -> Self {
        let latency = |share| quantile(&steady.latencies, share);
        Self {
            subscriptions,
            expected: steady.expected,
            delivered: steady.delivered,
            lost: steady.lost,
            doubled: steady.doubled,
            leaked: steady.leaked,
            p50_ms: latency(0.5),
            p95_ms: latency(0.95),
            p99_ms: latency(0.99),
            all_p50_ms: quantile(broadcasts, 0.5),
            all_max_ms: quantile(broadcasts, 1.0),
            bytes_each: memory / u64::try_from(subscriptions).unwrap_or(u64::MAX).max(1),
            peak_bytes: peak,
        }
    }

    pub(crate) fn row(&self) -> String {
        format!(
            "| {} | {} of {} | {} | {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} ms | {:.0} ms | {} KB | {} MB |",
            self.subscriptions,
            self.delivered,
            self.expected,
            self.lost,
            self.doubled,
            self.leaked,
            self.p50_ms,
            self.p95_ms,
            self.p99_ms,
            self.all_p50_ms,
            self.all_max_ms,
            self.bytes_each / 1_000,
            self.peak_bytes / 1_000_000,
        )
    }

    /// Fails if events were lost, duplicated or leaked.
    pub(crate) fn judge(&self) -> anyhow::Result<()> {
        let is_right = self.lost == 0 && self.doubled == 0 && self.leaked == 0;
        anyhow::ensure!(is_right, "events were lost, doubled or leaked");
        Ok(())
    }
}
