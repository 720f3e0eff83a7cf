//! Transports of the GraphQL API.
//!
//! | module | responsibility |
//! |---|---|
//! | [`http`] | GraphQL over HTTP |
//! | [`stream`] | subscriptions over HTTP: server-sent events and `multipart/mixed` |
//! | [`websocket`] | GraphQL over WebSocket |
//! | [`connection_slots`] | limits on open connections |
//! | [`state`] | state of the handlers |

mod connection_slots;
pub(super) mod http;
pub(super) mod state;
mod stream;
mod websocket;
