//! Server-sent events, in the *distinct connections mode* of the `graphql-sse` protocol.
//!
//! The protocol is the page `PROTOCOL.md` of <https://github.com/enisdenjo/graphql-sse>, version 2.6. Where it leaves
//! something open we do what that package's own server does:
//!
//! - `complete` has an empty `data:` field, without which a browser's `EventSource` does not hear of it;
//! - a comment goes out at once, for some browsers do not take headers alone, and then every 12 seconds;
//! - what is wrong with a document is told in a `next` event, whatever the status would be elsewhere; but a document
//!   that cannot be parsed, a malformed request and a mutation by GET are refused with a status and JSON.
//!
//! A query or mutation is answered too, by one `next` and `complete`.

use axum::body::Bytes;

pub(super) const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

pub(super) const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// One answer, as JSON without line breaks.
pub(super) fn next(answer: &[u8]) -> Bytes {
    [b"event: next\ndata: ", answer, b"\n\n"].concat().into()
}
