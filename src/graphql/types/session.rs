//! Signing up, in and out in GraphQL.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::user::User;
use crate::domain;
use crate::domain::error::Error;
use crate::domain::id::SessionId;
use crate::domain::session::Tokens;
use crate::domain::user::Registration;
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;

/// A person who wants an account.
#[derive(InputObject)]
pub struct RegisterInput {
    /// An address with a domain; upper and lower case are the same.
    email: String,
    /// 8 to 128 characters, at least one letter and one digit.
    #[graphql(secret)]
    password: String,
    /// 3 to 50 of letters, digits, `_ . -`.
    username: Option<String>,
    /// Up to 255 characters.
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

/// How somebody signs in: by e-mail address or by username.
#[derive(InputObject)]
pub struct LoginInput {
    /// The address of the account.
    email: Option<String>,
    /// The username of the account.
    username: Option<String>,
    /// Password of the account.
    #[graphql(secret)]
    password: String,
}

impl LoginInput {
    /// The one name that was given.
    fn name(&self) -> domain::error::Result<&str> {
        match (&self.email, &self.username) {
            (Some(name), None) | (None, Some(name)) => Ok(name),
            _ => Err(Error::invalid(
                "email",
                "give either email or username, not both and not none",
            )),
        }
    }
}

/// The fields of the schema that are secret: responses with them are never stored.
pub(in crate::graphql) const SECRET_FIELDS: [&str; 2] = ["accessToken", "refreshToken"];

/// What somebody gets who signs in.
#[derive(SimpleObject)]
#[graphql(name = "AuthPayload")]
struct Outcome {
    /// Send it with every request: `Authorization: Bearer <token>`.
    access_token: Option<String>,
    /// Gets the next pair of tokens, once.
    refresh_token: Option<String>,
    /// When the access token expires.
    expires_at: Option<DateTime<Utc>>,
    /// Who signed in.
    user: Option<User>,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

impl Outcome {
    fn of(result: domain::error::Result<Tokens>, input: &[&str]) -> Result<Self> {
        Ok(match result {
            Ok(tokens) => Self {
                access_token: Some(tokens.access_token),
                refresh_token: Some(tokens.refresh_token),
                expires_at: Some(tokens.expires_at),
                user: Some(tokens.user.into()),
                user_errors: Vec::new(),
            },
            Err(error) => Self {
                access_token: None,
                refresh_token: None,
                expires_at: None,
                user: None,
                user_errors: user_errors(error, input)?,
            },
        })
    }
}

/// What became of signing out.
#[derive(SimpleObject)]
struct LogoutPayload {
    /// Whether the session has ended.
    success: bool,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

/// Payload of `sessionEnd`.
#[derive(SimpleObject)]
struct SessionEndPayload {
    /// The session that was ended; null when none was.
    session: Option<Session>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `emailVerify`.
#[derive(SimpleObject)]
struct EmailVerifyPayload {
    /// Whether the address is verified now.
    success: bool,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `emailVerificationSend`.
#[derive(SimpleObject)]
struct EmailVerificationSendPayload {
    /// Whether the mail is on its way.
    success: bool,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// One of your sessions: from signing in until it ends.
#[derive(Clone, Debug)]
pub struct Session(domain::session::Session);

impl From<domain::session::Session> for Session {
    fn from(session: domain::session::Session) -> Self {
        Self(session)
    }
}

/// One of your sessions: from signing in until it ends.
#[Object]
impl Session {
    /// The global id.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.0.id.to_global()
    }

    /// What the client called itself when the tokens were last refreshed.
    async fn user_agent(&self) -> Option<&str> {
        self.0.device.user_agent.as_deref()
    }

    /// From which address the tokens were last refreshed.
    async fn ip(&self) -> Option<String> {
        self.0.device.ip.map(|ip| ip.to_string())
    }

    /// When you signed in.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the tokens were last refreshed.
    async fn last_used_at(&self) -> DateTime<Utc> {
        self.0.last_used_at
    }

