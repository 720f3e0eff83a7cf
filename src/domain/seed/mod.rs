//! Example data: users and tasks for front-end development and benchmarks.
//!
//! The same plan on the same day creates the same rows: values depend only on the number of the user or task, and dates
//! are relative to the last midnight. `seed/words.rs` lists the words that searches can find.
//!
//! A seeded task looks like one that was created at its `created_at`: version 1, with one event in the log.

mod tasks;
mod words;

use secrecy::SecretString;

use self::words::{FIRST_NAMES, LAST_NAMES};
use super::actor::{Actor, Role};
use super::clock::Timestamp;
use super::error::{Result, Violations};
use super::event::NewEvent;
use super::id::UserId;
use super::policy::{self, CreateTask, CreateUser, NewUser, Own, Permit};
use super::store::WriteTransaction;
use super::store::admin::seed::Seeder;
use super::task::Task;
use super::user::NewAccount;
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
    email(0)
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
            let account = account(number, password_hash.clone(), tasks::first_moment(midnight));
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
        let new = (start..end).map(|number| source.task(number));
        let new = new.map(|new| Ok((permit(actor, &new.task)?, new)));
        let created = seeder.insert(new.collect::<Result<Vec<_>>>()?).await?;
        let events = created.iter();
        let events = events.map(|new| Ok(NewEvent::created(&permit(actor, &new.task)?, new)));
        seeder.append(events.collect::<Result<Vec<_>>>()?.into_iter()).await?;
        progress(end - start);
        start = end;
    }
    seeder.finish().await
}

fn permit(actor: &Actor, task: &Task) -> Result<Permit<CreateTask>> {
    policy::permit(actor, CreateTask, &Own::of(task.owner_id))
}

/// The e-mail address of the user with this number, from 0.
fn email(number: u32) -> String {
    format!("{}@example.com", username(number))
}

fn username(number: u32) -> String {
    format!("user{}", number + 1)
}

fn account(number: u32, password_hash: String, now: Timestamp) -> NewAccount {
    NewAccount {
        email: email(number),
        username: Some(username(number)),
        full_name: Some(full_name(number)),
        password_hash,
        role: Role::User,
        is_verified: true,
        now,
    }
}

/// Names repeat only after all combinations of first and last names.
fn full_name(number: u32) -> String {
    let number = usize::try_from(number).unwrap_or_default();
    let (round, first) = (number / FIRST_NAMES.len(), number % FIRST_NAMES.len());
    format!(
        "{} {}",
        FIRST_NAMES[first],
        LAST_NAMES[(round + first) % LAST_NAMES.len()]
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn plans_have_a_minimum_and_a_maximum() {
        for (users, tasks, allowed) in [
            (1, 0, true),
            (MAX_USERS, MAX_TASKS, true),
            (0, 10, false),
            (MAX_USERS + 1, 0, false),
            (1, MAX_TASKS + 1, false),
        ] {
            let password = DEFAULT_PASSWORD.into();
            let plan = Plan { users, tasks, password };
            assert_eq!(plan.check().is_ok(), allowed, "{users} users, {tasks} tasks");
        }
    }

    #[test]
    fn users_are_numbered_from_one() {
        let account = account(0, "hash".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(account.email, "user1@example.com");
        assert_eq!(account.username.as_deref(), Some("user1"));
        assert_eq!(account.role, Role::User);
    }

    #[test]
    fn a_thousand_users_have_a_thousand_names() {
        let names: BTreeSet<String> = (0..1_000).map(full_name).collect();
        assert_eq!(names.len(), 1_000);
    }
}
