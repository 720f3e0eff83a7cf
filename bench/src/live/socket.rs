//! A subscription on a separate connection, and the events that it received.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Maximum wait for a connection to be ready.
const PATIENCE: Duration = Duration::from_mins(1);
/// Small, because thousands of connections share this process.
const BUFFER: usize = 4 * 1024;
const SUBSCRIBE: &str = "subscription { taskEvents { occurredAt taskId task { title } snapshot { version } } }";

/// Events received on a connection.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Versions of the user's own task, in order of arrival.
    pub(crate) versions: Vec<u32>,
    /// Number of events of other tasks.
    pub(crate) foreign: u64,
    /// From the change to its arrival, in milliseconds.
    pub(crate) latencies: Vec<f64>,
}

/// An open subscription.
pub(crate) struct Socket {
    /// The task to expect events of; `None` for all tasks.
    pub(crate) task: Option<String>,
    received: Arc<AtomicU64>,
    latest_microseconds: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    reading: JoinHandle<anyhow::Result<Ledger>>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    task_events: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    occurred_at: DateTime<Utc>,
    task_id: String,
    snapshot: Snapshot,
}

#[derive(Deserialize)]
struct Snapshot {
    version: u32,
}

impl Socket {
    /// Connects, authenticates, subscribes, and waits until the subscription is active.
    pub(crate) async fn open(url: &str, token: &str, task: Option<String>) -> anyhow::Result<Self> {
        let mut stream = timeout(PATIENCE, connect(url, token))
            .await
            .context("connecting takes too long")??;
        timeout(PATIENCE, subscribe(&mut stream))
            .await
            .context("subscribing takes too long")??;
        let (stop, stopped) = oneshot::channel();
        let (received, latest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let reader = Reader {
            task: task.clone(),
            received: Arc::clone(&received),
            latest_microseconds: Arc::clone(&latest),
            ledger: Ledger::default(),
        };
        Ok(Self {
            task,
            received,
            latest_microseconds: latest,
            stop,
            reading: tokio::spawn(reader.run(stream, stopped)),
        })
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Latency of the latest event.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time in milliseconds is far from the limits of f64"
    )]
    pub(crate) fn latest_milliseconds(&self) -> f64 {
        self.latest_microseconds.load(Ordering::Relaxed) as f64 / 1_000.0
    }

    /// Closes the connection and returns the received events.
    pub(crate) async fn close(self) -> anyhow::Result<Ledger> {
        // If the server closed the connection, the reader has ended and returns the error.
        let _ = self.stop.send(());
        self.reading.await?
    }
}

type Stream = WebSocketStream<TcpStream>;

async fn connect(url: &str, token: &str) -> anyhow::Result<Stream> {
    let mut request = url.into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let address = request
        .uri()
        .authority()
        .context("the address has no host")?
        .to_string();
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
    let (mut stream, _) = client_async_with_config(request, tcp, Some(config)).await?;
    let init = json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {token}") } });
    stream.send(Message::text(init.to_string())).await?;
    expect(&mut stream, "connection_ack").await?;
    Ok(stream)
}

/// The server handles messages in order: once the following query is answered, the subscription is active. Earlier
/// events are ignored.
async fn subscribe(stream: &mut Stream) -> anyhow::Result<()> {
    for (id, query) in [("1", SUBSCRIBE), ("2", "{ __typename }")] {
        let message = json!({ "id": id, "type": "subscribe", "payload": { "query": query } });
        stream.send(Message::text(message.to_string())).await?;
    }
    expect(stream, "complete").await
}

async fn expect(stream: &mut Stream, kind: &str) -> anyhow::Result<()> {
    while let Some(message) = stream.next().await {
        match message? {
            Message::Text(text) if text.contains(&format!("\"{kind}\"")) => return Ok(()),
            Message::Text(text) if text.contains("\"next\"") => {}
            Message::Ping(_) | Message::Pong(_) => {}
            other => bail!("expected {kind}, got {other}"),
        }
    }
    bail!("the connection was closed before {kind}")
}

struct Reader {
    task: Option<String>,
    received: Arc<AtomicU64>,
    latest_microseconds: Arc<AtomicU64>,
    ledger: Ledger,
}

impl Reader {
    async fn run(mut self, mut stream: Stream, mut stopped: oneshot::Receiver<()>) -> anyhow::Result<Ledger> {
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                message = stream.next() => match message.context("the server closed the connection")?? {
                    Message::Text(text) => self.take(&text)?,
                    Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                    _ => {}
                },
            }
        }
        stream.close(None).await?;
        Ok(self.ledger)
    }

    fn take(&mut self, text: &str) -> anyhow::Result<()> {
        let envelope: Envelope = serde_json::from_str(text).with_context(|| format!("cannot read {text}"))?;
        let data = envelope.payload.and_then(|payload| payload.data);
        let event = match (envelope.kind.as_str(), data) {
            ("next", Some(data)) => data.task_events,
            _ => bail!("this is no event: {text}"),
        };
        let version = event.snapshot.version;
        if version == 1 {
            // The creation of a task, before the measurement.
            return Ok(());
        }
        let late = Utc::now() - event.occurred_at;
        let microseconds = late.num_microseconds().unwrap_or(i64::MAX).max(0);
        if self.task.as_ref().is_some_and(|task| *task != event.task_id) {
            self.ledger.foreign += 1;
        } else if self.task.is_some() {
            self.ledger.versions.push(version);
            self.ledger.latencies.push(late.as_seconds_f64() * 1_000.0);
        }
        self.latest_microseconds
            .store(u64::try_from(microseconds).unwrap_or_default(), Ordering::Relaxed);
        self.received.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
