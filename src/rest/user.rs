//! Users and their accounts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, Result};
use super::extract::{Asker, Body, Parameters, PathId, Sender};
use super::openapi::schema;
use super::page::{ListBody, PageParameters, Part, name_cursor, rows};
use super::rate_limit::limit_password;
use super::value::{Number, RoleName};
use crate::app::App;
use crate::domain::clock::Timestamp;
use crate::domain::error::Violations;
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::user::{User, UserChange};
use crate::http::json::Json;

/// What everybody who is signed in sees of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = UserName)]
pub(super) struct NameBody {
    /// Its number.
    #[schema(value_type = schema::Id)]
    id: UserId,
    /// The name to sign in with.
    #[schema(required = true, example = "ada")]
    username: Option<String>,
    /// The name among people.
    #[schema(required = true, example = "Ada Lovelace")]
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

/// A user. What lies behind the names is there for administrators and for the user alone.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    #[serde(flatten)]
    name: NameBody,
    /// Where mail is sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ada@example.com")]
    email: Option<String>,
    /// Whether the address is verified; only then notifications are sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// The time zone in which the user's days end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Europe/Berlin")]
    time_zone: Option<&'static str>,
    /// What the user may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::RoleName)]
    role: Option<&'static str>,
    /// Whether the user may sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_active: Option<bool>,
    /// When the account was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>, nullable = false)]
    created_at: Option<Timestamp>,
    /// When the account was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Instant>, nullable = false)]
    updated_at: Option<Timestamp>,
}

impl From<User> for UserBody {
    fn from(mut user: User) -> Self {
        let account = user.account.take();
        let account = account.as_ref();
        Self {
            email: account.map(|account| account.email.clone()),
            email_verified: account.map(|account| account.email_verified),
            time_zone: account.map(|account| account.time_zone.name()),
            role: account.map(|account| account.role.as_str()),
            is_active: account.map(|account| account.is_active),
            created_at: account.map(|account| account.created_at),
            updated_at: account.map(|account| account.updated_at),
            name: user.into(),
        }
    }
}

/// Which part of the list of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// How many rows to leave out first. Not together with `page` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 0, example = 0)]
    skip: Option<Number>,
    /// How many rows there may be. Not together with `per_page`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50, example = 10)]
    limit: Option<Number>,
    /// Which page, counted from 1. Not together with `skip` or `cursor`.
    #[param(value_type = Option<i32>, minimum = 1)]
    page: Option<Number>,
    /// How many rows a page has. Not together with `limit`.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 50)]
    per_page: Option<Number>,
    /// `next_cursor` of the answer before, for what follows it.
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
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserUpdate)]
pub(super) struct UpdateInput {
    /// Where mail is sent to. Nobody else may have it.
    #[serde(default)]
    #[schema(value_type = schema::Email)]
    email: Patch<String>,
    /// The password of one's account. Required to change one's own address.
    #[serde(default)]
    #[schema(format = Password)]
    current_password: Option<String>,
    /// The name to sign in with; null for none. Nobody else may have it.
    #[serde(default)]
    #[schema(value_type = Option<schema::Username>)]
    username: Patch<String>,
    /// The name among people; null for none.
    #[serde(default)]
    #[schema(value_type = Option<schema::FullName>)]
    full_name: Patch<String>,
    /// The name of a time zone of the IANA database.
    #[serde(default)]
    #[schema(value_type = String, example = "Europe/Berlin")]
    time_zone: Patch<String>,
    /// What the user may do: for administrators to say.
    #[serde(default)]
    #[schema(value_type = schema::RoleName)]
    role: Patch<RoleName>,
    /// Whether the user may sign in: for administrators to say.
    #[serde(default)]
    #[schema(value_type = bool)]
    is_active: Patch<bool>,
}

impl From<UpdateInput> for UserChange {
    fn from(input: UpdateInput) -> Self {
        Self {
            email: input.email,
            current_password: input.current_password.map(SecretString::from),
            username: input.username,
            full_name: input.full_name,
            time_zone: input.time_zone,
            role: input.role.map(|RoleName(role)| role),
            is_active: input.is_active,
        }
    }
}

/// What becomes of the tasks of a deleted user.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteParameters {
    /// The id of the user who gets them; without it they are deleted too.
    #[param(value_type = Option<i32>, minimum = 1)]
    transfer_to: Option<Number>,
}

/// Who is asking
#[utoipa::path(get, path = "/auth/me", tag = "auth", operation_id = "getMe",
    responses((status = 200, description = "The account that is signed in", body = UserBody)))]
pub(super) async fn me(State(app): State<App>, Asker(actor): Asker) -> Result<Json<UserBody>> {
    let user = app.domain().users().viewer(&actor).await?;
    Ok(Json(user.into()))
}

/// List users
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "listUsers", params(ListParameters),
    responses((status = 200, description = "A part of the list, by id", body = ListBody<UserBody>)))]
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

/// Read a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "getUser", params(PathId),
    responses((status = 200, description = "The user", body = UserBody)))]
pub(super) async fn get(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<Json<UserBody>> {
    let user = app.domain().users().get(&actor, UserId(id)).await?;
    Ok(Json(user.into()))
}

/// Change an account
///
/// One's own; administrators may change any.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", operation_id = "updateUser", params(PathId),
    request_body = UpdateInput,
    responses(
        (status = 200, description = "The account as it is now", body = UserBody),
        (status = 401, description = "`current_password` is wrong, or nobody is signed in"),
        (status = 403, description = "The account or the field is not the asker's to change"),
        (status = 409, description = "Somebody else has the name or the address, or nobody would be left to administer"),
    ))]
pub(super) async fn update(
    State(app): State<App>,
    Asker(actor): Asker,
    Sender(device): Sender,
    PathId(id): PathId,
    Body(input): Body<UpdateInput>,
) -> Response {
    let shows_password = input.current_password.is_some();
    let update = async {
        let user = app
            .domain()
            .users()
            .update(&actor, UserId(id), input.into(), &device)
            .await;
        user.map(|user| Json(UserBody::from(user)))
            .map_err(Problem::from)
            .into_response()
    };
    if shows_password {
        limit_password(&app, &device, update).await
    } else {
        update.await
    }
}

/// Delete an account
///
/// For administrators. Its tasks go with it unless `transfer_to` says who gets them.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", operation_id = "deleteUser",
    params(PathId, DeleteParameters),
    responses(
        (status = 204, description = "The account is gone"),
        (status = 403, description = "The asker is not an administrator"),
        (status = 409, description = "Nobody would be left to administer"),
    ))]
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
