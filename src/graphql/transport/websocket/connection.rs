//! The one task that owns a socket. It reads what the client says, drives the operations of the client itself,
//! and sends their answers: with no task an operation, an idle subscription costs only its own state.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamMap;

use super::close_reason::Farewell;
use super::operation::{Asker, Step, Steps, begin};
use super::subprotocol::{Dialect, Incoming, Outgoing};
use super::token;
use crate::config::WebSocketConfig;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, SignedOut};
use crate::domain::live::{Attendance, Ending};
use crate::graphql::execution::parameters::Parameters;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::connection_slots::{AnonymousSlot, UserSlot};
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::request_id;

/// How long a message may be on its way into the network before the client counts as gone.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// How long the client may take for its part of the closing.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The most time between two signs of life in the older subprotocol.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A connection.
pub(super) struct Connection {
    state: GraphqlState,
    settings: WebSocketConfig,
    socket: WebSocket,
    /// `None` when the client speaks neither.
    dialect: Option<Dialect>,
    asker: Asker,
    slot: Slot,
    is_initialised: bool,
    operations: StreamMap<String, Steps>,
    /// The time between two signs of life.
    beat: Duration,
    since: Instant,
    heard_at: Instant,
    ping_at: Instant,
    /// When the token is to be looked at, for it may have expired.
    expires_at: Option<Instant>,
}

/// The place of the connection among those that there may be.
enum Slot {
    /// It has no user, or has not said so.
    Anonymous(AnonymousSlot),
    /// It has a user. Holds their place until the end.
    User { _slot: UserSlot },
}

/// What happened while nothing else did.
enum Happening {
    Ended(Farewell),
    TimeIsUp,
    Heard(Option<Result<Message, axum::Error>>),
    Answered(String, Step),
}

/// What the work on a connection comes to: on it goes, or it ends.
type Outcome = Result<(), Farewell>;

impl Connection {
    /// A connection of somebody whose token came with the request, or not at all.
    pub(super) fn new(
        state: GraphqlState,
        socket: WebSocket,
        dialect: Option<Dialect>,
        caller: Caller,
        slot: AnonymousSlot,
    ) -> Self {
        let (settings, now) = (state.config().graphql.websocket, Instant::now());
        let beat = beat(dialect, settings.ping_interval);
        Self {
            state,
            settings,
            socket,
            dialect,
            asker: Asker {
                caller,
                attendance: None,
            },
            slot: Slot::Anonymous(slot),
            is_initialised: false,
            operations: StreamMap::new(),
            beat,
            since: now,
            heard_at: now,
            ping_at: now + beat,
            expires_at: None,
        }
    }

    /// Holds the connection open until there is a reason not to.
    pub(super) async fn run(mut self) {
        let dialect = self.dialect.map(Dialect::name);
        tracing::debug!(request_id = request_id::current(), dialect, "websocket opened");
        let farewell = match self.dialect {
            Some(dialect) => self.converse(dialect).await,
            None => Farewell::NotAcceptable,
        };
        // Whoever is still answered does not hear of it any more.
        self.operations.clear();
        tracing::info!(
            request_id = request_id::current(),
            dialect,
            user_id = self.asker.caller.actor.user_id().map(|user| user.0),
            code = farewell.code(),
            duration_s = self.since.elapsed().as_secs(),
            "websocket closed"
        );
        self.close(&farewell).await;
    }

    async fn converse(&mut self, dialect: Dialect) -> Farewell {
        loop {
            let outcome = match self.wait().await {
                Happening::Ended(farewell) => Err(farewell),
                Happening::TimeIsUp => self.keep_time(dialect).await,
                Happening::Heard(message) => self.hear(dialect, message).await,
                Happening::Answered(id, step) => self.answer(dialect, &id, step).await,
            };
            if let Err(farewell) = outcome {
                return farewell;
            }
        }
    }

    /// Waits for whatever happens next. What ends the connection goes before what it would still be told.
    async fn wait(&mut self) -> Happening {
        let time = self.next_time();
        tokio::select! {
            biased;
            farewell = ended(&self.state, self.asker.attendance.as_deref(), &self.slot) => Happening::Ended(farewell),
            () = sleep_until(time) => Happening::TimeIsUp,
            message = self.socket.recv() => Happening::Heard(message),
            Some((id, step)) = self.operations.next() => Happening::Answered(id, step),
        }
    }

    fn next_time(&self) -> Instant {
        let init = (!self.is_initialised).then_some(self.init_by());
        [init, self.expires_at]
            .into_iter()
            .flatten()
            .fold(self.ping_at, Instant::min)
    }

