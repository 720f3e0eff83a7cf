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
        Migrate::Status => report_all(&before)?,
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

fn report_all(migrations: &[MigrationState]) -> anyhow::Result<()> {
    for migration in migrations {
        let state = if migration.applied { "applied" } else { "pending" };
        output::line(&format!("{state}  {}", migration.name))?;
    }
    Ok(())
}

async fn report_changes(domain: &Domain, before: &[MigrationState]) -> anyhow::Result<()> {
    let after = domain.migrations().await.map_err(described)?;
    let changes = changes(before, &after);
    if changes.is_empty() {
        output::line("There was nothing to do")?;
    }
    for change in changes {
        output::line(&change)?;
    }
    Ok(())
}

/// One line for each migration whose state changed.
fn changes(before: &[MigrationState], after: &[MigrationState]) -> Vec<String> {
    let changed = after.iter().filter(|now| !before.contains(now));
    changed
        .map(|now| format!("{}  {}", if now.applied { "applied" } else { "pending" }, now.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(states: &[(&str, bool)]) -> Vec<MigrationState> {
        states
            .iter()
            .map(|(name, applied)| MigrationState {
                name: (*name).to_owned(),
                applied: *applied,
            })
            .collect()
    }

    #[test]
    fn only_changes_are_reported() {
        let before = states(&[("first", true), ("second", false)]);
        assert_eq!(
            changes(&before, &states(&[("first", true), ("second", true)])),
            ["applied  second"]
        );
        assert_eq!(
            changes(&before, &states(&[("first", false), ("second", false)])),
            ["pending  first"]
        );
        assert!(changes(&before, &before).is_empty());
    }
}
