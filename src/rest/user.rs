//! Users and their accounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::extract::{Asker, Body, Parameters, PathId};
use super::page::{PageParameters, Start, behind, name_cursor};
use super::value::{Number, RoleName};
use crate::app::App;
use crate::domain::actor::{Actor, Role};
use crate::domain::clock::Timestamp;
use crate::domain::error::Violations;
use crate::domain::id::UserId;
use crate::domain::page::Page;
use crate::domain::patch::Patch;
use crate::domain::policy::{self, SetActive, SetRole};
use crate::domain::user::{Account, User, UserChange};

/// What everybody who is signed in sees of a user.
#[derive(Serialize)]
pub(super) struct NameBody {
    id: UserId,
    username: Option<String>,
    full_name: Option<String>,
}

impl From<User> for NameBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            full_name: user.full_name,
        }
    }
}

/// A user; the account only where the asker may see it.
#[derive(Serialize)]
pub(super) struct UserBody {
    #[serde(flatten)]
    name: NameBody,
    #[serde(flatten)]
    account: Option<AccountBody>,
}

#[derive(Serialize)]
struct AccountBody {
    email: String,
    role: &'static str,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<User> for UserBody {
    fn from(mut user: User) -> Self {
        Self {
            account: user.account.take().map(AccountBody::from),
            name: user.into(),
        }
    }
}

impl From<Account> for AccountBody {
    fn from(account: Account) -> Self {
        Self {
            email: account.email,
            role: account.role.as_str(),
            is_active: account.is_active,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// Which part of the list of users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    limit: Option<Number>,
    per_page: Option<Number>,
    cursor: Option<String>,
}

impl ListParameters {
    /// How many users, and behind which cursor.
    fn read(self) -> Result<(u32, Option<String>)> {
        let mut violations = Violations::default();
        let page = PageParameters {
            limit: self.limit,
            per_page: self.per_page,
            cursor: self.cursor,
            ..PageParameters::default()
        };
        let (size, start) = page.read(&mut violations);
        violations.into_result()?;
        Ok(match start {
            Start::Cursor(cursor) => (size, Some(cursor)),
            Start::Offset(_) => (size, None),
        })
    }
}

/// A part of the list of users, in the order in which they came.
#[derive(Serialize)]
pub(super) struct ListBody {
    items: Vec<UserBody>,
    total: u64,
    per_page: u32,
    limit: u32,
    next_cursor: Option<String>,
}

impl ListBody {
    fn new(page: Page<User>, total: u64, size: u32) -> Self {
        let last = page.items.last().map(|(cursor, _)| cursor.clone());
        Self {
            next_cursor: last.filter(|_| page.has_next),
            items: page.items.into_iter().map(|(_, user)| user.into()).collect(),
            total,
            per_page: size,
            limit: size,
        }
    }
}

/// What to change of an account; what is left out stays.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct UpdateInput {
    email: Patch<String>,
    username: Patch<String>,
    full_name: Patch<String>,
    role: Patch<RoleName>,
    is_active: Patch<bool>,
}

/// The same, by the use cases that change it.
struct Update {
    names: Option<UserChange>,
    role: Option<Role>,
    is_active: Option<bool>,
}

impl UpdateInput {
    fn read(self) -> Result<Update> {
        let mut violations = Violations::default();
        let role = self.role.map(|RoleName(role)| role).required("role", &mut violations);
        let is_active = self.is_active.required("is_active", &mut violations);
        violations.into_result()?;
        let unnamed = [&self.email, &self.username, &self.full_name]
            .iter()
            .all(|name| **name == Patch::Absent);
        let names = UserChange {
            email: self.email,
            username: self.username,
            full_name: self.full_name,
        };
        let names = Some(names).filter(|_| !unnamed || (role.is_none() && is_active.is_none()));
        Ok(Update { names, role, is_active })
    }
}

impl Update {
    /// Refuses all of it early if the asker may not do a part of it, so that no half is done.
    fn check(&self, actor: &Actor, user: &User) -> Result<()> {
        if self.role.is_some() {
            policy::permit(actor, SetRole, user)?;
        }
        if self.is_active.is_some() {
            policy::permit(actor, SetActive, user)?;
        }
        Ok(())
    }

    /// Each part by its use case; those that may fail for a value come first.
    async fn apply(self, app: &App, actor: &Actor, mut user: User) -> Result<User> {
        let users = app.domain().users();
        if let Some(names) = self.names {
            user = users.update(actor, user.id, names).await?;
        }
        if let Some(role) = self.role {
            user = users.set_role(actor, user.id, role).await?;
        }
        if let Some(is_active) = self.is_active {
            user = users.set_active(actor, user.id, is_active).await?;
        }
        Ok(user)
    }
}

/// What becomes of the tasks of a deleted user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParameters {
    /// Who gets them; without it they are deleted too.
    transfer_to: Option<Number>,
}

pub(super) async fn me(State(app): State<App>, Asker(actor): Asker) -> Result<Json<UserBody>> {
    let user = app.domain().users().viewer(&actor).await?;
    Ok(Json(user.into()))
}

pub(super) async fn list(
    State(app): State<App>,
    Asker(actor): Asker,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<ListBody>> {
    let (size, cursor) = parameters.read()?;
    let users = app.domain().users();
    let page = users.list(&actor, &behind(cursor, size)).await.map_err(name_cursor)?;
    let total = users.count(&actor).await?;
    Ok(Json(ListBody::new(page, total, size)))
}

pub(super) async fn get(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<Json<UserBody>> {
    let user = app.domain().users().get(&actor, UserId(id)).await?;
    Ok(Json(user.into()))
}

pub(super) async fn update(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Body(input): Body<UpdateInput>,
) -> Result<Json<UserBody>> {
    let update = input.read()?;
    let user = app.domain().users().get(&actor, UserId(id)).await?;
    update.check(&actor, &user)?;
    let user = update.apply(&app, &actor, user).await?;
    Ok(Json(user.into()))
}

pub(super) async fn delete(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<StatusCode> {
    let heir = parameters.transfer_to.map(|Number(id)| UserId(id));
    app.domain().users().delete(&actor, UserId(id), heir).await?;
    Ok(StatusCode::NO_CONTENT)
}
