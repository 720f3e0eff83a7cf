//! Checks the database: its connection, engine, rights, tables, writes, clock and accounts.

use chrono::{Datelike as _, TimeDelta};

use super::transaction::described_transaction;
use super::{Finding, Report, duration, failure, file, jobs, rights, transaction};
use crate::app::find_open_accounts;
use crate::command::database;
use crate::config::{Config, DatabaseConfig, Environment};
use crate::domain::clock::Timestamp;
use crate::domain::diagnosis::ClockReading;
use crate::domain::{Domain, Engine, MigrationState, WriteFailure};

/// Largest allowed difference between the clocks of this machine and of the database.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(5);
/// This version did not exist before this year, so an earlier date is wrong.
const FIRST_SANE_YEAR: i32 = 2026;
/// The event log needs `pg_snapshot_xmin` and other functions of PostgreSQL 13.
const MIN_POSTGRES: i32 = 130_000;

pub(super) async fn check(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let domain = match reach(config).await {
        Ok(domain) => domain,
        Err(problem) => return report.add("database", Err(problem)),
    };
    let engine = match domain.diagnosis().engine().await {
        Ok(engine) => engine,
        Err(error) => return report.add("database", Err(failure(error))),
    };
    report.add("database", judge_engine(&engine, &config.database))?;
    let is_complete = rights::check(&domain, report).await? && check_tables(&domain, &config.database, report).await?;
    if is_complete {
        let written = judge_writing(&domain, &config.database).await;
        report.add("writing", written)?;
    }
    report.add("clock", judge_clock(&domain, is_complete).await)?;
    transaction::check(&domain, &engine, report).await?;
    if is_complete {
        jobs::check(&domain, report).await?;
        report.add("accounts", judge_accounts(&domain, config.environment).await)?;
    }
    database::close(domain).await
}

/// Connects once, without retries, and does not create a missing file.
async fn reach(config: &Config) -> Result<Domain, String> {
    config.database.check_file()?;
    if let Some(file) = config.database.sqlite_path().filter(|file| !file.exists()) {
        return Err(format!(
            "the file {} does not exist; `taskwire migrate up` creates it",
            file.display()
        ));
    }
    file::check_rights(&config.database)?;
    let mut config = config.clone();
    config.database.connect_retries = 0;
    let opened = database::open(&config).await;
    opened.map_err(|error| match config.database.sqlite_path() {
        Some(_) => match file::holder(&config.database) {
            Some(holder) => format!("{error:#}; {holder} holds a lock on it: wait until it has finished, or stop it"),
            None => format!("{error:#}; check DATABASE_URL"),
        },
        None => format!("{error:#}; check DATABASE_URL, and that the database is running"),
    })
}

fn judge_engine(engine: &Engine, config: &DatabaseConfig) -> Result<String, String> {
    let url = config.shown_url();
    match engine {
        Engine::Sqlite {
            foreign_keys: false, ..
        } => Err(format!("{url} does not enforce foreign keys")),
        Engine::Sqlite {
            version, journal_mode, ..
        } if journal_mode == "wal" || config.is_memory() => Ok(format!(
            "{url}, SQLite {version}, journal mode {journal_mode}, foreign keys on"
        )),
        Engine::Sqlite { journal_mode, .. } => Err(format!(
            "{url} has the journal mode {journal_mode} instead of wal; put it on a local disk that this user may write to"
        )),
        Engine::Postgres {
            version,
            version_number,
        } if *version_number < MIN_POSTGRES => Err(format!(
            "{url} is PostgreSQL {version}; {} or later is needed",
            MIN_POSTGRES / 10_000
        )),
        Engine::Postgres { version, .. } => Ok(format!("{url}, PostgreSQL {version}")),
    }
}

/// Returns whether all migrations of this version are applied.
async fn check_tables(domain: &Domain, config: &DatabaseConfig, report: &mut Report) -> anyhow::Result<bool> {
    if config.is_memory() {
        let text = "created at every start, because the database is in memory";
        report.add("tables", Ok(text.to_owned()))?;
        return Ok(false);
    }
    let judged = match domain.migrations().await {
        Ok(migrations) => judge_migrations(&migrations),
        Err(error) => Err(failure(error)),
    };
    let is_complete = judged.is_ok();
    report.add("tables", judged)?;
    Ok(is_complete)
}

fn judge_migrations(migrations: &[MigrationState]) -> Result<String, String> {
    let pending = migrations.iter().filter(|migration| !migration.applied).count();
    match pending {
        0 => Ok(format!("{} migrations applied", migrations.len())),
        _ => Err(format!(
            "{pending} of {} migrations pending; `taskwire migrate up` applies them, and so does the server when it starts",
            migrations.len()
        )),
    }
}

