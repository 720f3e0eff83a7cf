//! Metrics, traces and the slow log of statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::DatabaseConnection;

use crate::config::{Backend, DatabaseConfig};
use crate::telemetry::{context, metric, trace};

#[derive(Clone, Debug)]
pub(in crate::domain::store) struct Meter {
    statements: Arc<AtomicU64>,
    time: metrics::Histogram,
    failures: metrics::Counter,
    engine: &'static str,
    slow: Option<Duration>,
}

impl Meter {
    pub(super) fn new(config: &DatabaseConfig) -> Self {
        Self {
            statements: Arc::default(),
            time: metrics::histogram!(metric::STATEMENT_TIME),
            failures: metrics::counter!(metric::STATEMENT_FAILURES),
            engine: match config.backend() {
                Backend::Postgres => "postgresql",
                Backend::Sqlite => "sqlite",
            },
            slow: config.slow_statement,
        }
    }

    /// Records all later statements of this connection.
    pub(super) fn watch(&self, connection: &mut DatabaseConnection) {
        let meter = self.clone();
        connection.set_metric_callback(move |info| meter.note(&info.statement.sql, info.elapsed, info.failed));
    }

    /// Records a finished statement.
    pub(in crate::domain::store) fn note(&self, sql: &str, elapsed: Duration, has_failed: bool) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.time.record(elapsed);
        trace::statement(sql, self.engine, elapsed, has_failed);
        if has_failed {
            self.failures.increment(1);
        }
        if self.slow.is_some_and(|limit| elapsed > limit) {
            let (operation, request_id) = (context::operation(), context::request_id());
            let duration_ms = elapsed.as_secs_f64() * 1_000.0;
            // Values are bound parameters, so the text contains none.
            let statement = trace::shortened(sql);
            tracing::warn!(
                duration_ms,
                has_failed,
                operation = operation.as_deref(),
                request_id,
                statement,
                "slow statement"
            );
        }
    }

    pub(in crate::domain::store) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}
