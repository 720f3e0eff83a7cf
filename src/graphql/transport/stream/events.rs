//! Server-sent events, in the *distinct connections mode* of the `graphql-sse` protocol.
//!
//! The protocol is the page `PROTOCOL.md` of <https://github.com/enisdenjo/graphql-sse>, version 2.6. Where it is
//! ambiguous, this module follows the server of that package:
//!
//! - `complete` has an empty `data:` field, because `EventSource` ignores events without data;
//! - a comment is sent at once, because some browsers wait for the first bytes of a body, and then every 12 seconds;
//! - an invalid document gets a `next` event with status 200; a document that cannot be parsed, a malformed request and
//!   a mutation by GET get an error status and JSON.
//!
//! Queries and mutations get one `next` and one `complete`.

use axum::body::Bytes;

pub(super) const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

pub(super) const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// `answer` is JSON without line breaks.
pub(super) fn next(answer: &[u8]) -> Bytes {
    [b"event: next\ndata: ", answer, b"\n\n"].concat().into()
}
