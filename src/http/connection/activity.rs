//! What happens on a connection, and until when something must.
//!
//! | state | deadline | what follows |
//! |---|---|---|
//! | the client owes the headers of a request, as after it connected | `HEADER_READ_TIMEOUT_SECONDS` | the connection is cut |
//! | nothing, between two requests | `KEEP_ALIVE_TIMEOUT_SECONDS` | the connection is closed |
//! | a request runs | none here: `REQUEST_TIMEOUT_SECONDS` | |
//! | the client takes nothing of a response | `WRITE_TIMEOUT_SECONDS` | the connection is cut; over HTTP/2, where other streams may go on, only the response ends |
//!
//! hyper has one deadline for the first two, and none before the first byte, nor for writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::exchange::StreamedBody;
use super::metrics::Reason;
use crate::config::ConnectionConfig;

/// Frames of HTTP/2 that only keep a connection alive are not longer.
const CONTROL_FRAME: usize = 64;

/// What happens on a connection. The socket and the requests report to it, the connection's task asks it.
#[derive(Debug)]
pub(super) struct Activity {
    timeouts: ConnectionConfig,
    state: Mutex<State>,
    /// Notified when a deadline may have come nearer without the socket taking part.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    /// Requests that are being answered.
    requests: usize,
    /// Since when the client owes the headers of a request.
    head_since: Option<Instant>,
    /// When the last request ended, or the last of its response was taken.
    idle_since: Instant,
    /// Since when the client takes nothing.
    blocked_since: Option<Instant>,
    /// How long it may take nothing of the present response.
    write_timeout: Duration,
    /// Since when the connection is being closed.
    closing_since: Option<Instant>,
    /// The client may still be sending a body that nobody reads.
    has_unread_body: bool,
    is_evicted: bool,
    /// Responses over HTTP/2.
    responses: Vec<Weak<StreamedBody>>,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// HTTP/1, or not known yet.
    Http1,
    Http2,
    /// It has its own deadlines.
    WebSocket,
}

/// What is to be done with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It is to be closed when what is under way is done.
    Close(Reason),
    /// It is to be cut off.
    Cut(Reason),
}

