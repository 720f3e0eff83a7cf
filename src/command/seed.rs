//! `taskwire seed`.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;

use super::{Seed, database, output, progress};
use crate::domain::actor::Actor;
use crate::domain::error::{Code, Error, described};
use crate::domain::seed::{Plan, first_email};

pub(super) async fn run(seed: Seed) -> anyhow::Result<()> {
    let plan = Plan {
        users: seed.users,
        tasks: seed.tasks,
        password: seed.password,
    };
    let domain = database::connect().await?;
    domain.migrate_up(None).await.map_err(described)?;
    let started = Instant::now();
    let rows = u64::from(plan.users) + u64::from(plan.tasks);
    let bar = progress::bar(rows, "{wide_bar} {human_pos} of {human_len} rows, {eta} left");
    let outcome = domain
        .seed(&Actor::System, &plan, &mut |rows| bar.inc(u64::from(rows)))
        .await;
    bar.finish_and_clear();
    outcome.map_err(explained)?;
    output::line(&summary(&plan, started.elapsed()))?;
    database::close(domain).await
}

/// If an address is taken, the database was probably seeded before.
fn explained(error: Error) -> anyhow::Error {
    if error.code() == Code::Taken {
        return anyhow::anyhow!(
            "{error}: it looks as if this database was seeded before. Nothing was written; \
             `taskwire migrate fresh --yes` deletes all data, and then it can be seeded again"
        );
    }
    described(error)
}

fn summary(plan: &Plan, elapsed: Duration) -> String {
    format!(
        "Seeded {} users and {} tasks in {:.1} s. Log in as {} with the password {}",
        plan.users,
        plan.tasks,
        elapsed.as_secs_f64(),
        first_email(),
        plan.password.expose_secret()
    )
}