    fn init_by(&self) -> Instant {
        self.since + self.settings.init_timeout
    }

    async fn keep_time(&mut self, dialect: Dialect) -> Outcome {
        let now = Instant::now();
        if !self.is_initialised && now >= self.init_by() {
            return Err(Farewell::InitTimeout);
        }
        self.check_token()?;
        if now < self.ping_at {
            return Ok(());
        }
        if now - self.heard_at >= 2 * self.settings.ping_interval {
            return Err(Farewell::TryAgainLater("Nothing was heard for too long"));
        }
        self.ping_at = now + self.beat;
        self.send(Message::Ping(Bytes::new())).await?;
        if self.is_initialised {
            self.say(dialect, &Outgoing::KeepAlive).await?;
        }
        Ok(())
    }

    /// Refuses a token that has expired, and sees to it that it is looked at again otherwise. The server's clock
    /// decides, which may go differently from that of the timer.
    fn check_token(&mut self) -> Outcome {
        let Some(expires_at) = self.asker.caller.expires_at else {
            return Ok(());
        };
        let left = expires_at - self.state.domain().clock().now();
        match left.to_std() {
            Ok(left) if !left.is_zero() => {
                self.expires_at = Some(Instant::now() + left);
                Ok(())
            }
            _ => Err(Farewell::Forbidden(SignedOut::Expired.reason())),
        }
    }

    async fn hear(&mut self, dialect: Dialect, message: Option<Result<Message, axum::Error>>) -> Outcome {
        self.heard_at = Instant::now();
        let limit = self.settings.message_bytes;
        match message {
            None | Some(Ok(Message::Close(_))) => Err(Farewell::Gone),
            Some(Err(error)) => Err(Farewell::to_error(&error, limit)),
            Some(Ok(Message::Text(text))) if text.len() > limit => Err(Farewell::TooLarge(limit)),
            Some(Ok(Message::Text(text))) => self.heed(dialect, dialect.read(&text)?).await,
            Some(Ok(Message::Binary(_))) => {
                let reason = "Binary messages are not taken; send JSON as text";
                Err(Farewell::BadRequest(reason.to_owned()))
            }
            // The library has answered it.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
        }
    }

    async fn heed(&mut self, dialect: Dialect, message: Incoming) -> Outcome {
        match message {
            Incoming::Init(payload) => self.init(dialect, &payload).await,
            Incoming::Ping(payload) => self.say(dialect, &Outgoing::Pong(payload.as_deref())).await,
            Incoming::Pong => Ok(()),
            Incoming::Start(id, parameters) => self.start(dialect, id, parameters).await,
            Incoming::Stop(id) => {
                self.operations.remove(&id);
                Ok(())
            }
            Incoming::Terminate => Err(Farewell::Terminated),
        }
    }

    async fn init(&mut self, dialect: Dialect, payload: &Map<String, Value>) -> Outcome {
        if self.is_initialised {
            return Err(Farewell::TooManyInits);
        }
        self.is_initialised = true;
        if let Err(farewell) = self.identify(payload).await {
            if let Farewell::Forbidden(reason) | Farewell::TryAgainLater(reason) = farewell {
                self.say(dialect, &Outgoing::Refused(reason)).await?;
            }
            return Err(farewell);
        }
        self.say(dialect, &Outgoing::Ack).await?;
        self.say(dialect, &Outgoing::KeepAlive).await
    }

    /// Finds out whose connection it is.
    async fn identify(&mut self, payload: &Map<String, Value>) -> Outcome {
        if let Some(token) = token::find(payload) {
            let identity = self.state.domain().sessions().authenticate(Some(token)).await;
            let identity = identity.map_err(|error| unavailable(&error))?;
            self.asker.caller.actor = identity.actor;
            self.asker.caller.expires_at = identity.expires_at;
        }
        match self.asker.caller.actor {
            Actor::Anonymous(SignedOut::NoToken) => {
                if let Slot::Anonymous(slot) = &self.slot {
                    slot.has_no_user();
                }
                Ok(())
            }
            Actor::Anonymous(why) => Err(Farewell::Forbidden(why.reason())),
            Actor::System => Err(Farewell::Forbidden(SignedOut::NotAToken.reason())),
            Actor::User(_) => {
                self.check_token()?;
                self.attend().await
            }
        }
    }

