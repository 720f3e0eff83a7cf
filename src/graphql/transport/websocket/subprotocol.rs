//! Messages of the two WebSocket subprotocols, by the `PROTOCOL.md` of the npm packages `graphql-ws` and
//! `subscriptions-transport-ws`. GraphQL Playground uses the second one.

use async_graphql::ServerError;
use axum::http::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::graphql::execution::parameters::Parameters;
use crate::http::json::check_bounds;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subprotocol {
    /// `graphql-transport-ws`, of the npm package `graphql-ws`.
    Transport,
    /// `graphql-ws`, of the older npm package `subscriptions-transport-ws`.
    Legacy,
}

/// A message of the client.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Connection parameters, which can contain the access token.
    Init(Map<String, Value>),
    Ping(Option<Box<RawValue>>),
    Pong,
    /// Id and parameters of an operation.
    Start(String, Box<Parameters>),
    /// Id of the operation to stop.
    Stop(String),
    Terminate,
}

/// A message of the server. A subprotocol may have no equivalent.
#[derive(Debug)]
pub(super) enum Outgoing<'a> {
    Ack,
    /// The connection is refused, for this reason.
    Refused(&'a str),
    Pong(Option<&'a RawValue>),
    KeepAlive,
    /// Id and response, as JSON.
    Next(&'a str, &'a [u8]),
    /// Id and errors of an operation that failed and is over.
    Error(&'a str, &'a [ServerError]),
    /// Id of the operation that is over.
    Complete(&'a str),
}

impl Subprotocol {
    /// In order of preference.
    pub(super) const ALL: [Self; 2] = [Self::Transport, Self::Legacy];

    /// The name in `Sec-WebSocket-Protocol`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Transport => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }

    pub(super) fn named(name: &HeaderValue) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name() == name)
    }

    /// Fails with the reason why the message is invalid.
    pub(super) fn read(self, text: &str) -> Result<Incoming, String> {
        let message = Message::read(text)?;
        match (self, message.kind()?) {
            (_, "connection_init") => Ok(Incoming::Init(message.parsed()?.unwrap_or_default())),
            (Self::Transport, "ping") => Ok(Incoming::Ping(message.object()?)),
            (Self::Transport, "pong") => message.object().map(|_| Incoming::Pong),
            (Self::Transport, "subscribe") | (Self::Legacy, "start") => message.start(message.id(self)?),
            (Self::Transport, "complete") | (Self::Legacy, "stop") => Ok(Incoming::Stop(message.id(self)?)),
            (Self::Legacy, "connection_terminate") => Ok(Incoming::Terminate),
            _ => Err(message.unexpected()),
        }
    }

    /// `None` if the subprotocol has no such message.
    pub(super) fn write(self, message: &Outgoing<'_>) -> Option<String> {
        // Serialising errors cannot fail.
        Some(match (message, self) {
            (Outgoing::Ack, _) => envelope("connection_ack", None, None),
            (Outgoing::Refused(reason), Self::Legacy) => {
                let payload = json!({ "message": reason }).to_string();
                envelope("connection_error", None, Some(&payload))
            }
            (Outgoing::Pong(payload), Self::Transport) => envelope("pong", None, payload.map(RawValue::get)),
            (Outgoing::KeepAlive, Self::Legacy) => envelope("ka", None, None),
            (Outgoing::Next(id, answer), _) => {
                let kind = match self {
                    Self::Transport => "next",
                    Self::Legacy => "data",
                };
                envelope(kind, Some(id), Some(&String::from_utf8_lossy(answer)))
            }
            (Outgoing::Error(id, errors), _) => {
                let errors = match self {
                    Self::Transport => serde_json::to_string(errors),
                    // The protocol allows one error.
                    Self::Legacy => serde_json::to_string(&errors.first()),
                };
                envelope("error", Some(id), Some(&errors.unwrap_or_default()))
            }
            (Outgoing::Complete(id), _) => envelope("complete", Some(id), None),
            // Close codes report refusals, and WebSocket pings keep the connection alive. The older protocol has no
            // ping.
            (Outgoing::Refused(_) | Outgoing::KeepAlive, Self::Transport) | (Outgoing::Pong(_), Self::Legacy) => {
                return None;
            }
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    #[serde(rename = "type")]
    kind: Value,
    id: Value,
    payload: Option<Box<RawValue>>,
}

impl Message {
    fn read(text: &str) -> Result<Self, String> {
        check_bounds(text.as_bytes()).map_err(|excess| format!("The message is {excess}"))?;
        // A derived type would also accept a list.
        if !text.trim_start().starts_with('{') {
            return Err("A message is a JSON object".to_owned());
        }
        serde_json::from_str(text).map_err(|error| format!("The message is not JSON: {error}"))
    }

    fn kind(&self) -> Result<&str, String> {
        match &self.kind {
            Value::String(kind) => Ok(kind),
            Value::Null => Err("The message has no type".to_owned()),
            _ => Err("type must be a string".to_owned()),
        }
    }

    /// Some clients of the older subprotocol send numbers, because its package uses ids as keys of an object, which are
    /// text.
    fn id(&self, subprotocol: Subprotocol) -> Result<String, String> {
        match (&self.id, subprotocol) {
            (Value::String(id), _) if !id.is_empty() => Ok(id.clone()),
            (Value::Number(number), Subprotocol::Legacy) => Ok(number.to_string()),
            (_, Subprotocol::Transport) => Err(self.malformed("id must be a string that is not empty")),
            (_, Subprotocol::Legacy) => Err(self.malformed("id must be a string that is not empty, or a number")),
        }
    }

    /// The payload, which is an object or absent.
    fn object(&self) -> Result<Option<Box<RawValue>>, String> {
        match &self.payload {
            Some(payload) if !payload.get().starts_with('{') => Err(self.malformed("payload must be an object")),
            payload => Ok(payload.clone()),
        }
    }

    fn parsed<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let payload = self.object()?;
        let payload = payload.map(|payload| serde_json::from_str(payload.get())).transpose();
        payload.map_err(|error| self.malformed(&format!("payload: {error}")))
    }

    fn start(&self, id: String) -> Result<Incoming, String> {
        let parameters: Option<Box<Parameters>> = self.parsed()?;
        let parameters = parameters.ok_or_else(|| self.malformed("payload must be an object"))?;
        if parameters.query.is_none() && parameters.extensions.persisted_query.is_none() {
            return Err(self.malformed("payload.query must be a string"));
        }
        Ok(Incoming::Start(id, parameters))
    }

    /// The error for an unknown type, or for one that only servers send.
    fn unexpected(&self) -> String {
        format!(
            "Unexpected message of type {} received",
            self.kind().unwrap_or_default()
        )
    }

    fn malformed(&self, what: &str) -> String {
        format!("{}: {what}", self.kind().unwrap_or_default())
    }
}

/// Writes a message of the server. `payload` is JSON.
fn envelope(kind: &str, id: Option<&str>, payload: Option<&str>) -> String {
    let mut text = String::with_capacity(64 + id.map_or(0, str::len) + payload.map_or(0, str::len));
    text.push_str("{\"type\":\"");
    text.push_str(kind);
    text.push('"');
    if let Some(id) = id {
        text.push_str(",\"id\":");
        // Serialising a string cannot fail.
        text.push_str(&serde_json::to_string(id).unwrap_or_default());
    }
    if let Some(payload) = payload {
        text.push_str(",\"payload\":");
        text.push_str(payload);
    }
    text.push('}');
    text
}
