//! Subscriptions over HTTP: responses whose body stays open.
//!
//! | module | responsibility |
//! |---|---|
//! | [`events`] | the format of server-sent events |
//! | [`parts`] | the format of `multipart/mixed` |
//!
//! A stream ends when the client disconnects, the session ends, the access token expires, the client reads too slowly,
//! or the server stops. Its last message contains the reason, so that the client can resume after its last cursor.
//!
//! Unread events stay in the buffer of the subscription, which is limited. A client that reads nothing for two
//! heartbeats is disconnected ([`WriteTimeout`]).

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
use crate::domain::error::{Error, SignedOut};
use crate::domain::live::{Ending, LiveConnection};
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::subscription::delivery::Answers;
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::connection::WriteTimeout;
use crate::http::request_id;

/// Maximum time without data before a heartbeat. Heartbeats keep proxies from closing the stream, and detect lost
/// clients.
const HEARTBEAT: Duration = Duration::from_secs(12);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum StreamType {
    EventStream,
    MultipartMixed,
}

pub(in crate::graphql) async fn open(
    state: &GraphqlState,
    caller: Caller,
    operation: Operation,
    stream_type: StreamType,
) -> Result<Response, Refusal> {
    let now = state.domain().clock().now();
    let left = caller.expires_at.map(|expires_at| expires_at - now);
    // The timer has another clock.
    let ends_at = left.map(|left| Instant::now() + left.to_std().unwrap_or_default());
    let heartbeat = HEARTBEAT.min(state.config().graphql.websocket.ping_interval);
    let (live_connection, slot) = attend(state, &caller).await?.unzip();
    let answers = state
        .executor()
        .subscribe(state.shared(), caller, live_connection.clone(), operation)
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
        heartbeat_at: Instant::now() + heartbeat,
    };
    let frames = feed.frames(request_id::current()).map(Ok::<_, Infallible>);
    let mut response = respond(stream_type, HttpBody::from_stream(frames));
    // Unread data also blocks the heartbeats and the end of the stream.
    let patience = (2 * heartbeat).min(state.config().http.connections.write_timeout);
    response.extensions_mut().insert(WriteTimeout(patience));
    Ok(response)
}

/// Takes a slot and registers the live connection. `None` for anonymous clients, whose subscription is refused.
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
            "You have reached your limit of {} open connections: close one first",
            limits.connections_per_user
        );
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_EXCEEDED", message));
    }
    Ok(Some((Arc::new(live_connection), slot)))
}

/// A stream of one event.
pub(in crate::graphql) fn single(answer: &[u8]) -> Response {
    let body = [events::next(answer), events::COMPLETE].concat();
    respond(StreamType::EventStream, body.into())
}

fn respond(stream_type: StreamType, body: HttpBody) -> Response {
    let headers = [
        (header::CONTENT_TYPE, stream_type.content_type()),
        (header::CACHE_CONTROL, "no-cache"),
        // Disables buffering in nginx and compatible proxies.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::VARY, "Accept"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (StatusCode::OK, headers, body).into_response()
}

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

    /// The end of the stream, after the errors that caused it.
    fn end(self, errors: Option<&Body>) -> Bytes {
        let errors = errors.map(Body::to_json);
        let (errors, end) = match self {
            Self::EventStream => (errors.map(|errors| events::next(&errors)), events::COMPLETE),
            Self::MultipartMixed => (errors.map(|errors| parts::fatal(&errors)), parts::END),
        };
        [errors.unwrap_or_default(), end].concat().into()
    }
}

struct Feed {
    stream_type: StreamType,
    answers: Answers,
    /// Completes when the connection must close. Owns its slot.
    ending: BoxFuture<'static, Ending>,
    /// When the access token expires.
    ends_at: Option<Instant>,
    heartbeat: Duration,
    heartbeat_at: Instant,
}

impl Feed {
    /// The chunks of the body. They are produced with the id of the request in the logs.
    fn frames(self, request_id: String) -> impl Stream<Item = Bytes> {
        let opening = self.stream_type.opening();
        let frames = stream::unfold(Some(self), move |feed| {
            request_id::within(request_id.clone(), async {
                let mut feed = feed?;
                let (frame, is_last) = feed.next().await;
                feed.heartbeat_at = Instant::now() + feed.heartbeat;
                Some((frame, (!is_last).then_some(feed)))
            })
        });
        stream::iter([opening]).chain(frames)
    }

    /// The next chunk, and whether it is the last. `biased`: the end of the session and of the token take precedence
    /// over events that are ready.
    async fn next(&mut self) -> (Bytes, bool) {
        let stream_type = self.stream_type;
        let end = move |errors: Option<Body>| (stream_type.end(errors.as_ref()), true);
        let ends_first = self.ends_at.is_some_and(|ends_at| ends_at <= self.heartbeat_at);
        let wakes_at = self
            .ends_at
            .map_or(self.heartbeat_at, |ends_at| ends_at.min(self.heartbeat_at));
        tokio::select! {
            biased;
            ending = &mut self.ending => end(Some(refusal_of(ending).into())),
            () = sleep_until(wakes_at) => if ends_first {
                end(Some(Refusal::from(Error::Unauthenticated(SignedOut::Expired)).into()))
            } else {
                (stream_type.heartbeat(), false)
            },
            answer = self.answers.next() => match answer {
                Some(Ok(answer)) => (stream_type.answer(&answer), false),
                Some(Err(errors)) => end(Some(errors)),
                None => end(None),
            },
        }
    }
}

fn refusal_of(ending: Ending) -> Refusal {
    let message = match ending {
        Ending::Session => return Error::Unauthenticated(SignedOut::Revoked).into(),
        Ending::Slow => "The client read too slowly: subscribe again after your last cursor",
        Ending::Shutdown => "The server is about to stop: subscribe again after your last cursor",
        Ending::Replaced => "The data was replaced: load it again, and subscribe after its new eventCursor",
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
            heartbeat_at: Instant::now() + HEARTBEAT,
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
