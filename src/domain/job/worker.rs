//! The one task of a node that claims jobs: woken when one was queued here, and by a poll for those of others and for
//! those whose time comes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::{attempt, lease};
use super::{Claim, JobKind, Lease, NewJob};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::random::hexadecimal;
use crate::domain::store;
use crate::telemetry::metric;

/// So many jobs a node works on at the same time.
const AT_ONCE: usize = 4;
/// So many of them may be mails: a mail server that is slow keeps nothing else waiting.
const MAILS_AT_ONCE: usize = 3;
/// How long the worker waits when nobody wakes it.
const POLL: Duration = Duration::from_secs(1);
/// How often the queue is counted for metrics.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Random bytes in the name of a node.
const NAME_BYTES: usize = 8;

/// How much longer a node works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WorkerState {
    /// For good.
    Open,
    /// What was begun is finished.
    Closing,
    /// What was begun is given back.
    Cut,
}

/// What starts and stops the worker of a node.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    state: watch::Sender<WorkerState>,
    is_at_work: watch::Sender<bool>,
}

impl Default for WorkerHandle {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(WorkerState::Open),
            is_at_work: watch::Sender::new(false),
        }
    }
}

impl WorkerHandle {
    pub(super) fn open(&self) {
        self.is_at_work.send_replace(true);
    }

    pub(super) fn close(&self) {
        self.state
            .send_modify(|state| *state = (*state).max(WorkerState::Closing));
    }

    pub(super) fn cut(&self) {
        self.state.send_replace(WorkerState::Cut);
    }

    /// Waits until nobody works here.
    pub(super) async fn ended(&self) {
        // The sender is gone only with the workshop itself.
        let _ = self.is_at_work.subscribe().wait_for(|is_at_work| !is_at_work).await;
    }
}

/// The one task of a node that claims jobs.
pub(super) struct Worker {
    core: Arc<Core>,
    /// The name of this node in the claims.
    name: String,
    attempts: JoinSet<JobKind>,
    /// How many of the attempts are mails.
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

    /// Works until the workshop closes.
    pub(super) async fn run(mut self) {
        let mut state = self.core.worker_handle.state.subscribe();
        while *state.borrow_and_update() == WorkerState::Open {
            let turn = self.turn().await;
            self.note(&turn);
            let has_place = self.attempts.len() < AT_ONCE;
            tokio::select! {
                () = self.core.hub.bus().work_announced(), if has_place => {}
                () = sleep(POLL), if has_place => {}
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
            _ = state.wait_for(|state| *state == WorkerState::Cut) => {}
        }
        self.attempts.shutdown().await;
        if let Err(error) = self.give_back().await {
            tracing::warn!(
                "jobs could not be given back, and wait until their time is over: {:?}",
                error.cause()
            );
        }
        self.core.worker_handle.is_at_work.send_replace(false);
    }

    /// Begins as many jobs as there are places for.
    async fn turn(&mut self) -> Result<()> {
        if !self.is_scheduled {
            self.schedule().await?;
            self.is_scheduled = true;
        }
        if Instant::now() >= self.count_at {
            self.count_at = Instant::now() + COUNT_EVERY;
            self.count().await?;
        }
        if self.attempts.len() < AT_ONCE && self.is_any_due().await? {
            let others: Vec<JobKind> = JobKind::ALL
                .into_iter()
                .filter(|kind| !JobKind::MAILS.contains(kind))
                .collect();
            self.begin(&others, AT_ONCE).await?;
            self.begin(&JobKind::MAILS, MAILS_AT_ONCE - self.mails).await?;
        }
        Ok(())
    }

    /// Begins up to `limit` jobs of these kinds, as far as there are places.
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

    /// Tells the operator once when trouble begins, and once when it is over.
    fn note(&mut self, turn: &Result<()>) {
        match turn {
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::warn!("cannot look for jobs, and tries again: {error}: {:?}", error.cause());
            }
            Ok(()) if self.has_failed => {
                self.has_failed = false;
                tracing::info!("looks for jobs again");
            }
            Err(_) | Ok(()) => {}
        }
    }

    /// Sees to it that what recurs is in the queue, each once, whichever node comes first.
    async fn schedule(&self) -> Result<()> {
        let system = policy::system(&Actor::System)?;
        let now = self.core.clock.now();
        let recurring = JobKind::ALL.into_iter().filter(|kind| kind.recurs_after().is_some());
        let jobs = recurring.map(|kind| NewJob {
            run_at: now + kind.first_after(),
            ..NewJob::new(kind, json!({}), now)
        });
        let transaction = self.core.store.begin().await?;
        store::job::schedule(&transaction, &system, jobs.collect()).await?;
        transaction.commit().await
    }

    /// Asked first, so that an idle node writes nothing.
    async fn is_any_due(&self) -> Result<bool> {
        let scope = policy::scope(&Actor::System)?;
        store::job::is_any_due(self.core.store.system_reader(), &scope, self.core.clock.now()).await
    }

    async fn claim(&self, kinds: &[JobKind], limit: usize) -> Result<Vec<Claim>> {
        let now = self.core.clock.now();
        let system = policy::system(&Actor::System)?;
        let limit = u64::try_from(limit).unwrap_or_default();
        let transaction = self.core.store.begin().await?;
        let lease = Lease {
            owner: &self.name,
            from: now,
            until: now + lease(),
        };
        let claims = store::job::claim(&transaction, &system, kinds, lease, limit).await?;
        transaction.commit().await?;
        Ok(claims)
    }

    async fn give_back(&self) -> Result<()> {
        let system = policy::system(&Actor::System)?;
        let transaction = self.core.store.begin().await?;
        let given = store::job::give_back(&transaction, &system, &self.name, self.core.clock.now()).await?;
        transaction.commit().await?;
        if given > 0 {
            tracing::info!(jobs = given, "gave back jobs that were not finished in time");
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
    async fn count(&self) -> Result<()> {
        let scope = policy::scope(&Actor::System)?;
        let queue_stats =
            store::job::queue_stats(self.core.store.system_reader(), &scope, self.core.clock.now()).await?;
        metrics::gauge!(metric::JOBS_PENDING).set(queue_stats.pending as f64);
        metrics::gauge!(metric::JOBS_RUNNING).set(queue_stats.running as f64);
        metrics::gauge!(metric::JOBS_DEAD).set(queue_stats.dead as f64);
        Ok(())
    }

    /// Does all that is due, one after the other.
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
