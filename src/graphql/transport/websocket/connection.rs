//! The task that owns a socket. It reads the messages of the client, polls its operations and sends their responses.
//! Operations have no task, so an idle subscription costs only its state.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use futures_util::future::Either;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::close_reason::CloseReason;
use super::end::{Slot, ended, ended_for};
use super::operation::{OperationLimits, Operations, Step, begin};
use super::subprotocol::{Incoming, Outgoing, Subprotocol};
use super::token;
use crate::config::WebSocketConfig;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, SignedOut};
use crate::domain::live::Ending;
use crate::graphql::execution::parameters::Parameters;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::connection_slots::AnonymousSlot;
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::request_id;

/// Timeout for sending a message. The client is then too slow.
const SEND_PATIENCE: Duration = Duration::from_secs(30);
/// Timeout for the closing handshake.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a mutation may run, and its response be sent, after the server has ended the connection.
const FINISH_PATIENCE: Duration = Duration::from_secs(5);

/// Maximum interval of keep-alive messages in the older subprotocol.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    state: GraphqlState,
    settings: WebSocketConfig,
    socket: WebSocket,
    /// `None` if the client supports neither.
    subprotocol: Option<Subprotocol>,
    caller: Caller,
    slot: Slot,
    is_initialised: bool,
    operations: Operations,
    limits: OperationLimits,
    /// Interval of pings and keep-alive messages.
    beat: Duration,
    since: Instant,
    received_at: Instant,
    ping_at: Instant,
    /// When to check whether the token has expired.
    expires_at: Option<Instant>,
}

/// An error closes the connection.
type Outcome = Result<(), CloseReason>;

