//! Users in GraphQL.

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
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::guard::{AdminOnly, SignedIn};
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Row, Rows, Single};
use crate::graphql::scalar::Role;

/// Somebody with an account. Everybody signed in sees the names; the rest is for oneself and administrators.
#[derive(Clone, Debug)]
pub struct User(pub Arc<domain::User>);

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self(Arc::new(user))
    }
}

impl User {
    /// For look-ups.
    pub(in crate::graphql) fn single(user: Arc<domain::User>) -> Single<Self> {
        Single(Self(user))
    }

    /// A part of the account; null for those who may not see it.
    fn shown<'a, T>(&'a self, part: impl FnOnce(&'a Account) -> T) -> Option<T> {
        self.0.account.as_ref().map(part)
    }
}

/// Somebody with an account. Everybody signed in sees the names; the rest is for oneself and administrators.
#[plain_fields]
#[Object]
impl User {
    /// The global id.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id.to_global()
    }

    /// The number by which REST knows the user.
    async fn database_id(&self) -> i32 {
        self.0.id.0
    }

    /// The name the user signs in with, if they chose one.
    async fn username(&self) -> Option<&str> {
        self.0.username.as_deref()
    }

    /// The name to show: the full name, else the username, else "User" and the number.
    async fn display_name(&self) -> Cow<'_, str> {
        self.0.display_name()
    }

    /// The user's name.
    async fn full_name(&self) -> Option<&str> {
        self.0.full_name.as_deref()
    }

    /// The address the user signs in with. For oneself and administrators; null for others.
    async fn email(&self) -> Option<&str> {
        self.shown(|account| account.email.as_str())
    }

    /// Whether the address is verified; only then notifications are sent to it by mail. For oneself and administrators; null for others.
    async fn email_verified(&self) -> Option<bool> {
        self.shown(|account| account.email_verified)
    }

    /// The time zone, by its name in the IANA database, such as Europe/Berlin; UTC by default. A due day of a task is past
    /// when it has ended there. For oneself and administrators; null for others.
    async fn time_zone(&self) -> Option<&'static str> {
        self.shown(|account| account.time_zone.name())
    }

    /// What the account may do. For oneself and administrators; null for others.
    async fn role(&self) -> Option<Role> {
        self.shown(|account| account.role.into())
    }

    /// Whether the account may sign in. For oneself and administrators; null for others.
    async fn is_active(&self) -> Option<bool> {
        self.shown(|account| account.is_active)
    }

    /// When the account was created. For oneself and administrators; null for others.
    async fn created_at(&self) -> Option<DateTime<Utc>> {
        self.shown(|account| account.created_at)
    }

    /// When the account was last changed. For oneself and administrators; null for others.
    async fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.shown(|account| account.updated_at)
    }

    /// How many notifications you have not read. Null for users other than you.
    async fn unread_notification_count(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        if ctx.actor().user_id() != Some(self.0.id) {
            return Ok(None);
        }
        unread_count(ctx).await.map(Some)
    }

    /// The tasks that belong to the user and that you may see, newest first unless ordered otherwise.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn owned_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only tasks behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of them.")] filter: Option<Box<TaskFilter>>,
        #[graphql(desc = "By what they are sorted, the most important first; up to 5 steps.")] order_by: Option<
            Vec<TaskOrder>,
        >,
    ) -> Result<Connection<Task, TaskTotals>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        // On the heap, so that every field of a user does not carry room for it.
        Box::pin(list::of_user(
            ctx,
            (self.0.id, Participation::Owner),
            page,
            filter,
            order_by,
        ))
        .await
    }

    /// The tasks that are assigned to the user and that you may see, newest first unless ordered otherwise.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments in the schema")]
    async fn assigned_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only tasks behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only tasks before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of them.")] filter: Option<Box<TaskFilter>>,
        #[graphql(desc = "By what they are sorted, the most important first; up to 5 steps.")] order_by: Option<
            Vec<TaskOrder>,
        >,
    ) -> Result<Connection<Task, TaskTotals>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        // On the heap, so that every field of a user does not carry room for it.
        Box::pin(list::of_user(
            ctx,
            (self.0.id, Participation::Assignee),
            page,
            filter,
            order_by,
        ))
        .await
    }
}

impl Row for User {}

/// What a connection of users knows beside its page.
#[derive(Debug)]
pub struct UserTotals;

