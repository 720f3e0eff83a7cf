//! Accounts with publicly known passwords, from development. A production server does not start with them.

use crate::domain::Domain;
use crate::domain::actor::{Actor, Role};
use crate::domain::error::{Code, Result};
use crate::domain::seed;
use crate::domain::user::Registration;

const USERNAME: &str = "admin";
const EMAIL: &str = "admin@example.com";
/// Publicly known, from the documentation.
const PASSWORD: &str = "Admin123";

/// Creates the administrator if there are no accounts.
pub(super) async fn create(domain: &Domain) -> Result<()> {
    let users = domain.users();
    if !users.is_empty(&Actor::System).await? {
        return Ok(());
    }
    let admin = Registration {
        email: EMAIL.to_owned(),
        password: PASSWORD.into(),
        username: Some(USERNAME.to_owned()),
        full_name: None,
    };
    match users
        .create_with_known_password(&Actor::System, admin, Role::Admin)
        .await
    {
        Ok(_) => {
            tracing::warn!(
                "the database was empty: created the administrator '{USERNAME}' with the password '{PASSWORD}'. \
                 This is for development only; change the password before anybody else can reach this server"
            );
            Ok(())
        }
        // Another server that started at the same time was first.
        Err(error) if error.code() == Code::Taken => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names active accounts with a publicly known password, in a text with a fix. Takes the time of a password hash if a
/// candidate exists.
pub(crate) async fn find_open_accounts(domain: &Domain) -> Result<Option<String>> {
    let users = domain.users();
    let mut checked = None;
    for login in [USERNAME, EMAIL] {
        let Some(user) = users.find_by_login(&Actor::System, login).await? else {
            continue;
        };
        let is_active = user.account.as_ref().is_some_and(|account| account.is_active);
        if !is_active || checked == Some(user.id) {
            continue;
        }
        checked = Some(user.id);
        if users.has_password(&Actor::System, user.id, PASSWORD.into()).await? {
            return Ok(Some(format!(
                "the account '{login}' still has the published default password of development servers; run \
                 `taskwire user reset-password {login}` to set another one"
            )));
        }
    }
    let seeded = users
        .find_shared_password(&Actor::System, seed::DEFAULT_PASSWORD.into())
        .await?;
    Ok(seeded.map(|(count, email)| {
        format!(
            "{count} accounts, such as '{email}', still have the published default password of `taskwire seed`; \
             begin with an empty database, or run `taskwire user deactivate` for each of them"
        )
    }))
}