    /// When it ends unless the tokens are refreshed before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether it is the one that you ask with.
    async fn is_current(&self) -> bool {
        self.0.is_current
    }
}

/// The user errors of what has no result; none on success.
fn errors_of(result: domain::error::Result<()>) -> Result<Vec<UserError>> {
    result.map_or_else(|error| user_errors(error, &[]), |()| Ok(Vec::new()))
}

/// What can be read of sessions.
#[derive(Debug, Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// Your own sessions that go on, the one used last first, up to 100.
    #[graphql(guard = "SignedIn")]
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>>> {
        let sessions = ctx.domain().sessions().own(ctx.actor()).await.map_err(Into::into);
        Some(sessions.map(|sessions| sessions.into_iter().map(Session::from).collect()))
    }
}

/// What can be done about sessions.
#[derive(Debug, Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Makes an account and signs it in.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who wants an account.")] input: RegisterInput,
    ) -> Result<Outcome> {
        Outcome::of(
            ctx.domain().sessions().register(input.into(), ctx.device()).await,
            &["input"],
        )
    }

    /// Signs in. After ten failures in a row the next attempt from the same address has to wait: `RATE_LIMITED`, with
    /// `retryAfter` seconds.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name and the password.")] input: LoginInput,
    ) -> Result<Outcome> {
        let name = match input.name() {
            Ok(name) => name,
            Err(error) => return Outcome::of(Err(error), &["input"]),
        };
        let password = input.password.as_str().into();
        Outcome::of(
            ctx.domain().sessions().login(name, password, ctx.device()).await,
            &["input"],
        )
    }

    /// The next pair of tokens for a refresh token, which is spent by it. A spent one that comes again
    /// more than 10 seconds later ends the session.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token of the last answer.", secret)] refresh_token: String,
    ) -> Result<Outcome> {
        let token: SecretString = refresh_token.into();
        Outcome::of(ctx.domain().sessions().refresh(&token, ctx.device()).await, &[])
    }

    /// Signs out: the session's tokens stop working at once.
    #[graphql(guard = "SignedIn")]
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ends every session of the account, on all devices.", default = false)] everywhere: bool,
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

    /// Ends one of your sessions, such as that of a lost device: its tokens stop working at once, and its live connections
    /// are closed. `NOT_FOUND` if it is not yours or has ended.
    #[graphql(guard = "SignedIn")]
    async fn session_end(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] id: ID,
    ) -> Result<SessionEndPayload> {
        let id = SessionId::from_global("id", &id)?;
        let (session, user_errors) = match ctx.domain().sessions().end(ctx.actor(), id).await {
            Ok(session) => (Some(session.into()), Vec::new()),
            Err(error) => (None, user_errors(error, &[])?),
        };
        Ok(SessionEndPayload { session, user_errors })
    }

    /// Sets a new password, ends every session, and signs in anew. A wrong current password counts as a failed login.
    #[graphql(guard = "SignedIn")]
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password up to now.", secret)] current_password: String,
        #[graphql(desc = "8 to 128 characters, at least one letter and one digit.", secret)] new_password: String,
    ) -> Result<Outcome> {
        let sessions = ctx.domain().sessions();
        let changed = sessions
            .change_password(ctx.actor(), current_password.into(), new_password.into(), ctx.device())
            .await;
        Outcome::of(changed, &[])
    }

    /// Verifies an e-mail address by the token that was mailed to it. Works without being signed in. A token is valid for
    /// 24 hours and once; `INVALID_CREDENTIALS` otherwise.
    async fn email_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token of the mail.", secret)] token: String,
    ) -> Result<EmailVerifyPayload> {
        let errors = errors_of(ctx.domain().users().verify_email(&token.into()).await)?;
        Ok(EmailVerifyPayload {
            success: errors.is_empty(),
            user_errors: errors,
        })
    }

    /// Mails another token to your own address, which must not be verified yet. At most once a minute: `RATE_LIMITED`,
    /// with `retryAfter` seconds. The new token replaces the last one.
    #[graphql(guard = "SignedIn")]
    async fn email_verification_send(&self, ctx: &Context<'_>) -> Result<EmailVerificationSendPayload> {
        let errors = errors_of(ctx.domain().users().send_verification(ctx.actor()).await)?;
        Ok(EmailVerificationSendPayload {
            success: errors.is_empty(),
            user_errors: errors,
        })
    }
}

/// The actor's own sessions by id, without those that have ended.
pub(super) struct SessionById;

impl Batch for SessionById {
    type Key = SessionId;
    type Value = domain::session::Session;

    const NAME: &'static str = "sessions";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[SessionId]) -> Loaded<Self> {
        let own = domain.sessions().own(actor).await?.into_iter();
        let wanted = own.filter(|session| keys.contains(&session.id));
        Ok(wanted.map(|session| (session.id, session)).collect())
    }
}
