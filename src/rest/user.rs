//! Users and their accounts.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Route;
use super::error::{Problem, Result};
use super::extract::{Body, Parameters, PathId, Sender, SignedIn};
use super::openapi::schema::{self, described_by_hand};
use super::page::{ListBody, PageParameters, name_cursor, rows};
use super::rate_limit::limit_secret;
use super::rules::Rules;
use super::value::{Moment, Name, Number};
use crate::domain::actor::Role;
use crate::domain::error::Violations;
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::user::{User, UserChange};
use crate::http::json::Json;

described_by_hand!(UserId, "Id" => schema::id());

/// The fields of a user that every signed-in user can see.
#[derive(Serialize, ToSchema)]
#[schema(as = UserName)]
pub(super) struct NameBody {
    /// User id.
    id: UserId,
    /// Username for signing in; null if there is none.
    #[schema(required = true, example = "ada")]
    username: Option<String>,
    /// Display name; null if there is none.
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
    /// E-mail address; only present for administrators and the user.
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

/// A user. Fields other than the names are only present for administrators and the user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    #[serde(flatten)]
    name: NameBody,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ada@example.com")]
    email: Option<String>,
    /// Whether the address is verified. Notifications are only sent to verified addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// Time zone in which the user's days end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Europe/Berlin")]
    time_zone: Option<&'static str>,
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::RoleName)]
    role: Option<&'static str>,
    /// Whether the user can sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_active: Option<bool>,
    /// Creation time (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    created_at: Option<Moment>,
    /// Time of the last change (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    updated_at: Option<Moment>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let account = user.account.as_ref();
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

/// A partial update of an account; omitted fields stay unchanged.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserUpdate)]
pub(super) struct UpdateInput {
    /// E-mail address; must be unique.
    #[serde(default)]
    #[schema(value_type = schema::Email)]
    email: Patch<String>,
    /// Password of the caller. Required to change the caller's own e-mail address.
    #[serde(default)]
    #[schema(format = Password)]
    current_password: Option<String>,
    /// Username for signing in; must be unique. Null removes it.
    #[serde(default)]
    #[schema(value_type = Option<schema::Username>)]
    username: Patch<String>,
    /// Display name; null or an empty string removes it.
    #[serde(default)]
    #[schema(value_type = Option<schema::FullName>)]
    full_name: Patch<String>,
    /// Name of an IANA time zone.
    #[serde(default)]
    #[schema(value_type = String, example = "Europe/Berlin")]
    time_zone: Patch<String>,
    /// Role; only administrators can change it.
    #[serde(default)]
    #[schema(value_type = schema::RoleName)]
    role: Patch<Name<Role>>,
    /// Whether the user can sign in; only administrators can change it.
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteParameters {
    /// Id of the user who receives the tasks. Without it, the tasks are deleted.
    #[param(value_type = Option<i32>, minimum = 1)]
    transfer_to: Option<Number>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(list)),
        Route::of(routes!(get)),
        Route::of(routes!(update)),
        Route::of(routes!(delete)),
    ]
}

/// Get the caller's account
///
/// `/users/me` returns the same.
#[utoipa::path(get, path = "/auth/me", operation_id = "getMe",
    responses((status = 200, description = "The caller's account", body = UserBody)))]
pub(super) async fn me(SignedIn(app, actor): SignedIn) -> Result<Json<UserBody>> {
    Ok(Json(app.domain().users().viewer(&actor).await?.into()))
}

/// List users
#[utoipa::path(get, path = "/users", operation_id = "listUsers", params(PageParameters),
    responses((status = 200, description = "One page of the list, sorted by id", body = ListBody<UserBody>)))]
pub(super) async fn list(
    SignedIn(app, actor): SignedIn,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<ListBody<UserBody>>> {
    let mut violations = Violations::default();
    let part = page.read(Rules::CANONICAL, &mut violations);
    violations.into_result()?;
    let users = app.domain().users();
    let (rows, next) = rows(users.list(&actor, &part.request).await.map_err(name_cursor)?);
    let rows = rows.into_iter().map(UserBody::from).collect();
    Ok(Json(part.body(rows, next, users.count(&actor).await?)))
}

/// Get a user
#[utoipa::path(get, path = "/users/{id}", operation_id = "getUser", params(PathId),
    responses((status = 200, description = "The user", body = UserBody)))]
pub(super) async fn get(SignedIn(app, actor): SignedIn, PathId(id): PathId) -> Result<Json<UserBody>> {
    Ok(Json(app.domain().users().get(&actor, UserId(id)).await?.into()))
}

/// Change an account
///
/// Users can change their own account, administrators any account.
#[utoipa::path(patch, path = "/users/{id}", operation_id = "updateUser", params(PathId),
    request_body = UpdateInput,
    responses(
        (status = 200, description = "The updated account", body = UserBody),
        (status = 401, description = "`current_password` is wrong, or the caller is not signed in"),
        (status = 403, description = "The caller may not change this, or no active administrator would remain"),
        (status = 409, description = "The username or address is taken"),
    ))]
pub(super) async fn update(
    SignedIn(app, actor): SignedIn,
    Sender(_, device): Sender,
    PathId(id): PathId,
    Body(input): Body<UpdateInput>,
) -> Result<Response> {
    let shows_password = input.current_password.is_some();
    let update = Box::pin(async {
        let user = app.domain().users().update(&actor, UserId(id), input.into(), &device);
        Ok::<_, Problem>(Json(UserBody::from(user.await?)))
    });
    if shows_password {
        limit_secret(&app, &device, None, update).await
    } else {
        Ok(update.await.into_response())
    }
}

/// Delete an account
///
/// Administrators only. The user's tasks are deleted too, unless `transfer_to` names their new owner.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "deleteUser",
    params(PathId, DeleteParameters),
    responses(
        (status = 204, description = "The account is deleted"),
        (status = 403, description = "The caller is not an administrator, or no active administrator would remain"),
    ))]
pub(super) async fn delete(
    SignedIn(app, actor): SignedIn,
    PathId(id): PathId,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<StatusCode> {
    let new_owner = parameters.transfer_to.map(|Number(id)| UserId(id));
    app.domain().users().delete(&actor, UserId(id), new_owner).await?;
    Ok(StatusCode::NO_CONTENT)
}
