//! Example data: users and tasks for front-end development and benchmarks.
//!
//! The same plan on the same day creates the same rows: values depend only on the number of the user or task, and dates
//! are relative to the last midnight. `seed/words.rs` lists the words that searches can find.
//!
//! A seeded task looks like one that was created at its `created_at`: version 1, with one event in the log.

mod people;
mod tasks;
mod words;

use std::ops::Range;

use secrecy::SecretString;

use super::actor::Actor;
use super::clock::Timestamp;
use super::error::{Error, Result, Violations};
use super::event::NewEvent;
use super::id::UserId;
use super::policy::{self, CreateTask, CreateUser, NewUser, Own, Permit};
use super::store::WriteTransaction;
use super::store::admin::seed::Seeder;
use super::task::Snapshot;
use super::{Domain, store};

/// Maximum number of users in one plan.
pub const MAX_USERS: u32 = 100_000;
/// The password of seeded users unless the plan sets another. It is public.
pub const DEFAULT_PASSWORD: &str = "Password123";
/// Maximum number of tasks in one plan.
pub const MAX_TASKS: u32 = 10_000_000;
/// Tasks per statement, limited by the number of parameters that `SQLite` accepts.
const BATCH: u32 = 1_000;

/// What to create.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Number of users, at least 1: `user1@example.com` and so on, with the usernames `user1` and so on.
    pub users: u32,
    /// Number of tasks. The users own them in turn.
    pub tasks: u32,
    /// The password of every user.
    pub password: SecretString,
}

impl Plan {
    fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        if !(1..=MAX_USERS).contains(&self.users) {
            violations.invalid(
                "users",
                format!("users is {}; 1 to {MAX_USERS} are allowed", self.users),
            );
        }
        if self.tasks > MAX_TASKS {
            violations.invalid(
                "tasks",
                format!("tasks is {}; 0 to {MAX_TASKS} are allowed", self.tasks),
            );
        }
        violations.into_result()
    }
}

/// The e-mail address of the first user.
#[must_use]
pub fn first_email() -> String {
    people::email(0)
}

impl Domain {
    /// Creates the data of a plan in one transaction. Meanwhile other writers wait on `SQLite`, and live events on
    /// `PostgreSQL`.
    ///
    /// `progress` is called with the number of new rows after each batch.
    pub async fn seed(&self, actor: &Actor, plan: &Plan, progress: &mut (dyn FnMut(u32) + Send)) -> Result<()> {
        let permit = policy::permit(actor, CreateUser, &NewUser)?;
        plan.check()?;
        self.core.passwords.check_rules("password", &plan.password)?;
        let password_hash = self.core.passwords.hash(plan.password.clone()).await?;
        let midnight = tasks::midnight(self.core.clock.now());

        let transaction = self.core.store.begin().await?;
        let mut users = Vec::new();
        for number in 0..plan.users {
            let account = people::account(number, password_hash.clone(), tasks::first_moment(midnight));
            users.push(store::user::insert(&transaction, &permit, account).await?.id);
            progress(1);
        }
        seed_tasks(&transaction, actor, plan.tasks, &users, midnight, progress).await?;
        transaction.commit().await?;
        self.core.store.refresh_statistics().await
    }
}

async fn seed_tasks(
    transaction: &WriteTransaction,
    actor: &Actor,
    count: u32,
    users: &[UserId],
    midnight: Timestamp,
    progress: &mut (dyn FnMut(u32) + Send),
) -> Result<()> {
    let source = tasks::Source::new(users, count, midnight);
    let seeder = Seeder::begin(transaction, &words::TAGS, midnight).await?;
    let mut start = 0;
    while start < count {
        let end = count.min(start + BATCH);
        let created = seeder.insert(permitted(actor, &source, start..end)?).await?;
        let events = created.iter().map(|task| {
            let permit = policy::permit(actor, CreateTask, &Own::of(task.task.owner_id))?;
            Ok(NewEvent::created(&permit, task))
        });
        seeder.append(events.collect::<Result<Vec<_>>>()?.into_iter()).await?;
        progress(end - start);
        start = end;
    }
    seeder.finish().await
}

/// Tasks with the permits to create them for their owners.
fn permitted(
    actor: &Actor,
    source: &tasks::Source<'_>,
    numbers: Range<u32>,
) -> Result<Vec<(Permit<CreateTask>, Snapshot)>> {
    numbers
        .map(|number| {
            let new = source.task(number);
            let permit = policy::permit(actor, CreateTask, &Own::of(new.task.owner_id))?;
            Ok::<_, Error>((permit, new))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(users: u32, tasks: u32) -> Plan {
        Plan {
            users,
            tasks,
            password: DEFAULT_PASSWORD.into(),
        }
    }

    #[test]
    fn plans_have_a_minimum_and_a_maximum() {
        for (users, tasks, allowed) in [
            (1, 0, true),
            (MAX_USERS, MAX_TASKS, true),
            (0, 10, false),
            (MAX_USERS + 1, 0, false),
            (1, MAX_TASKS + 1, false),
        ] {
            assert_eq!(
                plan(users, tasks).check().is_ok(),
                allowed,
                "{users} users, {tasks} tasks"
            );
        }
    }
}
