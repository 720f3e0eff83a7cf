//! The activity of a connection, and its deadlines.
//!
//! | state | deadline | on expiry |
//! |---|---|---|
//! | the client must send request headers, also after connecting | `HEADER_READ_TIMEOUT_SECONDS` | the connection is cut |
//! | idle between two requests | `KEEP_ALIVE_TIMEOUT_SECONDS` | the connection is closed |
//! | a request runs | none here: `REQUEST_TIMEOUT_SECONDS` | |
//! | the client does not read a response | `WRITE_TIMEOUT_SECONDS`; for an event stream two heartbeats, if that is less | the connection is cut; if an HTTP/2 client blocks only this response, only the response ends |
//!
//! hyper has one deadline for the first two, none before the first byte, and none for writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::exchange::StreamedBody;
use super::metrics::Reason;
use crate::config::ConnectionConfig;

/// Maximum size of HTTP/2 frames that only keep a connection alive.
const CONTROL_FRAME: usize = 64;

/// The socket and the requests update it; the connection's task reads it.
#[derive(Debug)]
pub(super) struct Activity {
    timeouts: ConnectionConfig,
    state: Mutex<State>,
    /// Notified when a deadline may be earlier without any activity of the socket.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    requests: usize,
    /// Since when the client must send request headers.
    head_since: Option<Instant>,
    /// When the last request ended, or the last bytes of its response were written.
    idle_since: Instant,
    /// Since when the client reads nothing.
    blocked_since: Option<Instant>,
    /// How long the client may read nothing of the current response.
    write_timeout: Duration,
    closing_since: Option<Instant>,
    /// The client may still be sending a body that is not read.
    has_unread_body: bool,
    is_evicted: bool,
    /// HTTP/2 responses.
    responses: Vec<Weak<StreamedBody>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// HTTP/1, or not known yet.
    Http1,
    Http2,
    /// Has its own deadlines.
    WebSocket,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Close it after the running requests.
    Close(Reason),
    /// Close it at once.
    Cut(Reason),
}

impl Activity {
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

    /// The client sent bytes.
    pub(super) fn read(&self) {
        let mut state = self.state();
        // Over HTTP/2 they may answer a ping.
        if state.requests == 0 && state.protocol == Protocol::Http1 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// The client read `bytes`. Returns how long it may read nothing.
    pub(super) fn wrote(&self, bytes: usize) -> Duration {
        let mut state = self.state();
        state.blocked_since = None;
        let is_used = match state.protocol {
            Protocol::Http1 => true,
            Protocol::Http2 => bytes > CONTROL_FRAME,
            // Nothing reads how long it is idle.
            Protocol::WebSocket => false,
        };
        if state.requests == 0 && is_used {
            state.idle_since = Instant::now();
        }
        state.write_timeout
    }

    /// There are bytes to write, and the client reads nothing.
    pub(super) fn is_blocked(&self) {
        self.state().blocked_since.get_or_insert_with(Instant::now);
    }

    /// Begins a request, which ends when the guard is dropped.
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

    /// The rest of the request body stays unread, and the connection ends with the response.
    pub(super) fn set_unread_body(&self) {
        self.state().has_unread_body = true;
    }

    /// Whether the client may still be sending a body, or headers that were refused.
    pub(super) fn may_be_sending(&self) -> bool {
        let state = self.state();
        state.has_unread_body || (state.head_since.is_some() && state.requests == 0)
    }

    pub(super) fn awaits_request(&self) -> bool {
        self.state().head_since.is_some()
    }

    pub(super) fn default_write_timeout(&self) -> Duration {
        self.timeouts.write_timeout
    }

    /// For the current response.
    pub(super) fn set_write_timeout(&self, timeout: Duration) {
        self.state().write_timeout = timeout;
    }

    pub(super) fn watch(&self, response: &Arc<StreamedBody>) {
        self.state().responses.push(Arc::downgrade(response));
    }

    /// The connection becomes a WebSocket.
    pub(super) fn upgrade(&self) {
        self.state().protocol = Protocol::WebSocket;
    }

    pub(super) fn close(&self) {
        self.state().closing_since.get_or_insert_with(Instant::now);
    }

    /// Cuts the connection to free its slot.
    pub(super) fn evict(&self) {
        self.state().is_evicted = true;
        self.changed.notify_one();
    }

    /// Waits until the deadlines must be checked again.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Order of eviction, smallest first; `None` if the connection is in use. Connections without a request come before
    /// idle ones, and older ones before newer ones.
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

    /// The next deadline, or what is due now. Ends HTTP/2 responses that the client does not read.
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
        // A response that ends takes the lock.
        drop(state);
        let next = responses.iter().filter_map(|response| response.check(now)).min();
        drop(responses);
        self.state().check(&self.timeouts, now, next)
    }
}

impl State {
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
        // A closing connection may finish writing while the client reads.
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
            // Without a deadline, check again from time to time.
            let later = now + timeouts.keep_alive_timeout;
            let deadlines = [blocked, head, closing, kept, next].into_iter().flatten();
            Ok(deadlines.fold(later, Instant::min))
        }
    }
}

#[derive(Debug)]
pub(super) struct RequestGuard(Arc<Activity>);

impl RequestGuard {
    /// The response has a deadline from now on.
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
                // The request ended in another task.
                self.0.changed.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Has the default timeouts.
    fn activity() -> Arc<Activity> {
        let config = Config::from_vars(&std::collections::BTreeMap::new()).unwrap();
        Arc::new(Activity::new(config.http.connections))
    }

    async fn after(seconds: u64) -> Instant {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_10_seconds_to_send_a_request() {
        let activity = activity();
        let now = Instant::now();
        assert_eq!(activity.check(now), Ok(now + Duration::from_secs(10)));
        // Single bytes do not extend the deadline.
        for _ in 0..9 {
            assert!(activity.check(after(1).await).is_ok());
            activity.read();
        }
        assert_eq!(activity.check(after(1).await), Err(Due::Cut(Reason::HeaderTimeout)));
        assert!(activity.may_be_sending());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_have_75_seconds_and_10_from_the_first_byte_of_the_next_request() {
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
    async fn a_client_that_reads_a_part_of_a_response_has_more_time() {
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
    async fn a_connection_without_a_request_is_evicted_first() {
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