#[Object]
impl UserTotals {
    /// How many users there are on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.domain().users().count(ctx.actor()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// How many people are found by default.
const DEFAULT_PEOPLE: i32 = 20;

/// What can be read of users.
#[derive(Debug, Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// Whoever is signed in.
    #[graphql(guard = "SignedIn")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Single<User>>> {
        let viewer = ctx.domain().users().viewer(ctx.actor()).await;
        Some(viewer.map(|viewer| Single(viewer.into())).map_err(Into::into))
    }

    /// Active users to choose from, such as assignees. Those whose display name or username begins with `search` come
    /// first, then those that contain it, each in the order of their display names.
    #[graphql(guard = "SignedIn")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A part of a display name or username, in any case, up to 255 characters. All when left out."
        )]
        search: Option<String>,
        #[graphql(desc = "How many, up to 100.", default_with = "DEFAULT_PEOPLE")] first: i32,
    ) -> Option<Result<Rows<User>>> {
        Some(search_users(ctx, search.as_deref(), first).await)
    }

    /// The user with this id; null when there is none.
    #[graphql(guard = "SignedIn")]
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "Which user.")] id: ID) -> Option<Result<Single<User>>> {
        let user = find(ctx, &id).await.transpose()?;
        Some(user.map(Single))
    }

    /// All users by id, deactivated ones included. E-mail address, role and activity are null unless you may see them.
    #[graphql(guard = "SignedIn")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only users behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only users before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<User, UserTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
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

/// What to change of an account; a field that is left out stays as it is, null clears it.
#[derive(Debug, InputObject)]
pub struct UserUpdateInput {
    /// An address with a domain; cannot be null. A new one must be verified by a mailed token, unless an administrator sets it.
    email: MaybeUndefined<String>,
    /// The password of your account. Required to change your own e-mail address. A wrong one counts as a failed login.
    #[graphql(secret)]
    current_password: Option<String>,
    /// 3 to 50 of letters, digits, `_ . -`.
    username: MaybeUndefined<String>,
    /// Up to 255 characters.
    full_name: MaybeUndefined<String>,
    /// The name of a time zone of the IANA database, such as Europe/Berlin; cannot be null.
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

/// GraphQL's three things as the domain's.
pub(in crate::graphql) fn patch<T>(value: MaybeUndefined<T>) -> Patch<T> {
    match value {
        MaybeUndefined::Undefined => Patch::Absent,
        MaybeUndefined::Null => Patch::Null,
        MaybeUndefined::Value(value) => Patch::Value(value),
    }
}

/// What became of a user.
#[derive(Debug, SimpleObject)]
#[graphql(name = "UserPayload")]
struct Outcome {
    /// The user as they stand now; null when nothing was done.
    user: Option<User>,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

impl Outcome {
    fn of(result: crate::domain::error::Result<domain::User>, input: &[&str]) -> Result<Self> {
        match result {
            Ok(user) => Ok(Self {
                user: Some(user.into()),
                user_errors: Vec::new(),
            }),
            Err(error) => Ok(Self {
                user: None,
                user_errors: user_errors(error, input)?,
            }),
        }
    }
}

/// What can be done to users.
#[derive(Debug, Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Changes an account's names and time zone. For oneself and administrators.
    #[graphql(guard = "SignedIn")]
    async fn user_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which user.")] id: ID,
        #[graphql(desc = "What to change.")] input: UserUpdateInput,
    ) -> Result<Outcome> {
        let id = UserId::from_global("id", &id)?;
        let users = ctx.domain().users();
        let updated = users.update(ctx.actor(), id, input.into(), &ctx.device()).await;
        Outcome::of(updated, &["input"])
    }

    /// Makes an account an administrator's or an ordinary one; it counts at once. For administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_set_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which user.")] id: ID,
        #[graphql(desc = "What the account may do from now on.")] role: Role,
    ) -> Result<Outcome> {
        let id = UserId::from_global("id", &id)?;
        Outcome::of(ctx.domain().users().set_role(ctx.actor(), id, role.into()).await, &[])
    }

    /// Deactivates an account, which ends its sessions at once, or lets it in again. For administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_set_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which user.")] id: ID,
        #[graphql(desc = "Whether the account may sign in.")] is_active: bool,
    ) -> Result<Outcome> {
        let id = UserId::from_global("id", &id)?;
        Outcome::of(ctx.domain().users().set_active(ctx.actor(), id, is_active).await, &[])
    }

    /// Deletes an account. The tasks it owns are deleted for good, or handed over; tasks assigned to
    /// it are unassigned. For administrators.
    #[graphql(guard = "AdminOnly")]
    async fn user_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which user.")] id: ID,
        #[graphql(desc = "Who gets the tasks; when left out they are deleted for good.")] transfer_to: Option<ID>,
    ) -> Result<Outcome> {
        let id = UserId::from_global("id", &id)?;
        let heir = transfer_to
            .map(|heir| UserId::from_global("transferTo", &heir))
            .transpose()?;
        Outcome::of(ctx.domain().users().delete(ctx.actor(), id, heir).await, &[])
    }
}

/// Users by id; of each what the actor sees.
pub(super) struct UserById;

impl Batch for UserById {
    type Key = UserId;
    type Value = Arc<domain::User>;

    const NAME: &'static str = "users";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[UserId]) -> Loaded<Self> {
        let users = domain.users().find_many(actor, keys).await?;
        Ok(users.into_iter().map(|user| (user.id, Arc::new(user))).collect())
    }
}
