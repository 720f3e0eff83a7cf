//! One request and its response.
//!
//! A handler that refuses a request leaves the body unread. Many clients read the response only after they have sent
//! everything, and see an error if the connection closes before that. So a short rest of a body is read here, and the
//! connection stays open. With a longer rest, the response has `Connection: close`, and
//! [`Socket`](super::socket::Socket) reads on while it closes. HTTP/2 ends only the stream.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout};
use tower::Service as _;

use super::WriteTimeout;
use super::activity::{Activity, RequestGuard};
use super::metrics::Reason;
use super::refusal;

/// Maximum bytes of a body that are read before the response is sent.
const MAX_REST: u64 = 64 * 1024;
const REST_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum bytes of an HTTP/2 response that hyper receives at once. When the client accepts one of them, hyper passes all
/// to its send buffer, which has no deadline.
const PIECE: usize = 16 * 1024;

pub(super) async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<Activity>,
) -> Result<Response<ResponseBody>, Infallible> {
    let is_http2 = request.version() == Version::HTTP_2;
    let guard = Activity::begin(&activity, is_http2);
    let is_invited = !request.headers().contains_key(header::EXPECT);
    let (parts, incoming) = request.into_parts();
    let refused = refusal::of_host(&parts);
    let (body, rest) = if incoming.is_end_stream() {
        (Body::empty(), None)
    } else if is_http2 {
        (Body::new(incoming), None)
    } else {
        let body = RequestBody::new(incoming);
        (Body::new(body.clone()), Some(body))
    };
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = match refused {
        Some(refusal) => refusal,
        None => router.call(request).await?,
    };
    if let Some(rest) = rest
        && !rest.read_rest(is_invited).await
    {
        activity.set_unread_body();
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        activity.upgrade();
    }
    let write_timeout = response.extensions_mut().remove::<WriteTimeout>();
    if is_http2 {
        let limit = write_timeout.map_or(activity.default_write_timeout(), |WriteTimeout(limit)| limit);
        return Ok(response.map(|body| ResponseBody::Streamed(StreamedBody::watched(body, guard, limit, &activity))));
    }
    if let Some(WriteTimeout(limit)) = write_timeout {
        activity.set_write_timeout(limit);
    }
    Ok(response.map(|body| ResponseBody::Plain { body, _guard: guard }))
}

/// An HTTP/1 request body. The handler has one clone; the other one reads what it left.
#[derive(Clone)]
struct RequestBody(Arc<Mutex<Reading>>);

struct Reading {
    incoming: Incoming,
    has_begun: bool,
    is_read: bool,
}

impl RequestBody {
    fn new(incoming: Incoming) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            incoming,
            has_begun: false,
            is_read: false,
        })))
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a short rest; returns whether the body is at its end. A client that waits for `100 Continue` sends no body
    /// unless the handler reads it.
    async fn read_rest(self, is_invited: bool) -> bool {
        let (has_begun, is_read) = {
            let reading = self.reading();
            (reading.has_begun, reading.is_read)
        };
        if is_read || !is_invited && !has_begun {
            return is_read;
        }
        // `None` if a task of the handler still reads it.
        let Some(Ok(Reading { mut incoming, .. })) = Arc::into_inner(self.0).map(Mutex::into_inner) else {
            return false;
        };
        if incoming.size_hint().lower() > MAX_REST {
            return false;
        }
        let reading = async {
            let mut length = 0;
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
                let Ok(frame) = frame else { return false };
                length += frame.data_ref().map_or(0, |data| data.len() as u64);
                if length > MAX_REST {
                    return false;
                }
            }
            true
        };
        timeout(REST_TIMEOUT, reading).await.unwrap_or(false)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut reading = self.reading();
        reading.has_begun = true;
        let frame = ready!(Pin::new(&mut reading.incoming).poll_frame(cx));
        reading.is_read |= frame.is_none() || reading.incoming.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.reading().incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reading().incoming.size_hint()
    }
}

