//! Who sends a request, and from where.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

use super::access_log::LogFields;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::session::{Device, Identity};

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
    pub async fn of(parts: &Parts, app: &App) -> Result<Self> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let Identity { actor, expires_at } = app
            .domain()
            .sessions()
            .authenticate(bearer_token(&parts.headers))
            .await?;
        if let (Some(fields), Some(user)) = (parts.extensions.get::<LogFields>(), actor.user_id()) {
            fields.set_user(user);
        }
        let device = Device {
            user_agent: parts
                .headers
                .get(header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok())
                .map(str::to_owned),
            ip: client_address(&parts.extensions, &parts.headers, &app.config().http.trusted_proxies)
                .map(|address| address.to_string()),
        };
        Ok(Self {
            actor,
            device,
            expires_at,
        })
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

/// The address of the client: the nearest one that is not a proxy we trust.
pub(crate) fn client_address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.ip().to_canonical();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    // The hop nearest to us is the last; whatever stands before the first that we do not trust may be made up.
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    Some(client)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        client_address(&parts.extensions, &parts.headers, &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        assert_eq!(address("203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
        assert_eq!(address("127.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn what_a_client_writes_before_the_first_untrusted_hop_does_not_count() {
        assert_eq!(address("127.0.0.1", &["9.9.9.9, 1.2.3.4, 10.1.1.1"]), "1.2.3.4");
        assert_eq!(address("127.0.0.1", &["9.9.9.9", "1.2.3.4"]), "1.2.3.4");
        assert_eq!(address("127.0.0.1", &["nonsense"]), "127.0.0.1");
    }

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
