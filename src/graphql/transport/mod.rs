//! How operations arrive and how their responses leave: HTTP, WebSocket, and streams over HTTP.

pub mod http;
pub(super) mod stream;
pub(super) mod websocket;
