//! The messages of the two subprotocols, and what they have in common.

use async_graphql::ServerError;
use axum::http::HeaderValue;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{legacy, transport_ws};
use crate::graphql::execution::parameters::Parameters;
use crate::http::json::check_bounds;

/// A subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subprotocol {
    /// `graphql-transport-ws`, that of the npm package `graphql-ws`.
    Transport,
    /// `graphql-ws`, that of the older npm package `subscriptions-transport-ws`.
    Legacy,
}

/// What a client says.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Who it is.
    Init(Map<String, Value>),
    /// Whether anybody is there.
    Ping(Option<Box<RawValue>>),
    /// Yes, somebody is.
    Pong,
    /// Run this, and answer under this id.
    Start(String, Box<Parameters>),
    /// No more answers under this id.
    Stop(String),
    /// Close the connection.
    Terminate,
}

/// What the server says. A subprotocol may have no words for some of it.
#[derive(Debug)]
pub(super) enum Outgoing<'a> {
    /// Welcome.
    Ack,
    /// Not welcome, for this reason.
    Refused(&'a str),
    /// Yes, somebody is there.
    Pong(Option<&'a RawValue>),
    /// The connection still stands.
    KeepAlive,
    /// An answer, as JSON.
    Next(&'a str, &'a [u8]),
    /// Nothing ran, or nothing more will.
    Error(&'a str, &'a [ServerError]),
    /// That was the last answer.
    Complete(&'a str),
}

/// What is wrong with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) String);

impl Subprotocol {
    /// Both, the one that is preferred first.
    pub(super) const ALL: [Self; 2] = [Self::Transport, Self::Legacy];

    /// What `Sec-WebSocket-Protocol` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Transport => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &HeaderValue) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name() == name)
    }

    /// Understands a message.
    pub(super) fn read(self, text: &str) -> Result<Incoming, Malformed> {
        let message = Message::read(text)?;
        match self {
            Self::Transport => transport_ws::read(&message),
            Self::Legacy => legacy::read(&message),
        }
    }

    /// Puts it into words, if there are any.
    pub(super) fn write(self, message: &Outgoing<'_>) -> Option<String> {
        match self {
            Self::Transport => transport_ws::write(message),
            Self::Legacy => legacy::write(message),
        }
    }
}

/// The shape of every message of a client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    kind: Value,
    id: Value,
    payload: Option<Box<RawValue>>,
}

impl Message {
    fn read(text: &str) -> Result<Self, Malformed> {
        check_bounds(text.as_bytes()).map_err(|excess| Malformed(format!("The message is {excess}")))?;
        // A derived type would read a list as well.
        if !text.trim_start().starts_with('{') {
            return Err(Malformed("A message is a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| Malformed(format!("The message is not JSON: {error}")))
    }

    /// Its type.
    pub(super) fn kind(&self) -> Result<&str, Malformed> {
        match &self.kind {
            Value::String(kind) => Ok(kind),
            Value::Null => Err(Malformed("The message has no type".to_owned())),
            _ => Err(Malformed("type must be a string".to_owned())),
        }
    }

    /// The id that it is about.
    pub(super) fn id(&self) -> Result<String, Malformed> {
        match &self.id {
            Value::String(id) if !id.is_empty() => Ok(id.clone()),
            _ => Err(self.malformed("id must be a string that is not empty")),
        }
    }

    /// The same, where a number counts as its text.
    pub(super) fn id_or_number(&self) -> Result<String, Malformed> {
        match &self.id {
            Value::Number(number) => Ok(number.to_string()),
            Value::String(id) if !id.is_empty() => Ok(id.clone()),
            _ => Err(self.malformed("id must be a string that is not empty, or a number")),
        }
    }

    /// A payload that may be left out, but is an object otherwise.
    pub(super) fn object(&self) -> Result<Option<Box<RawValue>>, Malformed> {
        match &self.payload {
            Some(payload) if !payload.get().starts_with('{') => Err(self.malformed("payload must be an object")),
            payload => Ok(payload.clone()),
        }
    }

    /// What the client says of itself.
    pub(super) fn init(&self) -> Result<Incoming, Malformed> {
        let payload = self.object()?;
        let payload = payload.map(|payload| serde_json::from_str(payload.get())).transpose();
        let payload = payload.map_err(|error| self.malformed(&format!("payload: {error}")))?;
        Ok(Incoming::Init(payload.unwrap_or_default()))
    }

    /// The operation that it starts under this id.
    pub(super) fn start(&self, id: String) -> Result<Incoming, Malformed> {
        let payload = self.object()?;
        let payload = payload.ok_or_else(|| self.malformed("payload must be an object"))?;
        let parameters: Box<Parameters> =
            serde_json::from_str(payload.get()).map_err(|error| self.malformed(&format!("payload: {error}")))?;
        if parameters.query.is_none() && parameters.extensions.persisted_query.is_none() {
            return Err(self.malformed("payload.query must be a string"));
        }
        Ok(Incoming::Start(id, parameters))
    }

    /// The refusal of a type that there is not, or that only a server sends.
    pub(super) fn unexpected(&self) -> Malformed {
        Malformed(format!(
            "Unexpected message of type {} received",
            self.kind().unwrap_or_default()
        ))
    }

    fn malformed(&self, what: &str) -> Malformed {
        Malformed(format!("{}: {what}", self.kind().unwrap_or_default()))
    }
}

/// A message of the server. The payload is JSON already.
pub(super) fn envelope(kind: &str, id: Option<&str>, payload: Option<&str>) -> String {
    let mut text = String::with_capacity(64 + id.map_or(0, str::len) + payload.map_or(0, str::len));
    text.push_str("{\"type\":\"");
    text.push_str(kind);
    text.push('"');
    if let Some(id) = id {
        text.push_str(",\"id\":");
        text.push_str(&Value::from(id).to_string());
    }
    if let Some(payload) = payload {
        text.push_str(",\"payload\":");
        text.push_str(payload);
    }
    text.push('}');
    text
}
