//! Users and their accounts.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Route;
use super::error::{Problem, Result};
use super::extract::{Asker, Body, Parameters, PathId, Sender};
use super::openapi::schema;
use super::page::{ListBody, PageParameters, name_cursor, rows};
use super::rate_limit::limit_password;
use super::rules::Rules;
use super::value::{Moment, Name, Number};
use crate::domain::actor::Role;
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
    id: UserId,
    /// The name to sign in with.
    #[schema(required = true, example = "ada")]
    username: Option<String>,
    /// The name among people.
    #[schema(required = true, example = "Ada Lovelace")]
    full_name: Option<String>,
}

impl From<&User> for NameBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.clone(),
            full_name: user.full_name.clone(),
        }
    }
}

/// The owner or assignee of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
pub(super) struct PersonBody {
    #[serde(flatten)]
    name: NameBody,
    /// Address of the user; only for administrators and the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ada@example.com")]
    email: Option<String>,
}

impl PersonBody {
    pub(super) fn new(user: &User) -> Self {
        Self {
            email: user.account.as_ref().map(|account| account.email.clone()),
            name: user.into(),
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
    #[schema(nullable = false)]
    created_at: Option<Moment>,
    /// When the account was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    updated_at: Option<Moment>,
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
            created_at: account.map(|account| Moment(account.created_at)),
            updated_at: account.map(|account| Moment(account.updated_at)),
            name: (&user).into(),
        }
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
    /// The name among people; null or an empty text for none.
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
    role: Patch<Name<Role>>,
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
            full_name: match input.full_name {
                Patch::Value(name) if name.trim().is_empty() => Patch::Null,
                other => other,
            },
            time_zone: input.time_zone,
            role: input.role.map(|Name(role)| role),
            is_active: input.is_active,
        }
    }
}

/// What becomes of the tasks of a deleted user.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteParameters {
    /// The id of the user who gets them; without it they are deleted too.
    #[param(value_type = Option<i32>, minimum = 1)]
    transfer_to: Option<Number>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(me)),
        Route::of(routes!(list)),
        Route::of(routes!(me)).at("/users/me", "getOwnUser"),
        Route::of(routes!(get)),
        Route::of(routes!(update)),
        Route::of(routes!(delete)),
    ]
}

/// Read one's own account
///
/// `/users/me` answers the same.
#[utoipa::path(get, path = "/auth/me", tag = "auth", operation_id = "getMe",
    responses((status = 200, description = "The account that is signed in", body = UserBody)))]
pub(super) async fn me(Asker(app, actor): Asker) -> Result<Json<UserBody>> {
    Ok(Json(app.domain().users().viewer(&actor).await?.into()))
}

/// List users
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "listUsers", params(PageParameters),
    responses((status = 200, description = "A part of the list, by id", body = ListBody<UserBody>)))]
pub(super) async fn list(
    Asker(app, actor): Asker,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<ListBody<UserBody>>> {
    let mut violations = Violations::default();
    let part = page.read(Rules::CANONICAL, &mut violations);
    violations.into_result()?;
    let users = app.domain().users();
    let (rows, next) = rows(users.list(&actor, &part.request()).await.map_err(name_cursor)?);
    let (rows, total) = (
        rows.into_iter().map(UserBody::from).collect(),
        users.count(&actor).await?,
    );
    Ok(Json(part.body(rows, next, total)))
}

/// Read a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "getUser", params(PathId),
    responses((status = 200, description = "The user", body = UserBody)))]
pub(super) async fn get(Asker(app, actor): Asker, PathId(id): PathId) -> Result<Json<UserBody>> {
    Ok(Json(app.domain().users().get(&actor, UserId(id)).await?.into()))
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
    Asker(app, actor): Asker,
    Sender(_, device): Sender,
    PathId(id): PathId,
    Body(input): Body<UpdateInput>,
) -> Response {
    let shows_password = input.current_password.is_some();
    let update = async {
        let users = app.domain().users();
        let user = users.update(&actor, UserId(id), input.into(), &device).await;
        let body = user.map(|user| Json(UserBody::from(user)));
        body.map_err(Problem::from).into_response()
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
    Asker(app, actor): Asker,
    PathId(id): PathId,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<StatusCode> {
    let heir = parameters.transfer_to.map(|Number(id)| UserId(id));
    app.domain().users().delete(&actor, UserId(id), heir).await?;
    Ok(StatusCode::NO_CONTENT)
}
