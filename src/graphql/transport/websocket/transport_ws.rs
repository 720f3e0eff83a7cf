//! `graphql-transport-ws`, by the `PROTOCOL.md` of the npm package `graphql-ws`.

use serde_json::value::RawValue;

use super::subprotocol::{Incoming, Malformed, Message, Outgoing, envelope};

pub(super) fn read(message: &Message) -> Result<Incoming, Malformed> {
    match message.kind()? {
        "connection_init" => message.init(),
        "ping" => Ok(Incoming::Ping(message.object()?)),
        "pong" => message.object().map(|_| Incoming::Pong),
        "subscribe" => message.start(message.id()?),
        "complete" => Ok(Incoming::Stop(message.id()?)),
        _ => Err(message.unexpected()),
    }
}

pub(super) fn write(message: &Outgoing<'_>) -> Option<String> {
    Some(match message {
        Outgoing::Ack => envelope("connection_ack", None, None),
        Outgoing::Pong(payload) => envelope("pong", None, payload.map(RawValue::get)),
        Outgoing::Next(id, answer) => envelope("next", Some(id), Some(&String::from_utf8_lossy(answer))),
        Outgoing::Error(id, errors) => {
            // Serialising cannot fail.
            let errors = serde_json::to_string(errors).unwrap_or_default();
            envelope("error", Some(id), Some(&errors))
        }
        Outgoing::Complete(id) => envelope("complete", Some(id), None),
        // Close codes report refusals, and WebSocket pings keep the connection alive.
        Outgoing::Refused(_) | Outgoing::KeepAlive => return None,
    })
}
