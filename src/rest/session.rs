//! Registration, sign-in and sign-out.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::{OneOfBuilder, Schema};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::error::{Problem, Result};
use super::extract::{Body, Parameters, Sender, SignedIn};
use super::form::Form;
use super::idempotency;
use super::openapi::schema::{self, described_by_hand};
use super::rate_limit::limit_secret;
use super::user::{self, UserBody};
use super::value::{Flag, Moment, Name, Named};
use super::{Location, Route, location};
use crate::domain::error::ViolationKind;
use crate::domain::session::Tokens;
use crate::domain::user::Registration;
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::state::AppState;

/// Tokens must not be cached.
const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, idempotency::NO_STORE)];

type Secret<T> = ([(HeaderName, &'static str); 1], Json<T>);

/// Tokens of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(super) struct TokensBody {
    /// Access token, for `Authorization: Bearer ..`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")]
    access_token: String,
    /// Refresh token, for the next pair of tokens; works once.
    #[schema(example = "cmVmcmVzaA")]
    refresh_token: String,
    /// Always `bearer`.
    #[schema(value_type = String, example = "bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    #[schema(example = 1800)]
    expires_in: i64,
    /// When the access token expires (UTC).
    expires_at: Moment,
    /// The user who signed in.
    user: UserBody,
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "bearer",
            expires_in: tokens.expires_in,
            expires_at: Moment(tokens.expires_at),
            user: tokens.user.into(),
        }
    }
}

/// Tokens of a new user. The profile is also at the top level, for clients of an older API.
#[derive(Serialize, ToSchema)]
#[schema(as = Registered)]
pub(super) struct RegisteredBody {
    #[serde(flatten)]
    tokens: TokensBody,
    #[serde(flatten)]
    profile: UserBody,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Register)]
pub(super) struct RegisterInput {
    /// E-mail address; must be unique.
    #[schema(value_type = schema::Email)]
    email: String,
    /// Password with at least one letter and one digit.
    #[schema(value_type = schema::NewPassword)]
    password: String,
    /// Username for signing in, besides the e-mail address; must be unique.
    #[schema(value_type = Option<schema::Username>)]
    username: Option<String>,
    /// Display name. An empty string means none.
    #[schema(value_type = Option<schema::FullName>)]
    full_name: Option<String>,
}

impl From<RegisterInput> for Registration {
    fn from(input: RegisterInput) -> Self {
        Self {
            email: input.email,
            password: input.password.into(),
            username: input.username,
            full_name: input.full_name.filter(|name| !name.trim().is_empty()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginInput {
    username: Option<String>,
    email: Option<String>,
    password: String,
}

fn described_login(name: &str, example: &str) -> Schema {
    schema::of_json(json!({
        "type": "object", "title": format!("With {name}"), "required": [name, "password"],
        "properties": { name: { "type": "string" }, "password": { "type": "string" } },
        "additionalProperties": false, "examples": [{ name: example, "password": "SecurePass123" }],
    }))
}

described_by_hand!(LoginInput, "Login" => OneOfBuilder::new()
    .description(Some("Credentials. Both `username` and `email` accept a username or an e-mail address."))
    .item(described_login("username", "ada"))
    .item(described_login("email", "ada@example.com")));

impl LoginInput {
    fn name(&self) -> Result<&str> {
        let (kind, message) = match (&self.username, &self.email) {
            (Some(name), None) | (None, Some(name)) => return Ok(name),
            (None, None) => (
                ViolationKind::Missing,
                "give username or email; one of them is required",
            ),
            (Some(_), Some(_)) => (ViolationKind::Other, "give username or email, not both"),
        };
        Err(Problem::invalid("username", kind, message))
    }
}

#[derive(Clone, Copy)]
struct PasswordGrantType;

impl Named for PasswordGrantType {
    // A parameter without a value counts as omitted (RFC 6749, section 3.2). Swagger UI sends this one.
    const OLDER: &'static [(&'static str, Self)] = &[("", Self)];

    fn named() -> impl Iterator<Item = (&'static str, Self)> {
        [("password", Self)].into_iter()
    }
}

/// OAuth2 password grant. The username may be an e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "OAuth2 clients send fields that mean nothing here, where no client has an identity"
)]
pub(super) struct PasswordGrant {
    /// Username or e-mail address.
    #[schema(example = "ada")]
    username: String,
    /// Password.
    #[schema(format = Password, example = "SecurePass123")]
    password: String,
    /// Always `password`; empty if it is omitted.
    #[schema(value_type = String, required = false, pattern = "^(password)?$", example = "password")]
    grant_type: Option<Name<PasswordGrantType>>,
    /// Accepted and ignored.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// Accepted and ignored.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Accepted and ignored.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh)]
pub(super) struct RefreshInput {
    /// `refresh_token` of the last response.
    #[schema(example = "cmVmcmVzaA")]
    refresh_token: String,
}

/// The token of a verification mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyEmail)]
pub(super) struct VerifyEmailInput {
    /// Token from the verification mail.
    #[schema(example = "dmVyaWZ5")]
    token: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogoutParameters {
    /// `true` ends all sessions of the user; default `false` ends only this one.
    #[param(value_type = Option<schema::Flag>, inline)]
    all: Option<Flag>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(register)).counted_as(Tier::Strict).without_key(),
        Route::of(routes!(login)).counted_as(Tier::Strict).without_key(),
        Route::of(routes!(access_token)).counted_as(Tier::Strict).without_key(),
        Route::of(routes!(refresh)).counted_as(None).without_key(),
        Route::of(routes!(logout)),
        Route::of(routes!(verify_email)).counted_as(Tier::Strict).without_key(),
        Route::of(routes!(resend_verification))
            .counted_as(Tier::Strict)
            .without_key(),
        Route::of(routes!(user::me)),
        Route::of(routes!(user::me)).at("/users/me", "getOwnUser"),
    ]
}

