//! Subscriptions over HTTP: an answer whose body goes on.
//!
//! | module | what lives there |
//! |---|---|
//! | [`events`] | the bytes of server-sent events |
//! | [`parts`] | the bytes of `multipart/mixed` |
//!
//! A stream ends when the client goes away, with the session, when the access token expires, when the client reads
//! too slowly, and when the server stops. It then says why, so that the client can go on behind its last cursor.
//!
//! Nothing here waits for the client: what it does not read waits in the buffer of its subscription, which is bounded. A
//! client that takes nothing for two heartbeats is disconnected ([`WriteTimeout`]).

mod events;
mod parts;

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use tokio::time::{Instant, sleep_until};

use super::connection_slots::UserSlot;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, SignedOut};
use crate::domain::live::{Ending, LiveConnection};
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::subscription::delivery::{Answers, Unbegun};
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::connection::WriteTimeout;
use crate::http::request_id;

/// The longest that nothing is sent. Then a heartbeat is, so that no proxy takes the stream for dead and a client that is
/// gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(12);

/// In what a subscription is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum StreamType {
    /// Server-sent events.
    EventStream,
    /// Parts of a message that goes on.
    MultipartMixed,
}

/// Begins a subscription, and answers with its stream. Fails when it does not begin.
pub(in crate::graphql) async fn open(
    state: &GraphqlState,
    caller: Caller,
    operation: Operation,
    stream_type: StreamType,
) -> Result<Response, Unbegun> {
    let ends_at = caller
        .expires_at
        .map(|expires_at| moment(expires_at, state.domain().clock().now()));
    let heartbeat = HEARTBEAT.min(state.config().graphql.websocket.ping_interval);
    let (live_connection, slot) = attend(state, &caller).await?.unzip();
    let answers = state
        .executor()
        .subscribe(
            state.shared(),
            state.domain(),
            caller,
            live_connection.clone(),
            operation,
        )
        .await?;
    let feed = Feed {
        stream_type,
        answers,
        ending: Box::pin(async move {
            let _slot = slot;
            match live_connection {
                Some(live_connection) => live_connection.ended().await,
                None => pending().await,
            }
        }),
        ends_at,
        heartbeat,
        beats_at: Instant::now() + heartbeat,
    };
    let frames = feed.frames(request_id::current()).map(Ok::<_, Infallible>);
    let mut response = respond(stream_type, HttpBody::from_stream(frames));
    // What the client does not take holds up the heartbeats as well, and the end of the stream.
    let patience = (2 * heartbeat).min(state.config().http.connections.write_timeout);
    response.extensions_mut().insert(WriteTimeout(patience));
    Ok(response)
}

/// Registers the connection that is about to be held open, which takes a place among all of the server. Nobody holds
/// one: their subscription is refused.
async fn attend(state: &GraphqlState, caller: &Caller) -> Result<Option<(Arc<LiveConnection>, UserSlot)>, Refusal> {
    if caller.actor.user_id().is_none() {
        return Ok(None);
    }
    let limits = state.config().graphql.websocket;
    let slot = state.connection_slots().take()?;
    let live = state.domain().live();
    let live_connection = live.attend(&caller.actor).await?;
    if live.connections_beside(&live_connection) > limits.connections_per_user {
        let message = format!(
            "You hold as many connections open as you may, {}: close one first",
            limits.connections_per_user
        );
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_EXCEEDED", message));
    }
    Ok(Some((Arc::new(live_connection), slot)))
}

/// A moment of the clock as one of the timer.
fn moment(at: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + (at - now).to_std().unwrap_or_default()
}

/// One answer as a stream of events that ends with it.
pub(in crate::graphql) fn single(answer: &[u8]) -> Response {
    let body = [events::next(answer), events::COMPLETE].concat();
    respond(StreamType::EventStream, body.into())
}

fn respond(stream_type: StreamType, body: HttpBody) -> Response {
    let headers = [
        (header::CONTENT_TYPE, stream_type.content_type()),
        (header::CACHE_CONTROL, "no-cache"),
        // Asks proxies, as nginx understands it, to hand on each event at once.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::VARY, "Accept"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (StatusCode::OK, headers, body).into_response()
}

/// What is sent over a stream, in the protocol of its type.
impl StreamType {
    fn content_type(self) -> &'static str {
        match self {
            Self::EventStream => events::CONTENT_TYPE,
            Self::MultipartMixed => parts::CONTENT_TYPE,
        }
    }

    fn opening(self) -> Bytes {
        match self {
            Self::EventStream => events::HEARTBEAT,
            Self::MultipartMixed => parts::OPENING,
        }
    }

    fn heartbeat(self) -> Bytes {
        match self {
            Self::EventStream => events::HEARTBEAT,
            Self::MultipartMixed => parts::HEARTBEAT,
        }
    }

    fn answer(self, answer: &[u8]) -> Bytes {
        match self {
            Self::EventStream => events::next(answer),
            Self::MultipartMixed => parts::payload(answer),
        }
    }

    /// The end, and before it the errors that led to it.
    fn end(self, errors: Option<&Body>) -> Bytes {
        let errors = errors.map(Body::to_json);
        let (errors, end) = match self {
            Self::EventStream => (errors.map(|errors| events::next(&errors)), events::COMPLETE),
            Self::MultipartMixed => (errors.map(|errors| parts::fatal(&errors)), parts::END),
        };
        [errors.unwrap_or_default(), end].concat().into()
    }
}

