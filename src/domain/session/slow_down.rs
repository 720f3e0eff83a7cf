//! Slows down password guessing without locking out the user of the account.
//!
//! Failures are counted per account and address, and per account. After too many failures an address must wait, longer
//! each time. If many addresses reach the limit of the account, only addresses with a recent login may continue, after
//! a short delay. `docs/SECURITY.md` documents the rule with its numbers.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Device, digest};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::network::Network;
use crate::domain::policy;
use crate::domain::store::session::login_attempt::Failures;
use crate::domain::store::{self, WriteTransaction};

/// Consecutive failures from one address before it must wait.
const FREE_FAILURES: u32 = 10;
/// Maximum wait of an address with a recent login.
const MAX_WAIT_OF_KNOWN: TimeDelta = TimeDelta::seconds(60);
/// Maximum wait of any other address.
const MAX_WAIT_OF_OTHERS: TimeDelta = TimeDelta::minutes(15);
/// Failures of an address are deleted after this time without an attempt.
pub(super) const FORGET_AFTER: TimeDelta = TimeDelta::days(1);
/// Failures of an account, over all addresses, before only known addresses may continue.
const ACCOUNT_FAILURES: u32 = 150;
/// One failure of an account is forgiven after each interval.
const FORGIVE_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Delay of attempts from known addresses above the limit.
const DELAY: Duration = Duration::from_secs(1);
/// How long an address is known after a login.
pub(super) const KNOWN_FOR: TimeDelta = TimeDelta::days(90);

#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Account(UserId),
    /// A name without an account. It is treated like an account, so that responses do not reveal which names exist.
    Name(&'a str),
}

impl Target<'_> {
    fn of_account(self) -> String {
        match self {
            Self::Account(user) => account_subject(user),
            // As accounts are found: otherwise one spelling would be refused after failures with another one only if
            // the account exists.
            Self::Name(name) => digest(&format!("name:{}", name.trim().to_lowercase())),
        }
    }

    fn at_address(self, network: Option<Network>) -> String {
        let network = network.map_or_else(|| "unknown".to_owned(), |network| network.to_string());
        digest(&format!("{} at {network}", self.of_account()))
    }
}

fn account_subject(user: UserId) -> String {
    digest(&format!("user:{user}"))
}

/// An attempt. It is counted as a failure before the password is checked, so that concurrent attempts cannot exceed the
/// limits.
#[derive(Debug)]
pub(super) struct Attempt {
    account: String,
    /// Whether it was added to the account's failures, which have a maximum.
    counts_for_account: bool,
    address: String,
    delay: Duration,
}

impl Attempt {
    /// Counts an attempt, or rejects it.
    pub(super) async fn begin(core: &Core, target: Target<'_>, device: &Device) -> Result<Self> {
        let now = core.clock.now();
        let network = device.ip.map(Network::from);
        let (account, address) = (target.of_account(), target.at_address(network));
        let system = policy::system(&Actor::System)?;
        // Counting an attempt is not the write of the request: otherwise a request that fails afterwards would count as
        // done, and could not be repeated.
        let transaction = core.store.begin().await?.without_key();
        let of_account = forgive(
            store::session::login_attempt::lock(&transaction, &system, &account, now).await?,
            now,
        );
        let at_address = store::session::login_attempt::find(&transaction, &system, &address).await?;
        let at_address = at_address.filter(|failures| now - failures.at < FORGET_AFTER);
        let at_address = at_address.unwrap_or(Failures::none(now));
        let is_close = at_address.count >= FREE_FAILURES || of_account.count >= ACCOUNT_FAILURES;
        let is_known = is_close && is_known(&transaction, target, network, now).await?;
        let delay = decide(at_address, of_account, is_known, now)?;
        let count = of_account.count.saturating_add(1).min(ACCOUNT_FAILURES);
        let more_of_account = Failures { count, ..of_account };
        let count = at_address.count.saturating_add(1);
        let more_at_address = Failures { count, at: now };
        let rows = [(account.as_str(), more_of_account), (address.as_str(), more_at_address)];
        store::session::login_attempt::set(&transaction, &system, rows).await?;
        transaction.commit().await?;
        Ok(Self {
            account,
            counts_for_account: of_account.count < ACCOUNT_FAILURES,
            address,
            delay,
        })
    }

