//! GraphQL types of sessions: registration, login, logout, passwords and e-mail verification.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Data, ID, InputObject, Object, OutputType, Positioned, ServerResult, SimpleObject,
    Value,
};
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::user::User;
use crate::domain;
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::session::Tokens;
use crate::domain::user::Registration;
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, server_error, user_errors, value_or_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;

/// Fields of a new account.
#[derive(InputObject)]
pub struct RegisterInput {
    /// E-mail address, up to 254 characters; unique, case is ignored.
    email: String,
    /// Password: 8 to 128 characters, with at least one letter and one digit.
    #[graphql(secret)]
    password: String,
    /// Unique username: 3 to 50 letters, digits or `_ . -`. Default: none.
    username: Option<String>,
    /// Full name, up to 255 characters. Default: none.
    full_name: Option<String>,
}

impl From<RegisterInput> for Registration {
    fn from(input: RegisterInput) -> Self {
        Self {
            email: input.email,
            password: input.password.into(),
            username: input.username,
            full_name: input.full_name,
        }
    }
}

/// Credentials: the password, and either `email` or `username`.
#[derive(InputObject)]
pub struct LoginInput {
    /// E-mail address of the account. Not together with `username`.
    email: Option<String>,
    /// Username of the account. Not together with `email`.
    username: Option<String>,
    /// Password of the account.
    #[graphql(secret)]
    password: String,
}

impl LoginInput {
    fn name(&self) -> domain::error::Result<&str> {
        match (&self.email, &self.username) {
            (Some(name), None) | (None, Some(name)) => Ok(name),
            _ => Err(Error::invalid("email", "email: give email or username, but not both")),
        }
    }
}

/// Responses with these fields are never stored.
pub(in crate::graphql) const SECRET_FIELDS: [&str; 2] = ["accessToken", "refreshToken"];

/// Payload of `register`, `login`, `refresh` and `passwordChange`.
#[derive(Default, SimpleObject)]
#[graphql(name = "AuthPayload")]
struct AuthPayload {
    /// Token for every request, in the header `Authorization: Bearer <token>`. Null with errors.
    access_token: Option<String>,
    /// Token for `refresh`, valid for one use within `REFRESH_TOKEN_EXPIRE_DAYS` (7 days). Null with errors.
    refresh_token: Option<String>,
    /// Date and time at which `accessToken` expires (UTC). Null with errors.
    expires_at: Option<DateTime<Utc>>,
    /// The user who is signed in. The fields are resolved as this user, as in a request with `accessToken`. Null with
    /// errors.
    user: Option<NewSessionUser>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// The user of a new session. The sender of the request may be anonymous, another user, or in a session that has ended.
struct NewSessionUser {
    access_token: String,
    user: User,
}

impl OutputType for NewSessionUser {
    fn type_name() -> Cow<'static, str> {
        User::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        User::create_type_info(registry)
    }

    /// Other fields of the operation keep the context of the request.
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let identity = ctx.domain().sessions().authenticate(Some(&self.access_token)).await;
        let identity = identity.map_err(|error| ctx.set_error_path(server_error(error, field.pos)))?;
        let mut data = Data::default();
        data.insert(ctx.request().signed_in_as(identity));
        let mut ctx = ctx.clone();
        ctx.execute_data = Some(&data);
        self.user.resolve(&ctx, field).await
    }
}

impl AuthPayload {
    fn of(result: domain::error::Result<Tokens>, input: &[&str]) -> Result<Self> {
        Ok(match result {
            Ok(tokens) => Self {
                user: Some(NewSessionUser {
                    access_token: tokens.access_token.clone(),
                    user: tokens.user.into(),
                }),
                access_token: Some(tokens.access_token),
                refresh_token: Some(tokens.refresh_token),
                expires_at: Some(tokens.expires_at),
                user_errors: Vec::new(),
            },
            Err(error) => Self {
                user_errors: user_errors(error, input)?,
                ..Self::default()
            },
        })
    }
}

/// Payload of `logout`.
#[derive(SimpleObject)]
struct LogoutPayload {
    /// Whether the session ended.
    success: bool,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `sessionEnd`.
#[derive(SimpleObject)]
struct SessionEndPayload {
    /// The session, as it was before it ended. Null with errors.
    session: Option<Session>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `emailVerify`.
#[derive(SimpleObject)]
struct EmailVerifyPayload {
    /// Whether the address is now verified. False with errors.
    success: bool,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `emailVerificationSend`.
#[derive(SimpleObject)]
struct EmailVerificationSendPayload {
    /// Whether the mail was queued. False with errors.
    success: bool,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// A session of the current user.
#[derive(Clone, Debug)]
pub struct Session(domain::session::Session);

impl From<domain::session::Session> for Session {
    fn from(session: domain::session::Session) -> Self {
        Self(session)
    }
}

/// One of your sessions. It lasts from the login until logout, `sessionEnd`, a new password, expiry, or deactivation or
/// deletion of the account.
#[Object]
impl Session {
    /// Global id: opaque, unique over all types, accepted by `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id.to_global()
    }

    /// `User-Agent` header of the last login or token refresh, up to 255 characters. Null if the client sent none.
    async fn user_agent(&self) -> Option<&str> {
        self.0.device.user_agent.as_deref()
    }

    /// IP address of the last login or token refresh. Null if unknown.
    async fn ip(&self) -> Option<String> {
        self.0.device.ip.map(|ip| ip.to_string())
    }

