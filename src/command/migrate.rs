//! `taskwire migrate`.

use super::{Migrate, database, output};
use crate::config::Config;
use crate::domain::error::described;
use crate::domain::{Domain, MigrationState};

pub(super) async fn run(command: Migrate) -> anyhow::Result<()> {
    let domain = match command {
        Migrate::Up { .. } => database::connect_or_create(Config::load()?).await?,
        _ => database::connect().await?,
    };
    let before = domain.migrations().await.map_err(described)?;
    match command {
        Migrate::Status => changes(&[], &before).iter().try_for_each(|state| output::line(state))?,
        Migrate::Up { steps } => {
            domain.migrate_up(steps).await.map_err(described)?;
            report_changes(&domain, &before).await?;
        }
        Migrate::Down { all, steps } => {
            domain.migrate_down((!all).then_some(steps)).await.map_err(described)?;
            report_changes(&domain, &before).await?;
        }
        Migrate::Fresh { yes: _ } => {
            domain.migrate_fresh().await.map_err(described)?;
            output::line("The database is empty, and its tables are up to date")?;
        }
    }
    database::close(domain).await
}

async fn report_changes(domain: &Domain, before: &[MigrationState]) -> anyhow::Result<()> {
    let after = domain.migrations().await.map_err(described)?;
    let changes = changes(before, &after);
    if changes.is_empty() {
        output::line("There was nothing to do")?;
    }
    changes.iter().try_for_each(|change| output::line(change))
}

/// One line for each migration whose state changed.
fn changes(before: &[MigrationState], after: &[MigrationState]) -> Vec<String> {
    let changed = after.iter().filter(|now| !before.contains(now));
    changed
        .map(|now| format!("{}  {}", if now.applied { "applied" } else { "pending" }, now.name))
        .collect()
}