impl Activity {
    /// That of a connection that was just accepted.
    pub(super) fn new(timeouts: ConnectionConfig) -> Self {
        let now = Instant::now();
        Self {
            timeouts,
            state: Mutex::new(State {
                protocol: Protocol::Http1,
                requests: 0,
                head_since: Some(now),
                idle_since: now,
                blocked_since: None,
                write_timeout: timeouts.write_timeout,
                closing_since: None,
                has_unread_body: false,
                is_evicted: false,
                responses: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came from the client.
    pub(super) fn read(&self) {
        let mut state = self.state();
        // Over HTTP/2 they may answer a ping.
        if state.requests == 0 && state.protocol == Protocol::Http1 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// The client took this many bytes. Returns how long it may take none.
    pub(super) fn wrote(&self, bytes: usize) -> Duration {
        let mut state = self.state();
        state.blocked_since = None;
        if state.requests == 0 && (state.protocol != Protocol::Http2 || bytes > CONTROL_FRAME) {
            state.idle_since = Instant::now();
        }
        state.write_timeout
    }

    /// There are bytes for the client, and it takes none.
    pub(super) fn is_blocked(&self) {
        self.state().blocked_since.get_or_insert_with(Instant::now);
    }

    /// A request has come. It ends when the guard is dropped.
    pub(super) fn begin(activity: &Arc<Self>, is_http2: bool) -> RequestGuard {
        let mut state = activity.state();
        if is_http2 {
            state.protocol = Protocol::Http2;
        }
        state.requests += 1;
        state.head_since = None;
        state.write_timeout = activity.timeouts.write_timeout;
        drop(state);
        RequestGuard(Arc::clone(activity))
    }

    /// The rest of the client's request is left unread, and the connection ends with the response.
    pub(super) fn set_unread_body(&self) {
        self.state().has_unread_body = true;
    }

    /// Whether the client may still be sending: a body, or headers that were refused.
    pub(super) fn may_be_sending(&self) -> bool {
        let state = self.state();
        state.has_unread_body || (state.head_since.is_some() && state.requests == 0)
    }

    /// Whether the client has yet to send its request, as after it connected.
    pub(super) fn awaits_request(&self) -> bool {
        self.state().head_since.is_some()
    }

    /// How long the client may take nothing, where nothing else was said.
    pub(super) fn default_write_timeout(&self) -> Duration {
        self.timeouts.write_timeout
    }

    /// The client may take nothing of the present response for this long.
    pub(super) fn set_write_timeout(&self, timeout: Duration) {
        self.state().write_timeout = timeout;
    }

    /// Watches a response over HTTP/2.
    pub(super) fn watch(&self, response: &Arc<StreamedBody>) {
        self.state().responses.push(Arc::downgrade(response));
    }

    /// The connection becomes a WebSocket.
    pub(super) fn upgrade(&self) {
        self.state().protocol = Protocol::WebSocket;
    }

    /// The connection is being closed.
    pub(super) fn close(&self) {
        self.state().closing_since.get_or_insert_with(Instant::now);
    }

    /// Gives the connection up for another.
    pub(super) fn evict(&self) {
        self.state().is_evicted = true;
        self.changed.notify_one();
    }

    /// Waits until the deadlines have to be looked at again.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How dispensable the connection is: the smallest first. `None` if it is in use. One that has sent no request goes
    /// before one that waits for the next, and the one that waits longer before the other.
    pub(super) fn dispensable(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        let is_used = state.requests > 0 || state.blocked_since.is_some() || state.protocol == Protocol::WebSocket;
        if is_used || state.is_evicted {
            return None;
        }
        Some(match state.head_since {
            Some(since) => (false, since),
            None => (true, state.idle_since),
        })
    }

    /// Until when nothing is to be done, or what is to be done now. Ends responses over HTTP/2 that the client does not
    /// take.
    pub(super) fn check(&self, now: Instant) -> Result<Instant, Due> {
        let mut state = self.state();
        if state.is_evicted {
            return Err(Due::Cut(Reason::Evicted));
        }
        if state.protocol == Protocol::WebSocket {
            return Ok(now + self.timeouts.keep_alive_timeout);
        }
        let responses = state.responses();
        if responses.is_empty() {
            return state.check(&self.timeouts, now, None);
        }
        // A response that ends reports so, which takes the lock.
        drop(state);
        let next = responses.iter().filter_map(|response| response.check(now)).min();
        drop(responses);
        self.state().check(&self.timeouts, now, next)
    }
}

impl State {
    /// The responses over HTTP/2 that have not ended.
    fn responses(&mut self) -> Vec<Arc<StreamedBody>> {
        self.responses.retain(|response| response.strong_count() > 0);
        self.responses.iter().filter_map(Weak::upgrade).collect()
    }

    fn check(&self, timeouts: &ConnectionConfig, now: Instant, next: Option<Instant>) -> Result<Instant, Due> {
        let blocked = self.blocked_since.map(|since| since + self.write_timeout);
        let idle = self.requests == 0;
        let head = self
            .head_since
            .filter(|_| idle)
            .map(|since| since + timeouts.header_read_timeout);
        let kept = (idle && head.is_none()).then(|| self.idle_since + timeouts.keep_alive_timeout);
        // A connection that is being closed may end what it writes, as long as the client takes it.
        let closing = self.closing_since.filter(|_| idle);
        let closing = closing.map(|since| since.max(self.idle_since) + timeouts.write_timeout);
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(blocked) {
            Err(Due::Cut(Reason::Stalled))
        } else if is_over(head) {
            Err(Due::Cut(Reason::HeaderTimeout))
        } else if is_over(closing) {
            Err(Due::Cut(Reason::Idle))
        } else if is_over(kept) && closing.is_none() {
            Err(Due::Close(Reason::Idle))
        } else {
            let kept = kept.filter(|_| closing.is_none());
            // Without a deadline it is looked at now and then.
            let later = now + timeouts.keep_alive_timeout;
            let deadlines = [blocked, head, closing, kept, next].into_iter().flatten();
            Ok(deadlines.fold(later, Instant::min))
        }
    }
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<Activity>);

impl RequestGuard {
    /// Its response has a deadline from now on.
    pub(super) fn set_deadline(&self) {
        self.0.changed.notify_one();
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        if state.requests == 0 {
            state.idle_since = Instant::now();
            if state.protocol == Protocol::Http2 {
                // It ended in another task.
                self.0.changed.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: ConnectionConfig = ConnectionConfig {
        max: None,
        per_address: None,
        header_read_timeout: Duration::from_secs(10),
        keep_alive_timeout: Duration::from_secs(75),
        write_timeout: Duration::from_secs(30),
        http2_ping_interval: Duration::from_secs(20),
    };

    fn activity() -> Arc<Activity> {
        Arc::new(Activity::new(TIMEOUTS))
    }

    async fn after(seconds: u64) -> Instant {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_owes_a_request_for_10_seconds() {
        let activity = activity();
        let now = Instant::now();
        assert_eq!(activity.check(now), Ok(now + TIMEOUTS.header_read_timeout));
        // Bytes now and then do not help.
        for _ in 0..9 {
            assert!(activity.check(after(1).await).is_ok());
            activity.read();
        }
        assert_eq!(activity.check(after(1).await), Err(Due::Cut(Reason::HeaderTimeout)));
        assert!(activity.may_be_sending());
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_are_75_seconds_and_10_from_the_first_byte_of_the_next() {
        let activity = activity();
        for _ in 0..3 {
            let request = Activity::begin(&activity, false);
            assert!(activity.check(after(1_000).await).is_ok());
            drop(request);
            assert!(activity.check(after(74).await).is_ok());
        }
        activity.read();
        assert!(activity.check(after(9).await).is_ok());
        let request = Activity::begin(&activity, false);
        assert!(activity.check(after(9).await).is_ok());
        drop(request);
        assert_eq!(activity.check(after(75).await), Err(Due::Close(Reason::Idle)));
        activity.close();
        assert!(activity.check(Instant::now()).is_ok());
        assert_eq!(activity.check(after(30).await), Err(Due::Cut(Reason::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_something_of_a_response_has_more_time() {
        let activity = activity();
        let request = Activity::begin(&activity, false);
        activity.is_blocked();
        assert!(activity.check(after(29).await).is_ok());
        activity.is_blocked();
        activity.wrote(1);
        assert!(activity.check(after(1).await).is_ok());
        activity.is_blocked();
        assert!(activity.check(after(29).await).is_ok());
        assert_eq!(activity.check(after(1).await), Err(Due::Cut(Reason::Stalled)));
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_still_written_is_not_idle() {
        let activity = activity();
        drop(Activity::begin(&activity, false));
        for _ in 0..10 {
            assert!(activity.check(after(20).await).is_ok());
            activity.wrote(1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_idle_connection_open() {
        let activity = activity();
        drop(Activity::begin(&activity, true));
        for _ in 0..3 {
            assert!(activity.check(after(20).await).is_ok());
            activity.wrote(17);
            activity.read();
        }
        assert_eq!(activity.check(after(20).await), Err(Due::Close(Reason::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_the_first_to_go() {
        let (silent, idle, busy) = (activity(), activity(), activity());
        drop(Activity::begin(&idle, false));
        let _request = Activity::begin(&busy, false);
        assert!(silent.dispensable() < idle.dispensable());
        assert_eq!(busy.dispensable(), None);
        silent.evict();
        assert_eq!(silent.check(Instant::now()), Err(Due::Cut(Reason::Evicted)));
        assert_eq!(silent.dispensable(), None);
        idle.upgrade();
        assert_eq!(idle.dispensable(), None);
    }
}
