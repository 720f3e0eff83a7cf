//! GraphQL types of users.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use taskwire_macros::plain_fields;

use super::notification::unread_count;
use super::task::{Task, TaskFilter, TaskOrder, TaskTotals, list};
use crate::domain::id::UserId;
use crate::domain::page::page_size;
use crate::domain::patch::Patch;
use crate::domain::task::Participation;
use crate::domain::user::{self as domain, Account, UserChange};
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, value_or_errors};
use crate::graphql::guard::{AdminOnly, SignedIn};
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Row, Rows, Single};
use crate::graphql::scalar::Role;

/// A user as the current actor may see them.
#[derive(Clone, Debug)]
pub struct User(pub Arc<domain::User>);

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self(Arc::new(user))
    }
}

impl From<Arc<domain::User>> for User {
    fn from(user: Arc<domain::User>) -> Self {
        Self(user)
    }
}

impl User {
    pub(in crate::graphql) fn single(user: Arc<domain::User>) -> Single<Self> {
        Single(Self(user))
    }

    fn account_field<'a, T>(&'a self, read: impl FnOnce(&'a Account) -> T) -> Option<T> {
        self.0.account.as_ref().map(read)
    }
}

/// A user account. All signed-in users see the names; only the user and administrators see the other fields.
#[plain_fields]
#[Object]
impl User {
    /// Global id: opaque, unique over all types, accepted by `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id.to_global()
    }

    /// Numeric id of the user in the REST API.
    async fn database_id(&self) -> i32 {
        self.0.id.0
    }

    /// Unique name for signing in, 3 to 50 characters. Null if the user has none.
    async fn username(&self) -> Option<&str> {
        self.0.username.as_deref()
    }

    /// Name to show: full name; without one, username; without both, "User" and the database id, such as "User 7".
    async fn display_name(&self) -> Cow<'_, str> {
        self.0.display_name()
    }

    /// Full name, up to 255 characters. Null if the user has none.
    async fn full_name(&self) -> Option<&str> {
        self.0.full_name.as_deref()
    }

    /// E-mail address for signing in, in lower case. Null unless this is your account or you are an administrator.
    async fn email(&self) -> Option<&str> {
        self.account_field(|account| account.email.as_str())
    }

    /// Whether the e-mail address is verified. Notifications are mailed only to verified addresses. Null unless this is
    /// your account or you are an administrator.
    async fn email_verified(&self) -> Option<bool> {
        self.account_field(|account| account.email_verified)
    }

    /// IANA time zone, such as Europe/Berlin. Default: UTC. A due day ends at midnight in this time zone. Null unless
    /// this is your account or you are an administrator.
    async fn time_zone(&self) -> Option<&'static str> {
        self.account_field(|account| account.time_zone.name())
    }

    /// Permissions of the account. Null unless this is your account or you are an administrator.
    async fn role(&self) -> Option<Role> {
        self.account_field(|account| account.role.into())
    }

    /// Whether the user may sign in. Null unless this is your account or you are an administrator.
    async fn is_active(&self) -> Option<bool> {
        self.account_field(|account| account.is_active)
    }

    /// Date and time of creation (UTC). Null unless this is your account or you are an administrator.
    async fn created_at(&self) -> Option<DateTime<Utc>> {
        self.account_field(|account| account.created_at)
    }

    /// Date and time of the last change (UTC). Null unless this is your account or you are an administrator.
    async fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.account_field(|account| account.updated_at)
    }

    /// Number of your unread notifications. Null for other users. Counted only if selected.
    async fn unread_notification_count(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        if ctx.actor().user_id() != Some(self.0.id) {
            return Ok(None);
        }
        unread_count(ctx).await.map(Some)
    }

    /// Tasks that the user owns and that are visible to you. Newest first by default.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn owned_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N tasks, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns tasks after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N tasks, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions that the tasks must meet. Default: all tasks outside the trash.")] filter: Option<
            Box<TaskFilter>,
        >,
        #[graphql(desc = "Sort keys, the most significant first, up to 5. Default: `CREATED_AT`, `DESC`.")]
        order_by: Option<Vec<TaskOrder>>,
    ) -> Result<Connection<Task, TaskTotals>> {
        let page = PageArguments(first, after, last, before);
        let user = (self.0.id, Participation::Owner);
        // Boxed: otherwise this future enlarges that of every field of a user.
        Box::pin(list::of_user(ctx, user, page, filter, order_by)).await
    }

    /// Tasks that are assigned to the user and visible to you. Newest first by default.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn assigned_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N tasks, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns tasks after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N tasks, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions that the tasks must meet. Default: all tasks outside the trash.")] filter: Option<
            Box<TaskFilter>,
        >,
        #[graphql(desc = "Sort keys, the most significant first, up to 5. Default: `CREATED_AT`, `DESC`.")]
        order_by: Option<Vec<TaskOrder>>,
    ) -> Result<Connection<Task, TaskTotals>> {
        let page = PageArguments(first, after, last, before);
        let user = (self.0.id, Participation::Assignee);
        // Boxed: otherwise this future enlarges that of every field of a user.
        Box::pin(list::of_user(ctx, user, page, filter, order_by)).await
    }
}