    /// Date and time of the login (UTC).
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Date and time of the last login or token refresh (UTC).
    async fn last_used_at(&self) -> DateTime<Utc> {
        self.0.last_used_at
    }

    /// Date and time at which the session ends if the tokens are not refreshed (UTC).
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether this request belongs to the session.
    async fn is_current(&self) -> bool {
        self.0.is_current
    }
}

fn errors_of(result: domain::error::Result<()>) -> Result<Vec<UserError>> {
    value_or_errors(result, &[]).map(|(_, errors)| errors)
}

/// Queries for sessions.
#[derive(Debug, Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// Your active sessions, most recently used first, up to 100.
    #[graphql(guard = "SignedIn")]
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>>> {
        let sessions = ctx.domain().sessions().own(ctx.actor()).await.map_err(Into::into);
        Some(sessions.map(|sessions| sessions.into_iter().map(Session::from).collect()))
    }
}

/// Mutations of sessions.
#[derive(Debug, Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Creates an account and signs in. Works without being signed in.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Fields of the new account.")] input: RegisterInput,
    ) -> Result<AuthPayload> {
        let sessions = ctx.domain().sessions();
        AuthPayload::of(sessions.register(input.into(), ctx.device()).await, &["input"])
    }

    /// Signs in. After 10 failed attempts in a row for one account from one IP address, the next attempt must wait.
    /// Until then the error is `RATE_LIMITED`, with `retryAfter` in seconds.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Password, and either e-mail address or username.")] input: LoginInput,
    ) -> Result<AuthPayload> {
        let login = async {
            let (sessions, password) = (ctx.domain().sessions(), input.password.as_str().into());
            sessions.login(input.name()?, password, ctx.device()).await
        };
        AuthPayload::of(login.await, &["input"])
    }

    /// Exchanges a refresh token for new tokens. Each refresh token is valid for one use. A second use within 10
    /// seconds returns the same new refresh token; a later one ends the session.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Latest refresh token, from `AuthPayload.refreshToken`.", secret)] refresh_token: String,
    ) -> Result<AuthPayload> {
        let token: SecretString = refresh_token.into();
        AuthPayload::of(ctx.domain().sessions().refresh(&token, ctx.device()).await, &[])
    }

    /// Ends the current session. Its tokens stop working immediately.
    #[graphql(guard = "SignedIn")]
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Whether to end all sessions of the account, on all devices. Default: false.",
            default = false
        )]
        everywhere: bool,
    ) -> Result<LogoutPayload> {
        let sessions = ctx.domain().sessions();
        if everywhere {
            sessions.logout_everywhere(ctx.actor()).await?;
        } else {
            sessions.logout(ctx.actor()).await?;
        }
        Ok(LogoutPayload {
            success: true,
            user_errors: Vec::new(),
        })
    }

    /// Ends one of your sessions, such as that of a lost device. Its tokens stop working immediately, and its live
    /// connections are closed. `NOT_FOUND` if the session is not yours or has ended.
    #[graphql(guard = "SignedIn")]
    async fn session_end(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the session.")] id: ID,
    ) -> Result<SessionEndPayload> {
        let id = SessionId::from_global("id", &id)?;
        let (session, user_errors) = value_or_errors(ctx.domain().sessions().end(ctx.actor(), id).await, &[])?;
        Ok(SessionEndPayload {
            session: session.map(Session::from),
            user_errors,
        })
    }

    /// Sets a new password, ends all sessions of the account and starts a new one. A wrong current password counts as a
    /// failed login.
    #[graphql(guard = "SignedIn")]
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Current password of your account.", secret)] current_password: String,
        #[graphql(
            desc = "New password: 8 to 128 characters, with at least one letter and one digit.",
            secret
        )]
        new_password: String,
    ) -> Result<AuthPayload> {
        let sessions = ctx.domain().sessions();
        let changed = sessions.change_password(ctx.actor(), current_password.into(), new_password.into(), ctx.device());
        AuthPayload::of(changed.await, &[])
    }

    /// Verifies an e-mail address with the token that was mailed to it. Works without being signed in. A token is valid
    /// for one use within 24 hours; after that the error is `INVALID_CREDENTIALS`.
    async fn email_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Token from the mail.", secret)] token: String,
    ) -> Result<EmailVerifyPayload> {
        let user_errors = errors_of(ctx.domain().users().verify_email(&token.into()).await)?;
        Ok(EmailVerifyPayload {
            success: user_errors.is_empty(),
            user_errors,
        })
    }

    /// Mails a new token to your e-mail address. The new token replaces the last one. The address must not be verified
    /// yet. Allowed once a minute; otherwise the error is `RATE_LIMITED`, with `retryAfter` in seconds.
    #[graphql(guard = "SignedIn")]
    async fn email_verification_send(&self, ctx: &Context<'_>) -> Result<EmailVerificationSendPayload> {
        let user_errors = errors_of(ctx.domain().users().send_verification(ctx.actor()).await)?;
        Ok(EmailVerificationSendPayload {
            success: user_errors.is_empty(),
            user_errors,
        })
    }
}

pub(super) struct SessionById;

impl Batch for SessionById {
    type Key = SessionId;
    type Value = domain::session::Session;

    const NAME: &'static str = "sessions";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[SessionId]) -> Loaded<Self> {
        let found = domain.sessions().find_many(actor, keys).await?;
        Ok(found.into_iter().map(|session| (session.id, session)).collect())
    }
}