    /// Waits for the delay of the attempt. The caller must hold neither a connection nor a hash permit.
    pub(super) async fn delay(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// Removes the attempt from the failures.
    pub(super) async fn succeed(&self, transaction: &WriteTransaction) -> Result<()> {
        let system = policy::system(&Actor::System)?;
        if self.counts_for_account {
            store::session::login_attempt::take_back(transaction, &system, &self.account).await?;
        }
        store::session::login_attempt::clear(transaction, &system, &self.address).await
    }
}

/// Deletes the failures of an account after its password was replaced.
pub(in crate::domain) async fn forgive_account(transaction: &WriteTransaction, user: UserId) -> Result<()> {
    let system = policy::system(&Actor::System)?;
    store::session::login_attempt::clear(transaction, &system, &account_subject(user)).await
}

async fn is_known(
    transaction: &WriteTransaction,
    target: Target<'_>,
    network: Option<Network>,
    now: Timestamp,
) -> Result<bool> {
    let Some(network) = network else {
        return Ok(false);
    };
    let user = match target {
        Target::Account(user) => user,
        // No user has this id. The query takes as long as for an account.
        Target::Name(_) => UserId(0),
    };
    let system = policy::system(&Actor::System)?;
    let connection = transaction.connection();
    store::session::login_address::is_known(connection, &system, user, network, now - KNOWN_FOR).await
}

/// The delay of an attempt, or its rejection.
fn decide(at_address: Failures, of_account: Failures, is_known: bool, now: Timestamp) -> Result<Duration> {
    let longest = if is_known {
        MAX_WAIT_OF_KNOWN
    } else {
        MAX_WAIT_OF_OTHERS
    };
    let wait = wait_after(at_address.count, longest);
    let ready = at_address.at + wait;
    // The last attempt may be in the future: it came at the same moment, or the clock was set back.
    if !wait.is_zero() && now < ready {
        return Err(Error::rate_limited(ready - now));
    }
    if of_account.count < ACCOUNT_FAILURES {
        return Ok(Duration::ZERO);
    }
    if is_known {
        Ok(DELAY)
    } else {
        Err(Error::rate_limited(of_account.at + FORGIVE_AFTER - now))
    }
}

/// The remaining failures of an account after forgiving.
fn forgive(failures: Failures, now: Timestamp) -> Failures {
    let passed = (now - failures.at).max(TimeDelta::zero());
    let forgiven = passed.num_seconds() / FORGIVE_AFTER.num_seconds();
    let forgiven = i32::try_from(forgiven).unwrap_or(i32::MAX);
    let count = failures.count.min(ACCOUNT_FAILURES);
    match count.checked_sub(forgiven.unsigned_abs()) {
        None | Some(0) => Failures::none(now),
        Some(count) => Failures {
            count,
            at: failures.at + FORGIVE_AFTER * forgiven,
        },
    }
}

/// The wait after `failures` consecutive failures: none, then 1 s, doubled each time.
fn wait_after(failures: u32, longest: TimeDelta) -> TimeDelta {
    let Some(excess) = failures.checked_sub(FREE_FAILURES) else {
        return TimeDelta::zero();
    };
    // 2^10 s exceeds every limit.
    TimeDelta::seconds(1 << excess.min(10)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + second)
    }

    fn failures(count: u32, second: i64) -> Failures {
        Failures { count, at: at(second) }
    }

