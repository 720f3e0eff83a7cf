//! One attempt to do a job: the claim is renewed while it lasts, and what came of it is noted.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
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

/// For so long a claim counts. A node that dies keeps others from its jobs for no longer.
const LEASE: Duration = Duration::from_secs(30);
/// How often a claim is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// No attempt takes longer.
const LONGEST: Duration = Duration::from_mins(15);
/// The wait before what came of an attempt is noted again, when the database did not take it.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// [`LEASE`], for the clock.
pub(super) fn lease() -> TimeDelta {
    TimeDelta::from_std(LEASE).unwrap_or_default()
}

/// Does a job, unless somebody else takes it over meanwhile.
pub(super) async fn attempt(core: Arc<Core>, claim: Claim) {
    let kind = claim.kind.as_str();
    let begun = Instant::now();
    let worked = tokio::select! {
        worked = do_it(&core, &claim) => Some(worked),
        () = keep(&core, &claim) => None,
    };
    metrics::histogram!(metric::JOB_TIME, "kind" => kind).record(begun.elapsed().as_secs_f64());
    let outcome = match worked {
        Some(worked) => {
            let job_outcome = judge(&core, &claim, worked);
            if note(&core, &claim, &job_outcome).await {
                job_outcome.outcome()
            } else {
                "lost"
            }
        }
        None => "lost",
    };
    if outcome == "lost" {
        tracing::warn!(job = %claim.id, kind, "this server was too slow with a job, which another one may have taken over");
    }
    metrics::counter!(metric::JOBS, "kind" => kind, "outcome" => outcome).increment(1);
}

async fn do_it(core: &Arc<Core>, claim: &Claim) -> std::result::Result<(), Failure> {
    if claim.attempt > MAX_ATTEMPTS && claim.kind.recurs_after().is_none() {
        // Its failures were noted by nobody: the servers that began it died.
        return Err(Failure::Final(anyhow::anyhow!(
            "it was begun {MAX_ATTEMPTS} times, and the server went away each time"
        )));
    }
    let work = AssertUnwindSafe(work::of(core, claim)).catch_unwind();
    match timeout(LONGEST, work).await {
        Ok(Ok(worked)) => worked,
        Ok(Err(panic)) => Err(Failure::Passing(anyhow::anyhow!(
            "panicked: {}",
            words_of(panic.as_ref())
        ))),
        Err(_) => Err(Failure::Passing(anyhow::anyhow!(
            "it took longer than {} minutes",
            LONGEST.as_secs() / 60
        ))),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Renews the claim, until that fails for as long as it counts, or it is somebody else's.
async fn keep(core: &Core, claim: &Claim) {
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
    let kept = store::job::renew(&transaction, &system, claim, core.clock.now() + lease()).await?;
    transaction.commit().await?;
    Ok(kept)
}

fn judge(core: &Core, claim: &Claim, worked: std::result::Result<(), Failure>) -> JobOutcome {
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
        JobOutcome::Dead { error } => tracing::error!(%job, kind, attempt, "a job failed and is given up: {error}"),
    }
    job_outcome
}

/// Notes what came of a job, as long as it is ours. Says whether it was.
async fn note(core: &Core, claim: &Claim, job_outcome: &JobOutcome) -> bool {
    let until = Instant::now() + LEASE;
    loop {
        match settle(core, claim, job_outcome).await {
            Ok(is_ours) => return is_ours,
            Err(error) if Instant::now() > until => {
                tracing::warn!(job = %claim.id, "cannot note what came of a job: {:?}", error.cause());
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
