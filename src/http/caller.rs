//! Who sends a request, and from where.

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

/// Who sends a request, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// On whose behalf.
    pub actor: Actor,
    /// From which device.
    pub device: Device,
    /// When the token expires; `None` for nobody.
    pub expires_at: Option<Timestamp>,
}

impl Caller {
    /// Reads the credentials of a request. Bad ones make the caller anonymous; the reason is told
    /// where somebody signed in is needed, so that signing in again always works. A caller whom the middleware
    /// found already is taken from the request.
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

    /// The caller of a request who was identified.
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

/// The token of `Authorization: Bearer <token>`. Any other scheme is a token that is none.
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
