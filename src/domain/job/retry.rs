//! Retries of failed jobs: waits and the maximum number of attempts.

use chrono::TimeDelta;

use super::{Claim, JobOutcome};
use crate::domain::clock::Timestamp;
use crate::domain::random::Randomness;

/// Maximum number of attempts; with these waits they take about six hours.
pub const MAX_ATTEMPTS: i32 = 15;
/// The wait after the first failure; it doubles each time.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(5);
const MAX_WAIT: TimeDelta = TimeDelta::hours(1);
/// Each wait is extended by up to a random 1/JITTER, so that jobs that failed together do not retry together.
const JITTER: i32 = 4;

/// Why a job failed.
#[derive(Debug)]
pub(in crate::domain) enum Failure {
    /// Another attempt may succeed.
    Passing(anyhow::Error),
    /// No attempt ever will.
    Final(anyhow::Error),
}

/// The outcome of a failed attempt.
pub(super) fn after_failure(
    claim: &Claim,
    failure: &Failure,
    now: Timestamp,
    randomness: &dyn Randomness,
) -> JobOutcome {
    let recurs = claim.kind.recurs_after();
    let error = match failure {
        Failure::Passing(error) | Failure::Final(error) => format!("{error:#}"),
    };
    // PostgreSQL cannot store U+0000, which the answer of a mail server may contain.
    let error = error.replace(char::is_control, " ");
    if recurs.is_none() && (matches!(failure, Failure::Final(_)) || claim.attempt >= MAX_ATTEMPTS) {
        return JobOutcome::Dead { error };
    }
    let wait = wait_after(claim.attempt, randomness);
    JobOutcome::Retry {
        at: now + recurs.map_or(wait, |period| wait.min(period)),
        error,
    }
}

/// The wait after this number of attempts.
fn wait_after(attempts: i32, randomness: &dyn Randomness) -> TimeDelta {
    let doublings = attempts.saturating_sub(1).clamp(0, 20);
    let wait = (FIRST_WAIT * (1 << doublings)).min(MAX_WAIT);
    let mut chance = [0];
    randomness.fill(&mut chance);
    wait + wait * i32::from(chance[0]) / (JITTER * 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u8);

    impl Randomness for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn waits_double_up_to_an_hour_and_never_shrink() {
        let waits = |chance| -> Vec<i64> {
            (1..=MAX_ATTEMPTS)
                .map(|attempts| wait_after(attempts, &Fixed(chance)).num_milliseconds())
                .collect()
        };
        let (least, most) = (waits(0), waits(255));
        assert_eq!(least[..4], [5_000, 10_000, 20_000, 40_000]);
        assert_eq!(least.last(), Some(&3_600_000));
        for (least, most) in least.iter().zip(&most) {
            assert!(least <= most && *most < least + least / 4 + 1);
        }
        // A later wait is longer than an earlier one for any jitter, until the maximum is reached.
        assert!(most[..9].iter().zip(&least[1..10]).all(|(most, next)| most < next));
        assert!(least.iter().sum::<i64>() < 7 * 3_600_000);
    }
}
