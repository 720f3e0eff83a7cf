//! `graphql-ws`, by the `PROTOCOL.md` of the npm package `subscriptions-transport-ws`. GraphQL Playground uses it.

use serde_json::json;

use super::subprotocol::{Incoming, Malformed, Message, Outgoing, envelope};

/// Some clients send numbers as ids: the package uses ids as keys of an object, which are text.
pub(super) fn read(message: &Message) -> Result<Incoming, Malformed> {
    match message.kind()? {
        "connection_init" => message.init(),
        "start" => message.start(message.id_or_number()?),
        "stop" => Ok(Incoming::Stop(message.id_or_number()?)),
        "connection_terminate" => Ok(Incoming::Terminate),
        _ => Err(message.unexpected()),
    }
}

pub(super) fn write(message: &Outgoing<'_>) -> Option<String> {
    Some(match message {
        Outgoing::Ack => envelope("connection_ack", None, None),
        Outgoing::Refused(reason) => {
            let payload = json!({ "message": reason }).to_string();
            envelope("connection_error", None, Some(&payload))
        }
        Outgoing::KeepAlive => envelope("ka", None, None),
        Outgoing::Next(id, answer) => envelope("data", Some(id), Some(&String::from_utf8_lossy(answer))),
        Outgoing::Error(id, errors) => {
            // The protocol allows one error. Serialising cannot fail.
            let error = serde_json::to_string(&errors.first()).unwrap_or_default();
            envelope("error", Some(id), Some(&error))
        }
        Outgoing::Complete(id) => envelope("complete", Some(id), None),
        // The protocol has no ping.
        Outgoing::Pong(_) => return None,
    })
}