    /// From now on the connection is held open for its user, as long as their session lasts.
    async fn attend(&mut self) -> Outcome {
        let slot = self.state.connection_slots().take();
        let slot = slot.map_err(|_| Farewell::TryAgainLater("The server has no connection to spare"))?;
        let live = self.state.domain().live();
        let attendance = live.attend(&self.asker.caller.actor).await;
        let attendance = attendance.map_err(|error| unavailable(&error))?;
        if live.connections_beside(&attendance) > self.settings.connections_per_user {
            return Err(Farewell::TryAgainLater("Too many connections"));
        }
        self.asker.attendance = Some(Arc::new(attendance));
        self.slot = Slot::User { _slot: slot };
        Ok(())
    }

    async fn start(&mut self, dialect: Dialect, id: String, parameters: Box<Parameters>) -> Outcome {
        if !self.is_initialised {
            return Err(Farewell::Unauthorized);
        }
        if dialect == Dialect::Transport && self.operations.contains_key(&id) {
            return Err(Farewell::AlreadyExists(id));
        }
        // In the older subprotocol the new operation takes the place of the one that has its id.
        self.operations.remove(&id);
        let most = self.settings.operations;
        if self.operations.len() >= most {
            let message = format!("The connection has {most} operations, which is the most: complete one first");
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_EXCEEDED", message);
            return self
                .say(dialect, &Outgoing::Error(&id, Body::from(refusal).errors()))
                .await;
        }
        let steps = begin(self.state.clone(), self.asker.clone(), parameters);
        self.operations.insert(id, steps);
        Ok(())
    }

    async fn answer(&mut self, dialect: Dialect, id: &str, step: Step) -> Outcome {
        if !matches!(step, Step::Next(_)) {
            // Whoever reads that it is over may use its id again.
            self.operations.remove(id);
        }
        match &step {
            Step::Next(answer) => self.say(dialect, &Outgoing::Next(id, answer)).await,
            Step::Error(body) => self.say(dialect, &Outgoing::Error(id, body.errors())).await,
            Step::Complete => self.say(dialect, &Outgoing::Complete(id)).await,
        }
    }

    /// Says something, if the subprotocol has words for it.
    async fn say(&mut self, dialect: Dialect, message: &Outgoing<'_>) -> Outcome {
        match dialect.write(message) {
            Some(text) => self.send(Message::Text(text.into())).await,
            None => Ok(()),
        }
    }

    /// Sends a message to a client that may not be reading, while the connection may end.
    async fn send(&mut self, message: Message) -> Outcome {
        tokio::select! {
            biased;
            farewell = ended(&self.state, self.asker.attendance.as_deref(), &self.slot) => Err(farewell),
            sent = timeout(SEND_PATIENCE, self.socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Farewell::Gone),
                Err(_) => Err(Ending::Slow.into()),
            },
        }
    }

    /// Says why, and waits a moment for the client to have read it: what is not read when a socket is dropped
    /// takes what was sent with it.
    async fn close(mut self, farewell: &Farewell) {
        let closing = async {
            if let Some(frame) = farewell.frame() {
                // A client that is gone does not need to know.
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            }
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        // One that takes longer is dropped.
        let _ = timeout(CLOSE_PATIENCE, closing).await;
    }
}

/// The time between two signs of life. The older clients want messages, and some give up after 20 s without one.
fn beat(dialect: Option<Dialect>, ping_interval: Duration) -> Duration {
    match dialect {
        Some(Dialect::Legacy) => ping_interval.min(KEEP_ALIVE),
        Some(Dialect::Transport) | None => ping_interval,
    }
}

/// Waits until the connection is to be closed: one with a user when their session ends, others for a new connection.
async fn ended(state: &GraphqlState, attendance: Option<&Attendance>, slot: &Slot) -> Farewell {
    if let Some(attendance) = attendance {
        return attendance.ended().await.into();
    }
    let displaced = async {
        match slot {
            Slot::Anonymous(slot) => slot.displaced().await,
            Slot::User { .. } => pending().await,
        }
    };
    tokio::select! {
        () = state.domain().live().closing() => Ending::Shutdown.into(),
        () = displaced => Farewell::TryAgainLater("Too many connections without a user"),
    }
}

fn unavailable(error: &Error) -> Farewell {
    let cause = error.cause();
    tracing::warn!(
        request_id = request_id::current(),
        "a websocket could not be opened: {error}: {cause:?}"
    );
    Farewell::TryAgainLater("The server cannot find out who you are: try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_clients_hear_of_the_server_before_they_give_up() {
        let minute = Duration::from_mins(1);
        assert_eq!(beat(Some(Dialect::Legacy), minute), Duration::from_secs(10));
        assert_eq!(beat(Some(Dialect::Transport), minute), minute);
        let second = Duration::from_secs(1);
        assert_eq!(beat(Some(Dialect::Legacy), second), second);
    }
}
