//! Parts of a `multipart/mixed` message that goes on: Apollo's protocol for subscriptions over HTTP, version 1.0,
//! <https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>.
//!
//! A reader knows that a part is over when it sees the delimiter behind it. So the delimiter that the next part
//! begins with is sent along with every part: nobody waits for an event in order to see the one before it.
//!
//! An answer stands in `payload`. Beside it, `errors` tell why the stream is about to end. An empty object is a
//! heartbeat; the first tells that the subscription has begun.

use axum::body::Bytes;

/// The server chooses the boundary; this is the one that the protocol suggests.
pub(super) const CONTENT_TYPE: &str = r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0"#;

pub(super) const OPENING: Bytes =
    Bytes::from_static(b"\r\n--graphql\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql");

pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql");

/// What makes the delimiter behind the last part the final one.
pub(super) const END: Bytes = Bytes::from_static(b"--\r\n");

/// One answer, as JSON.
pub(super) fn payload(answer: &[u8]) -> Bytes {
    part(&[br#"{"payload":"#, answer, b"}"])
}

/// Errors after which nothing comes, as the JSON object that holds them.
pub(super) fn fatal(errors: &[u8]) -> Bytes {
    let members = errors.strip_prefix(b"{").unwrap_or(errors);
    part(&[br#"{"payload":null,"#, members])
}

fn part(json: &[&[u8]]) -> Bytes {
    let json = json.concat();
    [
        b"\r\nContent-Type: application/json\r\n\r\n".as_slice(),
        &json,
        b"\r\n--graphql",
    ]
    .concat()
    .into()
}
