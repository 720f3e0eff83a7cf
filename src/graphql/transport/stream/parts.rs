//! Parts of `multipart/mixed`: Apollo's protocol for subscriptions over HTTP, version 1.0,
//! <https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>.
//!
//! A client recognises the end of a part by the delimiter after it. So each part is sent with the delimiter of the next
//! part; otherwise an event would be delayed until the next one.
//!
//! `payload` contains the response, and `errors` the reason for the end of the stream. An empty object is a heartbeat;
//! the first one confirms the subscription.

use axum::body::Bytes;

/// The server chooses the boundary; this is the one that the protocol suggests.
pub(super) const CONTENT_TYPE: &str = r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0"#;

pub(super) const OPENING: Bytes =
    Bytes::from_static(b"\r\n--graphql\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql");

pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql");

/// Turns the delimiter after the last part into the final one.
pub(super) const END: Bytes = Bytes::from_static(b"--\r\n");

pub(super) fn payload(answer: &[u8]) -> Bytes {
    part(&[br#"{"payload":"#, answer, b"}"])
}

/// The last part. `errors` is a JSON object with the member `errors`.
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
