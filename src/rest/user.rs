//! Users and their accounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::extract::{Asker, Body, Parameters, PathId};
use super::page::{ListBody, PageParameters, Part, name_cursor, rows};
use super::value::{Number, RoleName};
use crate::app::App;
use crate::domain::clock::Timestamp;
use crate::domain::error::Violations;
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
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
    skip: Option<Number>,
    limit: Option<Number>,
    page: Option<Number>,
    per_page: Option<Number>,
    cursor: Option<String>,
}

impl ListParameters {
    fn read(self) -> Result<Part> {
        let mut violations = Violations::default();
        let page = PageParameters {
            skip: self.skip,
            limit: self.limit,
            page: self.page,
            per_page: self.per_page,
            cursor: self.cursor,
        };
        let part = page.read(&mut violations);
        violations.into_result()?;
        Ok(part)
    }
}

/// What to change of an account; what is left out stays.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UpdateInput {
    email: Patch<String>,
    username: Patch<String>,
    full_name: Patch<String>,
    role: Patch<RoleName>,
    is_active: Patch<bool>,
}

impl From<UpdateInput> for UserChange {
    fn from(input: UpdateInput) -> Self {
        Self {
            email: input.email,
            username: input.username,
            full_name: input.full_name,
            role: input.role.map(|RoleName(role)| role),
            is_active: input.is_active,
        }
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
) -> Result<Json<ListBody<UserBody>>> {
    let part = parameters.read()?;
    let users = app.domain().users();
    let (rows, next) = rows(users.list(&actor, &part.request()).await.map_err(name_cursor)?);
    let total = users.count(&actor).await?;
    Ok(Json(part.body(
        rows.into_iter().map(UserBody::from).collect(),
        next,
        total,
    )))
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
    let user = app.domain().users().update(&actor, UserId(id), input.into()).await?;
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