async fn judge_writing(domain: &Domain, config: &DatabaseConfig) -> Result<String, String> {
    let Some(failure) = domain.diagnosis().write_failure().await else {
        return Ok("the database accepts writes".to_owned());
    };
    let file = config.sqlite_path();
    let reason = match (failure, &file) {
        (WriteFailure::Locked, Some(file)) => {
            let holder = file::holder(config).unwrap_or_else(|| "another process".to_owned());
            let file = file.display();
            format!("the file {file} is locked: {holder} is writing to it; wait until it has finished, or stop it")
        }
        (WriteFailure::Locked, None) => locked_table(domain).await,
        (WriteFailure::ReadOnly, Some(file)) => format!(
            "the file {} is read-only; remove mode=ro from DATABASE_URL, or give this user the right to write",
            file.display()
        ),
        (WriteFailure::ReadOnly, None) => {
            "it is read-only: it is a standby server, or default_transaction_read_only is set for the database or its \
             user. Set DATABASE_URL to the primary, or reset that setting"
                .to_owned()
        }
        (WriteFailure::DiskFull, _) => "its disk is full; free some space".to_owned(),
        (WriteFailure::Other(cause), _) => format!("{cause}; check the rights of its user, and its disk"),
    };
    Err(format!("the database accepts no writes: {reason}"))
}

async fn locked_table(domain: &Domain) -> String {
    match domain.diagnosis().lock_holder().await {
        Ok(Some(holder)) => format!(
            "the table event_log is locked: {}; wait until it has finished, or end it",
            described_transaction(&holder)
        ),
        _ => "the table event_log is locked by another transaction; wait until it has finished, or end it".to_owned(),
    }
}

async fn judge_clock(domain: &Domain, has_events: bool) -> Finding {
    let examined = async {
        let clocks = domain.diagnosis().clocks().await?;
        let newest = if has_events {
            domain.diagnosis().newest_event().await?
        } else {
            None
        };
        Ok((clocks, newest))
    };
    match examined.await {
        Ok((clocks, newest)) => judge_clocks(&clocks, newest),
        Err(error) => Finding::Failed(failure(error)),
    }
}

/// Tokens and events need a correct clock. A database on the same machine has the same clock; then only an event from
/// the future shows that it is wrong.
fn judge_clocks(clocks: &ClockReading, newest_event: Option<Timestamp>) -> Finding {
    let ours = clocks.after;
    if ours.year() < FIRST_SANE_YEAR {
        return Finding::Failed(format!("the time of this machine is {ours}; set its clock"));
    }
    let skew = clocks.skew();
    if skew > MAX_SKEW {
        return Finding::Failed(format!(
            "this machine's clock and the database's are {} s apart; synchronise both (NTP)",
            skew.num_seconds()
        ));
    }
    if let Some(newest) = newest_event.filter(|newest| *newest - ours > MAX_SKEW) {
        return Finding::Warning(format!(
            "the newest event was written at {}, {} ahead of this machine's clock. The clock is behind now, or was ahead \
             then; synchronise it (NTP)",
            newest.format("%F %T UTC"),
            duration(newest - ours)
        ));
    }
    Finding::Ok(format!(
        "{} on this machine, {} ms from the database's clock",
        ours.format("%F %T UTC"),
        skew.num_milliseconds()
    ))
}

/// Whether an account has the known password of a development server.
async fn judge_accounts(domain: &Domain, environment: Environment) -> Result<String, String> {
    match find_open_accounts(domain).await.map_err(failure)? {
        None => Ok("none has the known password of a development server".to_owned()),
        Some(accounts) if environment.is_production() => Err(accounts),
        Some(_) => Ok("this development server has accounts with a known password".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn clocks_may_differ_by_five_seconds_and_must_have_a_possible_year() {
        let now = chrono::Utc.with_ymd_and_hms(2027, 5, 4, 3, 2, 1).unwrap();
        let judged = |now: Timestamp, database: Timestamp, newest| {
            let clocks = ClockReading {
                before: now,
                database,
                after: now,
            };
            judge_clocks(&clocks, newest)
        };
        let (limit, beyond) = (TimeDelta::seconds(5), TimeDelta::seconds(6));
        assert!(matches!(judged(now, now + limit, Some(now + limit)), Finding::Ok(_)));
        for database in [now - beyond, now + beyond] {
            assert!(matches!(judged(now, database, None), Finding::Failed(_)));
        }
        assert!(matches!(judged(now, now, Some(now + beyond)), Finding::Warning(_)));
        let epoch = Timestamp::UNIX_EPOCH;
        assert!(matches!(judged(epoch, epoch, None), Finding::Failed(_)));
    }
}