impl Connection {
    /// `caller` is authenticated if the request had a token.
    pub(super) fn new(
        state: GraphqlState,
        socket: WebSocket,
        subprotocol: Option<Subprotocol>,
        caller: Caller,
        slot: AnonymousSlot,
    ) -> Self {
        let (settings, now) = (state.config().graphql.websocket, Instant::now());
        let beat = beat(subprotocol, settings.ping_interval);
        Self {
            state,
            settings,
            socket,
            subprotocol,
            caller,
            slot: Slot::Anonymous(slot),
            is_initialised: false,
            operations: Operations::default(),
            limits: OperationLimits::new(&settings),
            beat,
            since: now,
            received_at: now,
            ping_at: now + beat,
            expires_at: None,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self) {
        let subprotocol = self.subprotocol.map(Subprotocol::name);
        tracing::debug!(request_id = request_id::current(), subprotocol, "websocket opened");
        let close_reason = match self.subprotocol {
            Some(subprotocol) => self.serve(subprotocol).await,
            None => CloseReason::NotAcceptable,
        };
        if let Some(subprotocol) = self.subprotocol
            && close_reason.spares_mutations()
        {
            self.finish(subprotocol).await;
        }
        // The close frame is the last message.
        self.operations = Operations::default();
        tracing::info!(
            request_id = request_id::current(),
            subprotocol,
            user_id = self.caller.actor.user_id().map(|user| user.0),
            code = close_reason.code(),
            duration_s = self.since.elapsed().as_secs(),
            "websocket closed"
        );
        self.close(&close_reason).await;
    }

    /// `biased`: the end of the connection takes precedence over responses that are ready. [`Self::finish`] sends those
    /// of mutations.
    async fn serve(&mut self, subprotocol: Subprotocol) -> CloseReason {
        // Most messages do not change the time, and registering a timer is expensive.
        let mut timer = pin!(sleep_until(self.next_time()));
        loop {
            let time = self.next_time();
            if timer.deadline() != time || timer.is_elapsed() {
                timer.as_mut().reset(time);
            }
            let outcome = tokio::select! {
                biased;
                close_reason = ended(&self.state, &self.slot) => Err(close_reason),
                () = &mut timer => self.on_timer(subprotocol).await,
                event = self.operations.next_or(self.socket.recv()) => match event {
                    Either::Left(message) => self.receive(subprotocol, message).await,
                    Either::Right((id, step)) => self.answer(subprotocol, &id, step).await,
                },
            };
            if let Err(close_reason) = outcome {
                return close_reason;
            }
        }
    }

    /// Sends the responses of running mutations after the server has ended the connection: a client that connects again
    /// may repeat what was not answered. A new password ends the session, and the response has the new tokens.
    async fn finish(&mut self, subprotocol: Subprotocol) {
        self.operations.keep_mutations();
        let finishing = async {
            while let Some((id, step)) = self.operations.next().await {
                if self.answer(subprotocol, &id, step).await.is_err() {
                    return;
                }
            }
        };
        // Mutations that take longer are cancelled.
        let _ = timeout(FINISH_PATIENCE, finishing).await;
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

    async fn on_timer(&mut self, subprotocol: Subprotocol) -> Outcome {
        let now = Instant::now();
        if !self.is_initialised && now >= self.init_by() {
            return Err(CloseReason::InitTimeout);
        }
        self.check_token()?;
        if now < self.ping_at {
            return Ok(());
        }
        if now - self.received_at >= 2 * self.settings.ping_interval {
            return Err(CloseReason::TryAgainLater("Nothing was heard for too long"));
        }
        self.ping_at = now + self.beat;
        self.send_within(None, Message::Ping(Bytes::new())).await?;
        if self.is_initialised {
            self.send(subprotocol, &Outgoing::KeepAlive).await?;
        }
        Ok(())
    }

    /// Refuses an expired token, and otherwise sets the time of the next check. The server's clock decides, which can
    /// differ from the clock of the timer.
    fn check_token(&mut self) -> Outcome {
        let Some(expires_at) = self.caller.expires_at else {
            return Ok(());
        };
        let left = expires_at - self.state.domain().clock().now();
        match left.to_std() {
            Ok(left) if !left.is_zero() => {
                self.expires_at = Some(Instant::now() + left);
                Ok(())
            }
            _ => Err(CloseReason::Forbidden(SignedOut::Expired.reason())),
        }
    }

    async fn receive(&mut self, subprotocol: Subprotocol, message: Option<Result<Message, axum::Error>>) -> Outcome {
        self.received_at = Instant::now();
        let limit = self.settings.message_bytes;
        match message {
            None | Some(Ok(Message::Close(_))) => Err(CloseReason::Gone),
            Some(Err(error)) => Err(CloseReason::from_socket_error(&error, limit)),
            Some(Ok(Message::Text(text))) if text.len() > limit => Err(CloseReason::TooLarge(limit)),
            Some(Ok(Message::Text(text))) => {
                let message = subprotocol.read(&text).map_err(CloseReason::BadRequest)?;
                self.handle(subprotocol, message).await
            }
            Some(Ok(Message::Binary(_))) => {
                let reason = "Binary messages are not supported; send JSON as text";
                Err(CloseReason::BadRequest(reason.to_owned()))
            }
            // Answered before the next message is read: the library would keep the answers in memory while the client
            // does not read.
            Some(Ok(Message::Ping(payload))) => self.send_within(None, Message::Pong(payload)).await,
            Some(Ok(Message::Pong(_))) => Ok(()),
        }
    }

    async fn handle(&mut self, subprotocol: Subprotocol, message: Incoming) -> Outcome {
        match message {
            Incoming::Init(payload) => self.init(subprotocol, &payload).await,
            Incoming::Ping(payload) => self.send(subprotocol, &Outgoing::Pong(payload.as_deref())).await,
            Incoming::Pong => Ok(()),
            Incoming::Start(id, parameters) => self.start(subprotocol, id, parameters).await,
            Incoming::Stop(id) => {
                self.operations.remove(&id);
                Ok(())
            }
            Incoming::Terminate => Err(CloseReason::Terminated),
        }
    }

    async fn init(&mut self, subprotocol: Subprotocol, payload: &Map<String, Value>) -> Outcome {
        if self.is_initialised {
            return Err(CloseReason::TooManyInits);
        }
        self.is_initialised = true;
        if let Err(close_reason) = self.identify(payload).await {
            if let CloseReason::Forbidden(reason) | CloseReason::TryAgainLater(reason) = close_reason {
                self.send(subprotocol, &Outgoing::Refused(reason)).await?;
            }
            return Err(close_reason);
        }
        self.send(subprotocol, &Outgoing::Ack).await?;
        self.send(subprotocol, &Outgoing::KeepAlive).await
    }

    async fn identify(&mut self, payload: &Map<String, Value>) -> Outcome {
        if let Some(token) = token::find(payload) {
            let identity = self.state.domain().sessions().authenticate(Some(token)).await;
            let identity = identity.map_err(|error| unavailable(&error))?;
            self.caller.actor = identity.actor;
            self.caller.expires_at = identity.expires_at;
        }
        match self.caller.actor {
            Actor::Anonymous(SignedOut::NoToken) => {
                if let Slot::Anonymous(slot) = &self.slot {
                    slot.set_has_no_user();
                }
                Ok(())
            }
            Actor::Anonymous(why) => Err(CloseReason::Forbidden(why.reason())),
            Actor::System => Err(CloseReason::Forbidden(SignedOut::NotAToken.reason())),
            Actor::User(_) => {
                self.check_token()?;
                self.attend().await
            }
        }
    }

    /// Takes a slot for the user and registers the live connection.
    async fn attend(&mut self) -> Outcome {
        let slot = self.state.connection_slots().take();
        let slot = slot.map_err(|_| CloseReason::TryAgainLater("The server has reached its limit of connections"))?;
        let live = self.state.domain().live();
        let live_connection = live.attend(&self.caller.actor).await;
        let live_connection = live_connection.map_err(|error| unavailable(&error))?;
        if live.connections_beside(&live_connection) > self.settings.connections_per_user {
            return Err(CloseReason::TryAgainLater("Too many connections"));
        }
        self.slot = Slot::User {
            live_connection: Arc::new(live_connection),
            _slot: slot,
        };
        Ok(())
    }

    async fn start(&mut self, subprotocol: Subprotocol, id: String, parameters: Box<Parameters>) -> Outcome {
        if !self.is_initialised {
            return Err(CloseReason::Unauthorized);
        }
        if subprotocol == Subprotocol::Transport && self.operations.contains(&id) {
            return Err(CloseReason::AlreadyExists(id));
        }
        // In the older subprotocol a new operation replaces the one with the same id.
        self.operations.remove(&id);
        let most = self.settings.operations;
        if self.operations.len() >= most {
            let message = format!("The connection has reached its limit of {most} operations: complete one first");
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_EXCEEDED", message);
            return self
                .send(subprotocol, &Outgoing::Error(&id, Body::from(refusal).errors()))
                .await;
        }
        let (caller, live_connection) = (self.caller.clone(), self.slot.live_connection());
        let steps = begin(self.state.clone(), caller, live_connection, &self.limits, parameters);
        self.operations.insert(id, steps);
        Ok(())
    }

    async fn answer(&mut self, subprotocol: Subprotocol, id: &str, step: Step) -> Outcome {
        let grace = self.operations.is_mutation(id).then_some(FINISH_PATIENCE);
        if !matches!(step, Step::Next { .. }) {
            // After this message the client may reuse the id.
            self.operations.remove(id);
        }
        let message = match &step {
            Step::Next { response, .. } => Outgoing::Next(id, response),
            Step::Error(body) => Outgoing::Error(id, body.errors()),
            Step::Complete => Outgoing::Complete(id),
        };
        match subprotocol.write(&message) {
            Some(text) => self.send_within(grace, Message::Text(text.into())).await,
            None => Ok(()),
        }
    }

    /// Sends a message, if the subprotocol has it.
    async fn send(&mut self, subprotocol: Subprotocol, message: &Outgoing<'_>) -> Outcome {
        match subprotocol.write(message) {
            Some(text) => self.send_within(None, Message::Text(text.into())).await,
            None => Ok(()),
        }
    }

    /// The client may not be reading, and the connection may end during the write. A write with `grace` goes on for
    /// this time after the end.
    async fn send_within(&mut self, grace: Option<Duration>, message: Message) -> Outcome {
        let ending = ended(&self.state, &self.slot);
        tokio::select! {
            biased;
            close_reason = ended_for(grace, ending) => Err(close_reason),
            sent = self.operations.run_during(timeout(SEND_PATIENCE, self.socket.send(message))) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(CloseReason::Gone),
                Err(_) => Err(Ending::Slow.into()),
            },
        }
    }

    /// Sends the close frame, and waits until the client has read it: dropping a socket with unread input can discard
    /// sent data.
    async fn close(mut self, close_reason: &CloseReason) {
        let closing = async {
            if let Some(frame) = close_reason.frame() {
                // Fails if the client is gone.
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            }
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        // After the timeout the socket is dropped.
        let _ = timeout(CLOSE_PATIENCE, closing).await;
    }
}

/// Interval of pings and keep-alive messages. Some older clients disconnect after 20 s without a message.
fn beat(subprotocol: Option<Subprotocol>, ping_interval: Duration) -> Duration {
    match subprotocol {
        Some(Subprotocol::Legacy) => ping_interval.min(KEEP_ALIVE),
        Some(Subprotocol::Transport) | None => ping_interval,
    }
}

fn unavailable(error: &Error) -> CloseReason {
    let cause = error.cause();
    tracing::warn!(
        request_id = request_id::current(),
        "a WebSocket could not be opened: {error}: {cause:?}"
    );
    CloseReason::TryAgainLater("The server cannot check your token: try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_clients_get_a_message_before_they_disconnect() {
        let minute = Duration::from_mins(1);
        assert_eq!(beat(Some(Subprotocol::Legacy), minute), Duration::from_secs(10));
        assert_eq!(beat(Some(Subprotocol::Transport), minute), minute);
        let second = Duration::from_secs(1);
        assert_eq!(beat(Some(Subprotocol::Legacy), second), second);
    }
}
