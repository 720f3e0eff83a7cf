//! Signing up, in and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::error::{Problem, Result};
use super::extract::{Asker, Body, Form, Parameters, Sender};
use super::location;
use super::user::UserBody;
use super::value::{Flag, PasswordGrantType};
use crate::app::App;
use crate::domain::clock::Timestamp;
use crate::domain::session::Tokens;
use crate::domain::user::Registration;

/// Tokens are for their client alone: no cache may keep them.
const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// An answer with tokens in it.
type Secret<T> = ([(HeaderName, &'static str); 1], Json<T>);

/// Tokens, and whose they are.
#[derive(Serialize)]
pub(super) struct TokensBody {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
    expires_at: Timestamp,
    user: UserBody,
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "bearer",
            expires_in: tokens.expires_in,
            expires_at: tokens.expires_at,
            user: tokens.user.into(),
        }
    }
}

/// The answer to a registration: one of the older APIs had the profile at the top level.
#[derive(Serialize)]
pub(super) struct RegisteredBody {
    #[serde(flatten)]
    tokens: TokensBody,
    #[serde(flatten)]
    profile: UserBody,
}

/// A person who wants an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterInput {
    email: String,
    password: String,
    username: Option<String>,
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

/// A name, in one of two fields, and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginInput {
    username: Option<String>,
    email: Option<String>,
    password: String,
}

impl LoginInput {
    fn name(&self) -> Result<&str> {
        match (&self.username, &self.email) {
            (Some(name), None) | (None, Some(name)) => Ok(name),
            (None, None) => Err(Problem::invalid(
                "username",
                "give username or email, one of them is needed",
            )),
            (Some(_), Some(_)) => Err(Problem::invalid("username", "give username or email, not both")),
        }
    }
}

/// The password grant of OAuth2. The username may be an e-mail address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "OAuth2 clients send fields that mean nothing here, where no client has an identity"
)]
pub(super) struct PasswordGrant {
    username: String,
    password: String,
    grant_type: Option<PasswordGrantType>,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// The token that gets the next pair.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshInput {
    refresh_token: String,
}

/// How much to sign out of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogoutParameters {
    /// Every session, not only this one.
    all: Option<Flag>,
}

pub(super) async fn register(
    State(app): State<App>,
    Sender(device): Sender,
    Body(input): Body<RegisterInput>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Secret<RegisteredBody>)> {
    let tokens = app.domain().sessions().register(input.into(), device).await?;
    let location = location("users", tokens.user.id.0);
    let body = RegisteredBody {
        profile: tokens.user.clone().into(),
        tokens: tokens.into(),
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        (NO_STORE, Json(body)),
    ))
}

pub(super) async fn login(
    State(app): State<App>,
    Sender(device): Sender,
    Body(input): Body<LoginInput>,
) -> Result<Secret<TokensBody>> {
    let name = input.name()?.to_owned();
    let tokens = app
        .domain()
        .sessions()
        .login(&name, input.password.into(), device)
        .await?;
    Ok((NO_STORE, Json(tokens.into())))
}

pub(super) async fn access_token(
    State(app): State<App>,
    Sender(device): Sender,
    Form(grant): Form<PasswordGrant>,
) -> Result<Secret<TokensBody>> {
    let tokens = app
        .domain()
        .sessions()
        .login(&grant.username, grant.password.into(), device)
        .await?;
    Ok((NO_STORE, Json(tokens.into())))
}

pub(super) async fn refresh(
    State(app): State<App>,
    Sender(device): Sender,
    Body(input): Body<RefreshInput>,
) -> Result<Secret<TokensBody>> {
    let tokens = app
        .domain()
        .sessions()
        .refresh(&input.refresh_token.into(), device)
        .await?;
    Ok((NO_STORE, Json(tokens.into())))
}

pub(super) async fn logout(
    State(app): State<App>,
    Asker(actor): Asker,
    Parameters(parameters): Parameters<LogoutParameters>,
) -> Result<StatusCode> {
    let sessions = app.domain().sessions();
    match parameters.all {
        Some(Flag(true)) => sessions.logout_everywhere(&actor).await?,
        Some(Flag(false)) | None => sessions.logout(&actor).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