/// The body of a response. The request ends when it is dropped.
pub(super) enum ResponseBody {
    /// HTTP/1: the socket detects a client that does not read.
    Plain { body: Body, _guard: RequestGuard },
    /// HTTP/2.
    Streamed(Arc<StreamedBody>),
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Plain { body, .. } => Pin::new(body).poll_frame(cx),
            Self::Streamed(streamed) => streamed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain { body, .. } => body.is_end_stream(),
            Self::Streamed(streamed) => streamed.state().open.as_ref().is_some_and(Unsent::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain { body, .. } => body.size_hint(),
            Self::Streamed(streamed) => {
                let state = streamed.state();
                state.open.as_ref().map_or_else(SizeHint::default, Unsent::size_hint)
            }
        }
    }
}

/// The body of an HTTP/2 response. Clients can block single streams, and hyper waits for them without a limit. So this
/// records when hyper received a frame, until it polls for the next.
#[derive(Debug)]
pub(super) struct StreamedBody {
    limit: Duration,
    state: Mutex<Streamed>,
}

#[derive(Debug)]
struct Streamed {
    open: Option<Unsent>,
    /// When hyper received a frame; `None` after it polls for the next.
    handed_out_at: Option<Instant>,
}

impl StreamedBody {
    fn watched(body: Body, guard: RequestGuard, limit: Duration, activity: &Activity) -> Arc<Self> {
        let watched = Arc::new(Self {
            limit,
            state: Mutex::new(Streamed {
                open: Some(Unsent {
                    body,
                    rest: Bytes::new(),
                    guard,
                }),
                handed_out_at: None,
            }),
        });
        activity.watch(&watched);
        watched
    }

    fn state(&self) -> MutexGuard<'_, Streamed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.state();
        state.handed_out_at = None;
        let Some(unsent) = &mut state.open else {
            return Poll::Ready(Some(Err(axum::Error::new("the client did not read in time"))));
        };
        let frame = ready!(unsent.poll_frame(cx));
        if frame.is_some() {
            // The connection's task may have checked the deadlines already.
            unsent.guard.set_deadline();
            state.handed_out_at = Some(Instant::now());
        }
        Poll::Ready(frame)
    }

    /// The deadline for the client to read, if there is one. A body that is not read in time is dropped, with its
    /// resources.
    pub(super) fn check(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let deadline = state.handed_out_at? + self.limit;
        if deadline > now {
            return Some(deadline);
        }
        state.handed_out_at = None;
        let open = state.open.take();
        drop(state);
        if open.is_some() {
            Reason::Stalled.count();
        }
        None
    }
}

/// The part of a response that hyper has not received.
#[derive(Debug)]
struct Unsent {
    body: Body,
    /// The rest of a frame of the body, which comes before the body.
    rest: Bytes,
    guard: RequestGuard,
}

impl Unsent {
    /// A frame of at most [`PIECE`] bytes.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) if data.len() > PIECE => self.rest = data,
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        // A copy, because a shared piece would keep the memory of the whole response.
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&piece)))))
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(rest + upper);
        }
        hint.set_lower(rest + body.lower());
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn a_large_frame_is_handed_out_in_pieces() {
        let config = Config::from_vars(&BTreeMap::new()).unwrap();
        let activity = Arc::new(Activity::new(config.http.connections));
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(2 * PIECE + 1).collect();
        let mut unsent = Unsent {
            body: content.clone().into(),
            rest: Bytes::new(),
            guard: Activity::begin(&activity, true),
        };
        let mut received = Vec::new();
        while let Some(frame) = poll_fn(|cx| unsent.poll_frame(cx)).await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            received.extend_from_slice(&piece);
            let left = (content.len() - received.len()) as u64;
            assert_eq!((unsent.size_hint().exact(), unsent.is_empty()), (Some(left), left == 0));
        }
        assert_eq!(received, content);
    }
}
