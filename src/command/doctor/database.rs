//! The database: whether it answers, is set up well, has our tables, takes writes and knows the time.

use chrono::{Datelike as _, TimeDelta};

use super::{Report, jobs};
use crate::app::described;
use crate::command::database;
use crate::config::{Config, DatabaseConfig};
use crate::domain::clock::Timestamp;
use crate::domain::{Diagnosis, Domain, Engine, MigrationState};

/// How far our clock and the database's may be apart.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(5);
/// Before this year no server of this version ran.
const FIRST_SANE_YEAR: i32 = 2026;
/// The oldest PostgreSQL that has what the event log needs.
const MIN_POSTGRES: i32 = 130_000;

/// Checks the database and the clocks.
pub(super) async fn check(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let domain = match reach(config).await {
        Ok(domain) => domain,
        Err(problem) => return report.tell("database", Err(problem)),
    };
    let (diagnosis, migrations) = match examine(&domain).await {
        Ok(found) => found,
        Err(error) => return report.tell("database", Err(format!("{error:#}"))),
    };
    report.tell("database", judge_engine(&diagnosis.engine, &config.database))?;
    report_tables(&diagnosis, &migrations, config.database.is_memory(), report)?;
    report.tell("clock", judge_clocks(domain.clock().now(), diagnosis.now))?;
    if judge_migrations(&migrations).is_ok() {
        jobs::check(&domain, report).await?;
    }
    database::close(domain).await
}

/// Connects, without making a file that is not there and without waiting for a server to start.
async fn reach(config: &Config) -> Result<Domain, String> {
    config.database.check_file()?;
    if let Some(file) = config.database.sqlite_path().filter(|file| !file.exists()) {
        return Err(format!(
            "the file {} does not exist; `taskwire migrate up` makes it, and so does the server when it starts",
            file.display()
        ));
    }
    let mut config = config.clone();
    config.database.connect_retries = 0;
    let opened = database::open(&config).await;
    opened.map_err(|error| format!("{error:#}; check DATABASE_URL, and that the database runs"))
}

async fn examine(domain: &Domain) -> anyhow::Result<(Diagnosis, Vec<MigrationState>)> {
    let diagnosis = domain.diagnose().await.map_err(described)?;
    let migrations = domain.migrations().await.map_err(described)?;
    Ok((diagnosis, migrations))
}

/// Whether the database is one that we can work with.
fn judge_engine(engine: &Engine, config: &DatabaseConfig) -> Result<String, String> {
    let url = config.shown_url();
    match engine {
        Engine::Sqlite {
            foreign_keys: false, ..
        } => Err(format!("{url} does not mind foreign keys")),
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

/// Tells of migrations and writes. Without tables there is nothing to write to.
fn report_tables(
    diagnosis: &Diagnosis,
    migrations: &[MigrationState],
    in_memory: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    if in_memory {
        return report.tell(
            "tables",
            Ok("made anew at every start, for the database is in memory".to_owned()),
        );
    }
    let judged = judge_migrations(migrations);
    let complete = judged.is_ok();
    report.tell("tables", judged)?;
    if complete {
        report.tell("writing", judge_writing(diagnosis.write_failure.as_deref()))?;
    }
    Ok(())
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

fn judge_writing(failure: Option<&str>) -> Result<String, String> {
    failure.map_or_else(
        || Ok("the database takes writes".to_owned()),
        |failure| {
            Err(format!(
                "the database takes no writes: {failure}; check the rights of its user, and its disk"
            ))
        },
    )
}

/// Tokens and events are only as good as the clock.
fn judge_clocks(ours: Timestamp, the_databases: Timestamp) -> Result<String, String> {
    if ours.year() < FIRST_SANE_YEAR {
        return Err(format!("this machine believes it is {ours}; set its clock"));
    }
    let skew = (ours - the_databases).abs();
    if skew > MAX_SKEW {
        return Err(format!(
            "this machine's clock and the database's are {} s apart; synchronise both (NTP)",
            skew.num_seconds()
        ));
    }
    Ok(format!(
        "{} by ours, {} ms from the database's",
        ours.format("%F %T UTC"),
        skew.num_milliseconds()
    ))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn pending_migrations_are_a_failure_that_says_what_to_do() {
        let state = |applied| MigrationState {
            name: "m1".to_owned(),
            applied,
        };
        assert_eq!(judge_migrations(&[state(true)]).unwrap(), "1 migrations applied");
        let problem = judge_migrations(&[state(true), state(false)]).unwrap_err();
        assert!(
            problem.starts_with("1 of 2 migrations pending; `taskwire migrate up`"),
            "{problem}"
        );
    }

    #[test]
    fn clocks_may_be_five_seconds_apart_and_must_know_the_year() {
        let now = chrono::Utc.with_ymd_and_hms(2027, 5, 4, 3, 2, 1).unwrap();
        assert!(judge_clocks(now, now + TimeDelta::seconds(5)).is_ok());
        assert!(judge_clocks(now, now - TimeDelta::seconds(6)).is_err());
        let epoch = Timestamp::UNIX_EPOCH;
        assert!(judge_clocks(epoch, epoch).is_err());
    }
}
