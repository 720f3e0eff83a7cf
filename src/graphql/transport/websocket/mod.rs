//! GraphQL over WebSocket, at the same URL as GraphQL over HTTP.
//!
//! | module | responsibility |
//! |---|---|
//! | [`origin`] | which browser pages may connect |
//! | [`subprotocol`] | the messages of the two subprotocols |
//! | [`token`] | the access token in the first message |
//! | [`connection`] | the task that owns a socket |
//! | [`operation`] | the operations of a connection, as streams of responses |
//! | [`end`] | when a connection must close |
//! | [`close_reason`] | close codes and reasons |

mod close_reason;
mod connection;
mod end;
mod operation;
mod origin;
mod subprotocol;
mod token;

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

/// Size of the read buffer of each connection, in bytes. Most messages of clients are short.
const READ_BUFFER: usize = 4 * 1024;
/// Bytes beyond the message limit that are still read, so that the client gets a close frame with the reason.
const TOLERANCE: usize = 64 * 1024;

pub(in crate::graphql) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

pub(in crate::graphql) async fn open(state: &GraphqlState, parts: &mut Parts) -> Result<Response, Refusal> {
    let upgrade = match WebSocketUpgrade::from_request_parts(parts, state).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    if !origin::is_allowed(parts, &state.config().http.cors_origins) {
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
        // Each message is sent before the next one is written, so that none accumulate in memory.
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
    // The time after which a silent client is disconnected.
    response
        .extensions_mut()
        .insert(WriteTimeout(2 * settings.ping_interval));
    Ok(response)
}