impl Row for User {}

/// Totals of a list of users.
#[derive(Debug)]
pub struct UserTotals;

#[Object]
impl UserTotals {
    /// Number of users on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.domain().users().count(ctx.actor()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

const DEFAULT_PEOPLE: i32 = 20;

/// Queries for users.
#[derive(Debug, Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// The signed-in user. Null only with an error, such as `UNAUTHENTICATED`.
    #[graphql(guard = "SignedIn")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Single<User>>> {
        let viewer = ctx.domain().users().viewer(ctx.actor()).await;
        Some(viewer.map(|viewer| Single(viewer.into())).map_err(Into::into))
    }

    /// Active users, for example to choose an assignee. Users whose display name or username starts with `search` come
    /// first, then users whose names contain it. Both groups are sorted by display name.
    #[graphql(guard = "SignedIn")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Part of a display name or username, up to 255 characters; case is ignored. Default: all active users."
        )]
        search: Option<String>,
        #[graphql(
            desc = "Maximum number of users, 0 to 100. Default: 20.",
            default_with = "DEFAULT_PEOPLE"
        )]
        first: i32,
    ) -> Option<Result<Rows<User>>> {
        Some(search_users(ctx, search.as_deref(), first).await)
    }

    /// The user with this id. Null if it does not exist.
    #[graphql(guard = "SignedIn")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the user.")] id: ID,
    ) -> Option<Result<Single<User>>> {
        let user = find(ctx, &id).await.transpose()?;
        Some(user.map(Single))
    }

    /// All users, including deactivated ones, sorted by database id.
    #[graphql(guard = "SignedIn")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N users, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns users after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N users, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns users before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<User, UserTotals>>> {
        let page = PageArguments(first, after, last, before);
        Some(list_users(ctx, page).await)
    }
}

async fn search_users(ctx: &Context<'_>, text: Option<&str>, first: i32) -> Result<Rows<User>> {
    let (limit, users) = (page_size("first", first)?, ctx.domain().users());
    let found = users.search(ctx.actor(), text, limit).await?;
    Ok(Rows(found.into_iter().map(User::from).collect()))
}

