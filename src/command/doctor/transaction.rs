//! Checks for open transactions of other programs that delay live events, on PostgreSQL.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;

use super::{Finding, Report, duration, failure};
use crate::domain::error::Result;
use crate::domain::{Domain, Engine, OpenTransaction};

/// Transactions of Taskwire servers are shorter.
const LONG: Duration = Duration::from_secs(5);

pub(super) async fn check(domain: &Domain, engine: &Engine, report: &mut Report) -> anyhow::Result<()> {
    if !matches!(engine, Engine::Postgres { .. }) {
        return Ok(());
    }
    let found = match long_open(domain).await {
        Ok(None) => Finding::Ok("none delays live events".to_owned()),
        Ok(Some(transaction)) => Finding::Warning(warning(&transaction)),
        Err(error) => Finding::Failed(failure(error)),
    };
    report.add("transactions", found)
}

/// The oldest transaction, if it has been open for at least [`LONG`]. PostgreSQL does not show the age to every user;
/// then it must be the oldest twice, [`LONG`] apart.
async fn long_open(domain: &Domain) -> Result<Option<OpenTransaction>> {
    let Some(oldest) = domain.diagnosis().oldest_transaction().await? else {
        return Ok(None);
    };
    if let Some(seconds) = oldest.seconds {
        let is_long = u64::try_from(seconds).is_ok_and(|seconds| seconds >= LONG.as_secs());
        return Ok(is_long.then_some(oldest));
    }
    sleep(LONG).await;
    let still_oldest = domain.diagnosis().oldest_transaction().await?;
    Ok(still_oldest.filter(|transaction| transaction.id == oldest.id))
}

fn warning(transaction: &OpenTransaction) -> String {
    let end = match transaction.process {
        Some(process) => format!("SELECT pg_terminate_backend({process})"),
        None => format!("ROLLBACK PREPARED '{}'", transaction.name.replace('\'', "''")),
    };
    let age = match transaction.seconds {
        Some(_) => String::new(),
        None => format!(" for more than {} s", LONG.as_secs()),
    };
    format!(
        "{}{age}. Events written after its start are delivered when it ends. To end it: {end}",
        described_transaction(transaction)
    )
}

pub(super) fn described_transaction(transaction: &OpenTransaction) -> String {
    let OpenTransaction { user, name, state, .. } = transaction;
    let holder = match transaction.process {
        Some(process) => {
            let state = if state.is_empty() { "state unknown" } else { state };
            format!("process {process} (user {user}, application {name:?}, {state}) holds a transaction open")
        }
        None => format!("the prepared transaction {name:?} of the user {user} is open"),
    };
    match transaction.seconds {
        Some(seconds) => format!("{holder} for {}", duration(TimeDelta::seconds(seconds))),
        None => holder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_has_the_statement_that_ends_the_transaction() {
        let mut transaction = OpenTransaction {
            id: "4711".to_owned(),
            process: Some(31),
            user: "bob".to_owned(),
            name: "psql".to_owned(),
            state: "idle in transaction".to_owned(),
            seconds: Some(150),
        };
        assert_eq!(
            warning(&transaction),
            "process 31 (user bob, application \"psql\", idle in transaction) holds a transaction open for 2 minutes. \
             Events written after its start are delivered when it ends. To end it: SELECT pg_terminate_backend(31)"
        );
        transaction.process = None;
        transaction.name = "bob's".to_owned();
        transaction.seconds = None;
        assert_eq!(
            warning(&transaction),
            "the prepared transaction \"bob's\" of the user bob is open for more than 5 s. \
             Events written after its start are delivered when it ends. To end it: ROLLBACK PREPARED 'bob''s'"
        );
    }
}