/// What happens next on a stream.
enum Step {
    Answer(Bytes),
    Heartbeat,
    End(Option<Body>),
}

/// A subscription that is sent to somebody.
struct Feed {
    stream_type: StreamType,
    answers: Answers,
    /// When and why the connection is to be closed. Holds the connection's slot.
    ending: BoxFuture<'static, Ending>,
    /// When the access token expires.
    ends_at: Option<Instant>,
    /// The longest that nothing is sent.
    heartbeat: Duration,
    /// When the next heartbeat is due.
    beats_at: Instant,
}

impl Feed {
    /// What is sent, piece by piece, under the id of the request.
    fn frames(self, request_id: String) -> impl Stream<Item = Bytes> {
        let opening = self.stream_type.opening();
        let frames = stream::unfold(Some(self), move |feed| {
            request_id::within(request_id.clone(), async {
                let mut feed = feed?;
                let step = feed.next().await;
                let frame = feed.frame(&step);
                feed.beats_at = Instant::now() + feed.heartbeat;
                Some((frame, (!matches!(step, Step::End(_))).then_some(feed)))
            })
        });
        stream::iter([opening]).chain(frames)
    }

    /// Whoever may not listen any more gets nothing more, be it on its way already.
    async fn next(&mut self) -> Step {
        let ends_first = self.ends_at.is_some_and(|ends_at| ends_at <= self.beats_at);
        let wakes_at = self.ends_at.map_or(self.beats_at, |ends_at| ends_at.min(self.beats_at));
        tokio::select! {
            biased;
            ending = &mut self.ending => Step::End(Some(told(ending).into())),
            () = sleep_until(wakes_at) => {
                if ends_first {
                    let refusal = Refusal::from(Error::Unauthenticated(SignedOut::Expired));
                    Step::End(Some(refusal.into()))
                } else {
                    Step::Heartbeat
                }
            }
            answer = self.answers.next() => match answer {
                Some(Ok(answer)) => Step::Answer(answer),
                Some(Err(errors)) => Step::End(Some(errors)),
                None => Step::End(None),
            },
        }
    }

    fn frame(&self, step: &Step) -> Bytes {
        match step {
            Step::Answer(answer) => self.stream_type.answer(answer),
            Step::Heartbeat => self.stream_type.heartbeat(),
            Step::End(errors) => self.stream_type.end(errors.as_ref()),
        }
    }
}

/// Why a stream ends, as its client is told.
fn told(ending: Ending) -> Refusal {
    let message = match ending {
        Ending::Session => return Error::Unauthenticated(SignedOut::Revoked).into(),
        Ending::Slow => "What was sent was not read in time: subscribe again, after the last cursor that you have",
        Ending::Shutdown => "The server is about to stop: subscribe again, after the last cursor that you have",
        Ending::Replaced => "The data of the server were replaced: read what you show again, and go on from there",
    };
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Bytes = events::HEARTBEAT;

    fn feed(stream_type: StreamType, answers: Answers, ends_at: Option<Instant>) -> impl Stream<Item = Bytes> {
        let feed = Feed {
            stream_type,
            answers,
            ending: Box::pin(pending()),
            ends_at,
            heartbeat: HEARTBEAT,
            beats_at: Instant::now() + HEARTBEAT,
        };
        feed.frames("id".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_is_sent_whenever_nothing_else_was_for_12_seconds() {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let answers = stream::unfold(receiver, async |mut receiver| {
            let answer: Bytes = receiver.recv().await?;
            Some((Ok(answer), receiver))
        });
        let mut frames = Box::pin(feed(StreamType::EventStream, answers.boxed(), None));
        let began_at = Instant::now();
        assert_eq!(frames.next().await.unwrap(), BEGIN);
        assert_eq!(frames.next().await.unwrap(), BEGIN);
        assert_eq!(began_at.elapsed().as_secs(), 12);
        tokio::time::advance(Duration::from_secs(8)).await;
        sender.send(Bytes::from_static(b"{}")).await.unwrap();
        assert_eq!(frames.next().await.unwrap(), b"event: next\ndata: {}\n\n".as_slice());
        assert_eq!(frames.next().await.unwrap(), BEGIN);
        assert_eq!(began_at.elapsed().as_secs(), 32);
        drop(sender);
        assert_eq!(frames.next().await.unwrap(), events::COMPLETE);
        assert_eq!(frames.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_token_comes_between_heartbeats() {
        let ends_at = Instant::now() + Duration::from_secs(20);
        let mut frames = Box::pin(feed(
            StreamType::MultipartMixed,
            stream::pending().boxed(),
            Some(ends_at),
        ));
        assert_eq!(frames.next().await.unwrap(), parts::OPENING);
        assert_eq!(frames.next().await.unwrap(), parts::HEARTBEAT);
        let end = frames.next().await.unwrap();
        assert_eq!(Instant::now(), ends_at);
        let end = String::from_utf8_lossy(&end);
        assert!(end.contains(r#"{"payload":null,"errors":["#), "{end}");
        assert!(end.ends_with("\r\n--graphql--\r\n"), "{end}");
        assert_eq!(frames.next().await, None);
    }
}
