//! The caller of a request.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::access_log::LogFields;
use super::client_address::client_address;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::session::{Device, Identity};
use crate::rate_limit::Requester;
use crate::state::AppState;

/// The caller of a request: user and device.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The signed-in user, or nobody.
    pub actor: Actor,
    /// User agent and IP address.
    pub device: Device,
    /// When the access token expires; `None` if nobody is signed in.
    pub expires_at: Option<Timestamp>,
}

impl Caller {
    /// Reads the credentials of a request, unless middleware has done so. With invalid credentials the caller is
    /// anonymous: the error is reported where a user is required, so that signing in again always works.
    pub async fn of(parts: &Parts, state: &AppState) -> Result<Self> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let identity = state
            .domain()
            .sessions()
            .authenticate(bearer_token(&parts.headers))
            .await?;
        Ok(Self::identified(parts, state, identity))
    }

    pub(crate) fn identified(parts: &Parts, state: &AppState, Identity { actor, expires_at }: Identity) -> Self {
        if let (Some(fields), Some(user)) = (parts.extensions.get::<LogFields>(), actor.user_id()) {
            fields.set_user(user);
        }
        let device = Device {
            user_agent: parts
                .headers
                .get(header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok())
                .map(str::to_owned),
            ip: client_address(&parts.extensions, &parts.headers, &state.config().http.trusted_proxies),
        };
        Self {
            actor,
            device,
            expires_at,
        }
    }
}

impl From<&Caller> for Requester {
    fn from(caller: &Caller) -> Self {
        Self {
            user: caller.actor.user_id(),
            address: caller.device.ip,
        }
    }
}

/// Any other scheme is an invalid token.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default().trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    };
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_other_than_bearer_is_no_token() {
        let token = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer_token(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(token("Basic abc").as_deref(), Some(""));
        assert_eq!(token("abc").as_deref(), Some(""));
    }
}