async fn list_users(ctx: &Context<'_>, page: PageArguments) -> Result<Connection<User, UserTotals>> {
    let page = page.into_request(ctx)?;
    let page = ctx.domain().users().list(ctx.actor(), &page).await?;
    Ok(connection(page, UserTotals, User::from))
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<User>> {
    let id = UserId::from_global("id", id)?;
    Ok(ctx.domain().users().find(ctx.actor(), id).await?.map(User::from))
}

/// Changes to an account. Omitted fields keep their value; null clears a field.
#[derive(Debug, InputObject)]
pub struct UserUpdateInput {
    /// New e-mail address, up to 254 characters; cannot be null. It must be verified with a mailed token, unless an
    /// administrator sets it.
    email: MaybeUndefined<String>,
    /// Your current password. Required to change your own e-mail address. A wrong password counts as a failed login.
    #[graphql(secret)]
    current_password: Option<String>,
    /// New username: 3 to 50 letters, digits or `_ . -`.
    username: MaybeUndefined<String>,
    /// New full name, up to 255 characters.
    full_name: MaybeUndefined<String>,
    /// New IANA time zone, such as Europe/Berlin; cannot be null.
    time_zone: MaybeUndefined<String>,
}

impl From<UserUpdateInput> for UserChange {
    fn from(input: UserUpdateInput) -> Self {
        Self {
            email: patch(input.email),
            current_password: input.current_password.map(SecretString::from),
            username: patch(input.username),
            full_name: patch(input.full_name),
            time_zone: patch(input.time_zone),
            ..Self::default()
        }
    }
}

/// Converts the three states of an input field: omitted, null, value.
pub(in crate::graphql) fn patch<T>(value: MaybeUndefined<T>) -> Patch<T> {
    match value {
        MaybeUndefined::Undefined => Patch::Absent,
        MaybeUndefined::Null => Patch::Null,
        MaybeUndefined::Value(value) => Patch::Value(value),
    }
}

/// Payload of `userUpdate`, `userSetRole`, `userSetActive` and `userDelete`.
#[derive(Debug, SimpleObject)]
#[graphql(name = "UserPayload")]
struct UserPayload {
    /// The user after the change; for `userDelete` before it. Null with errors.
    user: Option<User>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl UserPayload {
    fn of(result: crate::domain::error::Result<domain::User>, input: &[&str]) -> Result<Self> {
        let (user, user_errors) = value_or_errors(result, input)?;
        Ok(Self {
            user: user.map(User::from),
            user_errors,
        })
    }
}

/// Mutations of users.
#[derive(Debug, Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Changes the e-mail address, names and time zone of an account. Allowed for the user and administrators.
    #[graphql(guard = "SignedIn")]
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the user.")] id: ID,
        #[graphql(desc = "Fields to change; omitted fields keep their value.")] input: UserUpdateInput,
    ) -> Result<UserPayload> {
        let id = UserId::from_global("id", &id)?;
        let users = ctx.domain().users();
        let updated = users.update(ctx.actor(), id, input.into(), &ctx.device()).await;
        UserPayload::of(updated, &["input"])
    }

    /// Sets the role of an account, with immediate effect. The role of the last active administrator cannot be changed.
    /// Allowed for administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_set_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the user.")] id: ID,
        #[graphql(desc = "New role of the account.")] role: Role,
    ) -> Result<UserPayload> {
        let id = UserId::from_global("id", &id)?;
        UserPayload::of(ctx.domain().users().set_role(ctx.actor(), id, role.into()).await, &[])
    }

    /// Deactivates or reactivates an account. Deactivation ends its sessions immediately. The last active administrator
    /// cannot be deactivated. Allowed for administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_set_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the user.")] id: ID,
        #[graphql(desc = "Whether the account may sign in.")] is_active: bool,
    ) -> Result<UserPayload> {
        let id = UserId::from_global("id", &id)?;
        UserPayload::of(ctx.domain().users().set_active(ctx.actor(), id, is_active).await, &[])
    }

    /// Deletes an account. The tasks that the user owns are transferred or deleted permanently; tasks that are assigned
    /// to the user are unassigned. Files of the user without a task are deleted. The last active administrator cannot
    /// be deleted. Allowed for administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the user.")] id: ID,
        #[graphql(
            desc = "Global id of the active user who becomes owner of the tasks. Null or omitted: the tasks are deleted permanently."
        )]
        transfer_to: Option<ID>,
    ) -> Result<UserPayload> {
        let id = UserId::from_global("id", &id)?;
        let new_owner = transfer_to
            .map(|new_owner| UserId::from_global("transferTo", &new_owner))
            .transpose()?;
        UserPayload::of(ctx.domain().users().delete(ctx.actor(), id, new_owner).await, &[])
    }
}

pub(super) struct UserById;

impl Batch for UserById {
    type Key = UserId;
    type Value = Arc<domain::User>;

    const NAME: &'static str = "users";

    fn cached(LoaderContext { domain, actor }: &LoaderContext, key: &UserId) -> Option<Arc<domain::User>> {
        domain.users().cached(actor, *key).map(Arc::new)
    }

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[UserId]) -> Loaded<Self> {
        let users = domain.users().find_many(actor, keys).await?;
        Ok(users.into_iter().map(|user| (user.id, Arc::new(user))).collect())
    }
}
