//! How operations arrive and how their responses leave.
//!
//! | module | what lives there |
//! |---|---|
//! | [`http`] | GraphQL over HTTP |
//! | [`stream`] | subscriptions over HTTP: server-sent events, and parts of a message that goes on |
//! | [`websocket`] | GraphQL over WebSocket |
//! | [`connection_slots`] | how many connections may stay open |
//! | [`state`] | what the transports need |

mod connection_slots;
pub(super) mod http;
pub(super) mod state;
mod stream;
mod websocket;
