//! The worker of a node, which claims jobs. It wakes up when this node enqueues a job, and polls for others.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::{LEASE, attempt};
use super::{Claim, JobKind, NewJob};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::random::hexadecimal;
use crate::domain::store;
use crate::telemetry::metric;

/// Maximum number of jobs that a node runs at once.
const AT_ONCE: usize = 4;
/// Maximum number of mails among them, so that a slow mail server does not block other jobs.
const MAILS_AT_ONCE: usize = 3;
const POLL: Duration = Duration::from_secs(1);
/// How often the queue is counted for metrics.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Random bytes in the name of a node.
const NAME_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum WorkerState {
    /// Claims jobs.
    #[default]
    Open,
    /// Finishes running jobs.
    Closing,
    /// Aborts running jobs and releases their leases.
    Abort,
}

/// Starts and stops the worker of a node.
#[derive(Debug, Default)]
pub(crate) struct WorkerHandle {
    state: watch::Sender<WorkerState>,
    is_running: watch::Sender<bool>,
}

impl WorkerHandle {
    pub(super) fn open(&self) {
        self.is_running.send_replace(true);
    }

    pub(super) fn close(&self) {
        self.state
            .send_modify(|state| *state = (*state).max(WorkerState::Closing));
    }

    pub(super) fn abort(&self) {
        self.state.send_replace(WorkerState::Abort);
    }

    pub(super) async fn ended(&self) {
        // The sender lives as long as `self`.
        let _ = self.is_running.subscribe().wait_for(|is_running| !is_running).await;
    }
}

pub(super) struct Worker {
    core: Arc<Core>,
    /// The name of this node in leases.
    name: String,
    attempts: JoinSet<JobKind>,
    /// Number of running attempts that send mail.
    mails: usize,
    count_at: Instant,
    is_scheduled: bool,
    has_failed: bool,
}

