//! GraphQL over WebSocket, at the address of GraphQL over HTTP.
//!
//! | module | what lives there |
//! |---|---|
//! | [`origin`] | which pages of a browser may connect |
//! | [`subprotocol`] | the messages of the two subprotocols: [`transport_ws`] and [`legacy`] |
//! | [`token`] | the access token in the first message |
//! | [`connection`] | the one task that owns a socket |
//! | [`operation`] | one operation over it, as a stream of answers |
//! | [`close_reason`] | why a connection ends, as close code and reason |

mod close_reason;
mod connection;
mod legacy;
mod operation;
mod origin;
mod subprotocol;
mod token;
mod transport_ws;

use axum::extract::FromRequestParts as _;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use self::connection::Connection;
use self::subprotocol::Subprotocol;
use crate::domain::network::Network;
use crate::graphql::execution::response::Refusal;
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::client_address::client_address;
use crate::http::connection::WriteTimeout;
use crate::http::request_id;

/// What is read at once, in bytes. It is set aside for every connection, and most of what clients send is short.
const READ_BUFFER: usize = 4 * 1024;
/// So many bytes beyond the limit of a message are still read, so that its sender can be told in good order.
const TOLERANCE: usize = 64 * 1024;

/// Whether a request wants to become a WebSocket.
pub(in crate::graphql) fn is_asked_for(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Turns a request into a WebSocket, or says why not.
pub(in crate::graphql) async fn open(state: &GraphqlState, parts: &mut Parts) -> Result<Response, Refusal> {
    match WebSocketUpgrade::from_request_parts(parts, state).await {
        Ok(upgrade) => admit(state, parts, upgrade).await,
        Err(rejection) => Ok(rejection.into_response()),
    }
}

async fn admit(state: &GraphqlState, parts: &Parts, upgrade: WebSocketUpgrade) -> Result<Response, Refusal> {
    if !origin::is_welcome(parts, &state.config().http.cors_origins) {
        origin::log_refusal(parts);
        let message = "Pages of this origin may not connect; CORS_ORIGINS names those that may";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
    }
    let settings = state.config().graphql.websocket;
    let address = client_address(&parts.extensions, &parts.headers, &state.config().http.trusted_proxies);
    let slot = state.connection_slots().take_anonymous(address.map(Network::from))?;
    let caller = Caller::of(parts, state.app()).await?;
    let upgrade = upgrade
        .protocols(Subprotocol::ALL.map(Subprotocol::name))
        .read_buffer_size(READ_BUFFER)
        // Each message is on its way before the next one is made, so that nothing piles up behind it.
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(settings.message_bytes + TOLERANCE)
        .max_frame_size(settings.message_bytes + TOLERANCE);
    let subprotocol = upgrade.selected_protocol().and_then(Subprotocol::named);
    let (state, id) = (state.clone(), request_id::current());
    let mut response = upgrade.on_upgrade(async move |socket| {
        let connection = Connection::new(state, socket, subprotocol, caller, slot);
        request_id::within(id, connection.run()).await;
    });
    // As long as a client may be silent.
    response
        .extensions_mut()
        .insert(WriteTimeout(2 * settings.ping_interval));
    Ok(response)
}
