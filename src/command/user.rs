//! `taskwire user`.

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Login, NewUser, User as Command, database, output, password};
use crate::config::Config;
use crate::domain::Domain;
use crate::domain::actor::{Actor, Role};
use crate::domain::error::described;
use crate::domain::random::SystemRandomness;
use crate::domain::user::{Registration, User};

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let domain = match command {
        Command::Create(_) => database::connect_or_create(Config::load()?).await?,
        _ => database::connect().await?,
    };
    domain.migrate_up(None).await.map_err(described)?;
    match command {
        Command::Create(new) => create(&domain, new).await?,
        Command::Promote(login) => promote(&domain, &login).await?,
        Command::Deactivate(login) => deactivate(&domain, &login).await?,
        Command::ResetPassword { login, password } => reset_password(&domain, &login, password).await?,
    }
    database::close(domain).await
}

async fn create(domain: &Domain, new: NewUser) -> anyhow::Result<()> {
    let password = Password::given_or_random(new.password);
    let role = if new.admin { Role::Admin } else { Role::User };
    let registration = Registration {
        email: new.email,
        password: password.value.clone(),
        username: new.username,
        full_name: new.full_name,
    };
    let created = domain.users().create(&Actor::System, registration, role).await;
    let user = created.map_err(described)?;
    let kind = if new.admin { "the administrator" } else { "the user" };
    output::line(&format!("Created {kind} {}", name(&user)))?;
    password.print_if_random()
}

async fn promote(domain: &Domain, login: &Login) -> anyhow::Result<()> {
    let user = find(domain, login).await?;
    let promoted = domain.users().set_role(&Actor::System, user.id, Role::Admin).await;
    let user = promoted.map_err(described)?;
    output::line(&format!("{} is an administrator now", name(&user)))
}

async fn deactivate(domain: &Domain, login: &Login) -> anyhow::Result<()> {
    let user = find(domain, login).await?;
    let deactivated = domain.users().set_active(&Actor::System, user.id, false).await;
    let user = deactivated.map_err(described)?;
    output::line(&format!("{} is deactivated, and signed out everywhere", name(&user)))
}

async fn reset_password(domain: &Domain, login: &Login, password: Option<SecretString>) -> anyhow::Result<()> {
    let user = find(domain, login).await?;
    let password = Password::given_or_random(password);
    let reset = domain
        .users()
        .reset_password(&Actor::System, user.id, password.value.clone());
    let user = reset.await.map_err(described)?;
    output::line(&format!(
        "{} has a new password, and is signed out everywhere",
        name(&user)
    ))?;
    password.print_if_random()
}

async fn find(domain: &Domain, Login { login }: &Login) -> anyhow::Result<User> {
    let found = domain.users().find_by_login(&Actor::System, login).await;
    found
        .map_err(described)?
        .with_context(|| format!("there is no user with the e-mail address or username '{login}'"))
}

/// Such as `ada@example.com (ada, id 7)`.
fn name(user: &User) -> String {
    let email = user.account.as_ref().map_or("", |account| account.email.as_str());
    match &user.username {
        Some(username) => format!("{email} ({username}, id {})", user.id),
        None => format!("{email} (id {})", user.id),
    }
}

struct Password {
    value: SecretString,
    random: bool,
}

impl Password {
    fn given_or_random(given: Option<SecretString>) -> Self {
        let random = given.is_none();
        Self {
            value: given.unwrap_or_else(|| password::random(&SystemRandomness)),
            random,
        }
    }

    fn print_if_random(&self) -> anyhow::Result<()> {
        if self.random {
            output::line(&format!("The password is {}", self.value.expose_secret()))?;
            output::line("It is not shown again")?;
        }
        Ok(())
    }
}