/// Create an account
#[utoipa::path(post, path = "/auth/register", operation_id = "register", security(()),
    request_body = RegisterInput,
    responses(
        (status = 201, description = "The new account and its tokens", body = RegisteredBody),
        (status = 409, description = "The username or the address is taken"),
    ))]
pub(super) async fn register(
    Sender(app, device): Sender,
    Body(input): Body<RegisterInput>,
) -> Result<(StatusCode, Location, Secret<RegisteredBody>)> {
    let tokens = app.domain().sessions().register(input.into(), device).await?;
    let location = location("users", tokens.user.id.0);
    let body = RegisteredBody {
        profile: tokens.user.clone().into(),
        tokens: tokens.into(),
    };
    Ok((StatusCode::CREATED, location, (NO_STORE, Json(body))))
}

/// Sign in
///
/// After ten wrong passwords in a row for an account from one address, the next attempt must wait for `Retry-After`.
#[utoipa::path(post, path = "/auth/login", operation_id = "login", security(()),
    request_body = LoginInput,
    responses(
        (status = 200, description = "Tokens", body = TokensBody),
        (status = 401, description = "No account has this name and password"),
        (status = 403, description = "The account is deactivated"),
    ))]
pub(super) async fn login(Sender(app, device): Sender, Body(input): Body<LoginInput>) -> Result<Secret<TokensBody>> {
    let (name, sessions) = (input.name()?.to_owned(), app.domain().sessions());
    let tokens = sessions.login(&name, input.password.into(), device).await?;
    Ok((NO_STORE, Json(tokens.into())))
}

/// Sign in with an OAuth2 form
///
/// The form may also be sent as `multipart/form-data`, as browsers send `FormData`.
#[utoipa::path(post, path = "/auth/login/access-token", operation_id = "loginByForm", security(()),
    request_body(content = PasswordGrant, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokensBody),
        (status = 401, description = "No account has this name and password"),
        (status = 403, description = "The account is deactivated"),
    ))]
pub(super) async fn access_token(
    Sender(app, device): Sender,
    Form(grant): Form<PasswordGrant>,
) -> Result<Secret<TokensBody>> {
    let sessions = app.domain().sessions();
    let tokens = sessions.login(&grant.username, grant.password.into(), device).await?;
    Ok((NO_STORE, Json(tokens.into())))
}

/// Get a new pair of tokens
///
/// A refresh token works once. If it is used again within 10 seconds, the response has the same new refresh token;
/// later, all tokens derived from it are revoked.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "refresh", security(()),
    request_body = RefreshInput,
    responses(
        (status = 200, description = "Tokens", body = TokensBody),
        (status = 401, description = "The refresh token is invalid, used or expired"),
    ))]
pub(super) async fn refresh(Sender(app, device): Sender, input: Result<Body<RefreshInput>>) -> Result<Response> {
    let token = input.map(|Body(input)| SecretString::from(input.refresh_token));
    let shown = token.as_ref().ok().cloned();
    let renewal = Box::pin(async {
        let tokens = app.domain().sessions().refresh(&token?, device.clone()).await?;
        Ok::<_, Problem>((NO_STORE, Json(TokensBody::from(tokens))))
    });
    limit_secret(&app, &device, shown.as_ref(), renewal).await
}

/// Verify an e-mail address
///
/// Uses the token from the verification mail. A token works once, within 24 hours.
#[utoipa::path(post, path = "/auth/verify-email", operation_id = "verifyEmail", security(()),
    request_body = VerifyEmailInput,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 401, description = "The token is invalid, used or expired"),
    ))]
pub(super) async fn verify_email(
    State(app): State<AppState>,
    Body(input): Body<VerifyEmailInput>,
) -> Result<StatusCode> {
    app.domain().users().verify_email(&input.token.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Request another verification mail
///
/// For the caller's address, at most once per minute. The new token replaces the last one.
#[utoipa::path(post, path = "/auth/verify-email/resend", operation_id = "resendVerification",
    responses((status = 202, description = "The mail will be sent")))]
pub(super) async fn resend_verification(SignedIn(app, actor): SignedIn) -> Result<StatusCode> {
    app.domain().users().send_verification(&actor).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sign out
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout", params(LogoutParameters),
    responses((status = 204, description = "The tokens are revoked")))]
pub(super) async fn logout(
    SignedIn(app, actor): SignedIn,
    Parameters(parameters): Parameters<LogoutParameters>,
) -> Result<StatusCode> {
    let sessions = app.domain().sessions();
    if parameters.all.is_some_and(|Flag(all)| all) {
        sessions.logout_everywhere(&actor).await?;
    } else {
        sessions.logout(&actor).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