    #[test]
    fn waits_grow_from_the_tenth_failure_and_have_a_limit() {
        let waits =
            |longest| [0, 9, 10, 11, 12, 15, 16, 19, 20, u32::MAX].map(|n| wait_after(n, longest).num_seconds());
        assert_eq!(waits(MAX_WAIT_OF_KNOWN), [0, 0, 1, 2, 4, 32, 60, 60, 60, 60]);
        assert_eq!(waits(MAX_WAIT_OF_OTHERS), [0, 0, 1, 2, 4, 32, 64, 512, 900, 900]);
    }

    #[test]
    fn failures_of_an_account_are_forgiven_one_a_minute() {
        for (count, second, left, since) in [
            (3, 0, 3, 0),
            (3, 59, 3, 0),
            (3, 60, 2, 60),
            (3, 125, 1, 120),
            (3, 180, 0, 180),
            (3, 100_000, 0, 100_000),
            // A clock that goes back forgives no failure.
            (3, -100, 3, 0),
            // An older version had no maximum.
            (4_000, 0, ACCOUNT_FAILURES, 0),
        ] {
            assert_eq!(
                forgive(failures(count, 0), at(second)),
                failures(left, since),
                "{second}"
            );
        }
    }

    #[test]
    fn an_attempt_goes_on_is_delayed_or_has_to_wait() {
        let full = ACCOUNT_FAILURES;
        // Failures of the address, failures of the account, whether the address is known, the current second; delay or
        // wait.
        for (own, whole, is_known, second, expected) in [
            (0, 0, false, 0, Ok(0)),
            (9, 9, false, 0, Ok(0)),
            (10, 10, false, 0, Err(1)),
            (10, 10, true, 0, Err(1)),
            (10, 10, false, 1, Ok(0)),
            // The last attempt is in the future.
            (1, 1, false, -1, Ok(0)),
            (9, 9, true, -3_600, Ok(0)),
            (10, 10, false, -1, Err(2)),
            (18, 18, true, 0, Err(60)),
            (18, 18, false, 0, Err(256)),
            (40, 40, false, 899, Err(1)),
            (40, 40, false, 900, Ok(0)),
            (0, full - 1, false, 0, Ok(0)),
            (0, full, false, 0, Err(60)),
            (0, full, false, 45, Err(15)),
            (0, full, true, 0, Ok(1)),
            (9, full, true, 0, Ok(1)),
            (10, full, true, 0, Err(1)),
        ] {
            let decided = decide(failures(own, 0), failures(whole, 0), is_known, at(second));
            let decided = decided.map(|delay| delay.as_secs());
            let decided = decided.map_err(|error| error.retry_after().map(|wait| wait.as_secs()));
            assert_eq!(
                decided.map_err(Option::unwrap),
                expected,
                "{own} {whole} {is_known} {second}"
            );
        }
    }

    /// Simulates addresses that try as often as they may. Returns the maximum number of failures of the account.
    fn peak_of(addresses: usize, limit_per_minute: i64) -> u32 {
        let mut own = vec![(failures(0, 0), Vec::<i64>::new()); addresses];
        let (mut whole, mut peak) = (failures(0, 0), 0);
        for second in 0..7_200 {
            for (failures, sent) in &mut own {
                sent.retain(|sent| second - sent < 60);
                whole = forgive(whole, at(second));
                let is_limited = i64::try_from(sent.len()).unwrap() >= limit_per_minute;
                if !is_limited && decide(*failures, whole, false, at(second)).is_ok() {
                    sent.push(second);
                    failures.count += 1;
                    failures.at = at(second);
                    whole.count = (whole.count + 1).min(ACCOUNT_FAILURES);
                }
                peak = peak.max(whole.count);
            }
        }
        peak
    }

    #[test]
    fn six_addresses_within_their_limits_do_not_reach_the_limit_of_the_account() {
        assert!(peak_of(6, 10) < ACCOUNT_FAILURES, "{}", peak_of(6, 10));
        assert!(peak_of(8, 1_000) < ACCOUNT_FAILURES, "{}", peak_of(8, 1_000));
        assert_eq!(peak_of(12, 10), ACCOUNT_FAILURES);
    }
}