impl Worker {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            name: hexadecimal(core.randomness.as_ref(), NAME_BYTES),
            core,
            attempts: JoinSet::new(),
            mails: 0,
            count_at: Instant::now(),
            is_scheduled: false,
            has_failed: false,
        }
    }

    pub(super) async fn run(mut self) {
        let mut state = self.core.worker_handle.state.subscribe();
        while *state.borrow_and_update() == WorkerState::Open {
            let claimed = self.claim_due().await;
            self.log_change(&claimed);
            let has_slot = self.attempts.len() < AT_ONCE;
            tokio::select! {
                () = self.core.hub.bus.work_announced(), if has_slot => {}
                () = sleep(POLL), if has_slot => {}
                Some(ended) = self.attempts.join_next() => {
                    self.mails -= usize::from(ended.is_ok_and(|kind| JobKind::MAILS.contains(&kind)));
                }
                () = sleep_until(self.count_at) => {}
                _ = state.changed() => {}
            }
        }
        let finished = async { while self.attempts.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => {}
            _ = state.wait_for(|state| *state == WorkerState::Abort) => {}
        }
        self.attempts.shutdown().await;
        if let Err(error) = self.release_leases().await {
            tracing::warn!(
                "jobs could not be released and wait until their leases expire: {:?}",
                error.cause()
            );
        }
        self.core.worker_handle.is_running.send_replace(false);
    }

    /// Starts as many due jobs as the limits allow.
    async fn claim_due(&mut self) -> Result<()> {
        let counts = Instant::now() >= self.count_at;
        if counts {
            // Before anything can fail: `run` would not wait for a time in the past.
            self.count_at = Instant::now() + COUNT_EVERY;
        }
        if !self.is_scheduled {
            self.schedule().await?;
            self.is_scheduled = true;
        }
        if counts {
            self.count().await?;
        }
        if self.attempts.len() < AT_ONCE && self.is_any_due().await? {
            let mut others = JobKind::ALL.to_vec();
            others.retain(|kind| !JobKind::MAILS.contains(kind));
            self.begin(&others, AT_ONCE).await?;
            self.begin(&JobKind::MAILS, MAILS_AT_ONCE - self.mails).await?;
        }
        Ok(())
    }

    /// Starts up to `limit` jobs of these kinds, within `AT_ONCE`.
    async fn begin(&mut self, kinds: &[JobKind], limit: usize) -> Result<()> {
        let limit = limit.min(AT_ONCE.saturating_sub(self.attempts.len()));
        if limit == 0 {
            return Ok(());
        }
        for claim in self.claim(kinds, limit).await? {
            let kind = claim.kind;
            self.mails += usize::from(JobKind::MAILS.contains(&kind));
            let attempt = attempt(Arc::clone(&self.core), claim);
            self.attempts.spawn(async move {
                attempt.await;
                kind
            });
        }
        Ok(())
    }

    /// Logs the first failure and the recovery.
    fn log_change(&mut self, claimed: &Result<()>) {
        if std::mem::replace(&mut self.has_failed, claimed.is_err()) == claimed.is_err() {
            return;
        }
        if let Err(error) = claimed {
            tracing::warn!("cannot claim jobs, retrying: {error}: {:?}", error.cause());
        } else {
            tracing::info!("claims jobs again");
        }
    }

    /// Enqueues recurring jobs. Each exists once, whichever node comes first.
    async fn schedule(&self) -> Result<()> {
        let system = policy::system(&Actor::System)?;
        let now = self.core.clock.now();
        let jobs = recurring().map(|kind| NewJob {
            run_at: now + kind.first_after(),
            ..NewJob::new(kind, json!({}), now)
        });
        let transaction = self.core.store.begin().await?;
        store::job::schedule(&transaction, &system, jobs.collect()).await?;
        transaction.commit().await
    }

    /// A read without a transaction, so that an idle node writes nothing.
    async fn is_any_due(&self) -> Result<bool> {
        let scope = policy::scope(&Actor::System)?;
        store::job::is_any_due(self.core.store.system_reader(), &scope, self.core.clock.now()).await
    }

    async fn claim(&self, kinds: &[JobKind], limit: usize) -> Result<Vec<Claim>> {
        let now = self.core.clock.now();
        let system = policy::system(&Actor::System)?;
        let limit = u64::try_from(limit).unwrap_or_default();
        let transaction = self.core.store.begin().await?;
        let claims = store::job::claim(&transaction, &system, kinds, &self.name, [now, now + LEASE], limit).await?;
        transaction.commit().await?;
        Ok(claims)
    }

    async fn release_leases(&self) -> Result<()> {
        let system = policy::system(&Actor::System)?;
        let transaction = self.core.store.begin().await?;
        let given = store::job::give_back(&transaction, &system, &self.name, self.core.clock.now()).await?;
        transaction.commit().await?;
        if given > 0 {
            tracing::info!(jobs = given, "released jobs that were not finished in time");
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
    async fn count(&mut self) -> Result<()> {
        let scope = policy::scope(&Actor::System)?;
        let now = self.core.clock.now();
        let stats = store::job::queue_stats(self.core.store.system_reader(), &scope, now).await?;
        metrics::gauge!(metric::JOBS_PENDING).set(stats.pending as f64);
        metrics::gauge!(metric::JOBS_RUNNING).set(stats.running as f64);
        metrics::gauge!(metric::JOBS_DEAD).set(stats.dead as f64);
        // They disappear under a running server when its database is emptied or restored.
        self.is_scheduled = usize::try_from(stats.recurring).is_ok_and(|jobs| jobs >= recurring().count());
        Ok(())
    }

    pub(super) async fn run_until_idle(self, actor: &Actor) -> Result<usize> {
        policy::system(actor)?;
        self.schedule().await?;
        let mut attempts = 0;
        while let Some(claim) = self.claim(&JobKind::ALL, 1).await?.pop() {
            attempt(Arc::clone(&self.core), claim).await;
            attempts += 1;
        }
        Ok(attempts)
    }
}

fn recurring() -> impl Iterator<Item = JobKind> {
    JobKind::ALL.into_iter().filter(|kind| kind.recurs_after().is_some())
}
