//! One attempt at a job: renews its lease while it runs, and stores the outcome.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep, timeout};

use super::retry::{Failure, after_failure};
use super::{Claim, JobOutcome, MAX_ATTEMPTS, work};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store;
use crate::telemetry::metric;

/// Duration of a lease. If a node dies, its jobs are free again after this time.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// Maximum duration of an attempt.
const LONGEST: Duration = Duration::from_mins(15);
/// The wait before storing an outcome again, after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Runs a job, unless another node takes it over.
pub(super) async fn attempt(core: Arc<Core>, claim: Claim) {
    let kind = claim.kind.as_str();
    let begun = Instant::now();
    let worked = tokio::select! {
        worked = run(&core, &claim) => Some(worked),
        () = renew_until_lost(&core, &claim) => None,
    };
    metrics::histogram!(metric::JOB_TIME, "kind" => kind).record(begun.elapsed().as_secs_f64());
    let mut outcome = "lost";
    if let Some(worked) = worked {
        let job_outcome = outcome_of(&core, &claim, worked);
        if store_outcome(&core, &claim, &job_outcome).await {
            outcome = job_outcome.as_str();
        }
    }
    if outcome == "lost" {
        tracing::warn!(job = %claim.id, kind, "this server lost the lease of a job; another server may have taken it over");
    }
    metrics::counter!(metric::JOBS, "kind" => kind, "outcome" => outcome).increment(1);
}

async fn run(core: &Arc<Core>, claim: &Claim) -> std::result::Result<(), Failure> {
    if claim.attempt > MAX_ATTEMPTS && claim.kind.recurs_after().is_none() {
        // No failure was stored, because the servers died.
        return Err(Failure::Final(anyhow::anyhow!(
            "it was started {MAX_ATTEMPTS} times, and the server stopped each time"
        )));
    }
    let work = AssertUnwindSafe(work::of(core, claim)).catch_unwind();
    match timeout(LONGEST, work).await {
        Ok(Ok(worked)) => worked,
        Ok(Err(panic)) => Err(Failure::Passing(anyhow::anyhow!(
            "panicked: {}",
            panic_message(panic.as_ref())
        ))),
        Err(_) => Err(Failure::Passing(anyhow::anyhow!(
            "it took longer than {} minutes",
            LONGEST.as_secs() / 60
        ))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Renews the lease until it is lost, or renewing fails for as long as it lasts.
async fn renew_until_lost(core: &Core, claim: &Claim) {
    let mut kept_until = Instant::now() + LEASE;
    loop {
        sleep(RENEW_EVERY).await;
        match renew(core, claim).await {
            Ok(true) => kept_until = Instant::now() + LEASE,
            Err(_) if Instant::now() + RENEW_EVERY < kept_until => {}
            Ok(false) | Err(_) => return,
        }
    }
}

async fn renew(core: &Core, claim: &Claim) -> Result<bool> {
    let system = policy::system(&Actor::System)?;
    let transaction = core.store.begin().await?;
    let kept = store::job::renew(&transaction, &system, claim, core.clock.now() + LEASE).await?;
    transaction.commit().await?;
    Ok(kept)
}

fn outcome_of(core: &Core, claim: &Claim, worked: std::result::Result<(), Failure>) -> JobOutcome {
    let now = core.clock.now();
    let job_outcome = match worked {
        Ok(()) => match claim.kind.recurs_after() {
            Some(period) => JobOutcome::Again { at: now + period },
            None => JobOutcome::Done,
        },
        Err(failure) => after_failure(claim, &failure, now, core.randomness.as_ref()),
    };
    let (job, kind, attempt) = (claim.id, claim.kind.as_str(), claim.attempt);
    match &job_outcome {
        JobOutcome::Done | JobOutcome::Again { .. } => {}
        JobOutcome::Retry { at, error } => {
            tracing::warn!(%job, kind, attempt, "a job failed and is tried again at {}: {error}", at.format("%F %T UTC"));
        }
        JobOutcome::Dead { error } => tracing::error!(%job, kind, attempt, "a job failed permanently: {error}"),
    }
    job_outcome
}

/// Stores the outcome of a job. Returns whether this node still owned the job.
async fn store_outcome(core: &Core, claim: &Claim, job_outcome: &JobOutcome) -> bool {
    let until = Instant::now() + LEASE;
    loop {
        match settle(core, claim, job_outcome).await {
            Ok(is_ours) => return is_ours,
            Err(error) if Instant::now() > until => {
                tracing::warn!(job = %claim.id, "cannot store the outcome of a job: {:?}", error.cause());
                return false;
            }
            Err(_) => sleep(AFTER_FAILURE).await,
        }
    }
}

async fn settle(core: &Core, claim: &Claim, job_outcome: &JobOutcome) -> Result<bool> {
    let system = policy::system(&Actor::System)?;
    let transaction = core.store.begin().await?;
    let is_ours = store::job::settle(&transaction, &system, claim, job_outcome, core.clock.now()).await?;
    transaction.commit().await?;
    Ok(is_ours)
}
