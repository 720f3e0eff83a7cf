//! Client connections.
//!
//! | module | contents |
//! |---|---|
//! | [`connection_slots`] | limits, and which connections are closed for new ones |
//! | [`activity`] | activity of a connection, and its deadlines |
//! | [`socket`] | the socket: reports to `activity`, and closes so that the client can read the last response |
//! | [`exchange`] | one request and its response |
//! | [`refusal`] | responses to connections over a limit, and to requests without a valid `Host` |
//! | [`metrics`] | connection metrics |

mod activity;
mod connection_slots;
mod exchange;
mod metrics;
mod refusal;
mod socket;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use self::activity::{Activity, Due};
use self::connection_slots::{ConnectionSlots, Slot};
use self::socket::Socket;
use crate::config::{Config, ConfigError, ConnectionConfig};
use crate::domain::network::Network;
use crate::http::open_files;

/// When the server stops, a new connection has this long to send its request. Closed at once, it would be reset while a
/// proxy sends on it.
const FIRST_REQUEST: Duration = Duration::from_secs(2);

/// A response extension: overrides how long the client may read nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteTimeout(pub(crate) Duration);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    router: Router,
    builder: Builder<TokioExecutor>,
    timeouts: ConnectionConfig,
    trusted_proxies: Arc<[IpNet]>,
    pub(super) slots: Arc<ConnectionSlots>,
    /// Clients that are refused.
    refused: Arc<Semaphore>,
}

impl Connections {
    /// Fails if the limits need more files than the process may open.
    pub(super) fn new(router: Router, config: &Config) -> Result<Self, ConfigError> {
        let timeouts = config.http.connections;
        let limits = timeouts.limits(&config.database, open_files::limit())?;
        tracing::info!(
            "at most {} connections of clients, {} from one address",
            limits.total,
            limits.per_address
        );
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(timeouts.http2_ping_interval)
            .keep_alive_timeout(timeouts.http2_ping_interval);
        Ok(Self {
            router,
            builder,
            timeouts,
            trusted_proxies: config.http.trusted_proxies.clone().into(),
            slots: Arc::new(ConnectionSlots::new(limits, timeouts)),
            refused: Arc::new(Semaphore::new(refusal::AT_ONCE)),
        })
    }

    /// Accepts or refuses a connection. A task in `open` serves it to its end, or only its running requests once
    /// `stopping` is true.
    pub(super) fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        stopping: &watch::Receiver<bool>,
        open: &mut JoinSet<()>,
    ) {
        let address = peer.ip().to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|proxies| proxies.contains(&address));
        let network = (!is_proxy).then(|| Network::from(address));
        match ConnectionSlots::take(&self.slots, network) {
            Ok(slot) => {
                open.spawn(self.clone().serve(stream, peer, slot, stopping.clone()));
            }
            Err(reason) => refusal::refuse(&self.refused, stream, reason),
        }
    }

    async fn serve(self, stream: TcpStream, peer: SocketAddr, slot: Slot, stopping: watch::Receiver<bool>) {
        let activity = Arc::clone(slot.activity());
        let socket = TokioIo::new(Socket::new(stream, slot));
        let (router, reports_to) = (self.router, Arc::clone(&activity));
        let service =
            service_fn(move |request| exchange::answer(router.clone(), request, peer, Arc::clone(&reports_to)));
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(socket, service));
        let mut timer = pin!(sleep_until(Instant::now() + self.timeouts.header_read_timeout));
        let mut stop = pin!(time_to_close(stopping, &activity));
        let mut is_stopping = false;
        loop {
            // Activity moves the deadline, so it is checked after each poll.
            let due = poll_fn(|cx| {
                if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                    if let Err(error) = result {
                        tracing::debug!(%peer, "a connection ended: {error}");
                    }
                    return Poll::Ready(None);
                }
                loop {
                    let deadline = match activity.check(Instant::now()) {
                        Ok(deadline) => deadline,
                        Err(due) => return Poll::Ready(Some(due)),
                    };
                    if deadline < timer.deadline() || timer.is_elapsed() {
                        timer.as_mut().reset(deadline);
                    }
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            });
            tokio::select! {
                due = due => match due {
                    None => return,
                    Some(Due::Cut(reason)) => {
                        tracing::debug!(%peer, "a connection was cut: {}", reason.name());
                        if reason != metrics::Reason::Evicted {
                            reason.count();
                        }
                        return;
                    }
                    Some(Due::Close(reason)) => {
                        reason.count();
                        activity.close();
                        connection.as_mut().graceful_shutdown();
                    }
                },
                () = activity.changed() => {}
                () = &mut stop, if !is_stopping => {
                    is_stopping = true;
                    activity.close();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Waits until the server stops, and then for the first request of a new connection.
async fn time_to_close(mut stopping: watch::Receiver<bool>, activity: &Activity) {
    // The sender is only dropped with the server.
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    if activity.awaits_request() {
        sleep(FIRST_REQUEST).await;
    }
}
