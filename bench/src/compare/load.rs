//! The load generator. Each connection stays open and sends its next request after the last response.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::{HeaderValue, Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// Maximum wait for a response.
const PATIENCE: Duration = Duration::from_secs(20);
/// A successful GraphQL response does not contain this.
const ERRORS: &[u8] = b"\"errors\"";

/// A reusable request.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    method: Method,
    path: String,
    token: Option<HeaderValue>,
    body: Bytes,
}

impl Prepared {
    /// A request with a JSON body.
    pub(crate) fn post(path: impl Into<String>, token: Option<&str>, body: impl Into<Bytes>) -> anyhow::Result<Self> {
        Ok(Self {
            method: Method::POST,
            path: path.into(),
            token: token.map(bearer).transpose()?,
            body: body.into(),
        })
    }

    pub(crate) fn get(path: impl Into<String>, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            method: Method::GET,
            path: path.into(),
            token: Some(bearer(token)?),
            body: Bytes::new(),
        })
    }

    /// Replaces the path.
    pub(crate) fn to(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// Replaces the token.
    pub(crate) fn signed_in_with(self, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            token: Some(bearer(token)?),
            ..self
        })
    }

    fn build(&self, host: &HeaderValue) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header(header::HOST, host)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    Ok(HeaderValue::from_str(&format!("Bearer {token}"))?)
}

/// Result of a round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Responses per second.
    pub(crate) rate: f64,
    /// In milliseconds, sorted.
    pub(crate) latencies: Vec<f64>,
}

/// Sends the requests in turn over `connections` and stops after `duration`. Fails at the first error: a wrong response
/// may be fast.
pub(crate) fn run(
    address: SocketAddr,
    requests: &[Prepared],
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Round> {
    ensure!(!requests.is_empty(), "there is nothing to send");
    // One thread: the generator shares the machine with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let next = AtomicUsize::new(0);
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let opened = try_join_all((0..connections).map(|_| Connection::open(address))).await?;
        let begun = Instant::now();
        let each = opened
            .into_iter()
            .map(|connection| connection.repeat(requests, &next, begun + duration));
        let mut latencies = try_join_all(each).await?.concat();
        let seconds = begun.elapsed().as_secs_f64();
        latencies.sort_by(f64::total_cmp);
        Ok(Round {
            rate: per_second(latencies.len(), seconds),
            latencies,
        })
    })
}

/// Sends one request and returns the response body.
pub(crate) async fn once(address: SocketAddr, request: Prepared) -> anyhow::Result<Bytes> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let mut connection = Connection::open(address).await?;
            connection.send(&request).await
        })
    })
    .await?
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests are far from the limits of f64"
)]
fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // If the connection is lost, the next request fails.
        spawn_local(connection);
        Ok(Self {
            sender,
            host: HeaderValue::from_str(&address.to_string())?,
        })
    }

    /// Sends requests until `end`. Returns their latencies in milliseconds.
    async fn repeat(mut self, requests: &[Prepared], next: &AtomicUsize, end: Instant) -> anyhow::Result<Vec<f64>> {
        let mut latencies = Vec::new();
        let mut now = Instant::now();
        while now < end {
            let index = next.fetch_add(1, Ordering::Relaxed) % requests.len();
            self.send(&requests[index]).await?;
            let then = Instant::now();
            latencies.push((then - now).as_secs_f64() * 1_000.0);
            now = then;
        }
        Ok(latencies)
    }

    async fn send(&mut self, request: &Prepared) -> anyhow::Result<Bytes> {
        timeout(PATIENCE, self.exchange(request))
            .await
            .context("an answer did not come in time")?
    }

    async fn exchange(&mut self, request: &Prepared) -> anyhow::Result<Bytes> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.build(&self.host)?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        check(status, &body)?;
        Ok(body)
    }
}

/// A response must be 200 or 201 and contain no errors.
fn check(status: StatusCode, body: &[u8]) -> anyhow::Result<()> {
    let is_good = matches!(status, StatusCode::OK | StatusCode::CREATED);
    if !is_good || memchr::memmem::find(body, ERRORS).is_some() {
        let text: String = String::from_utf8_lossy(body).chars().take(1_000).collect();
        bail!("answered {status}: {text}");
    }
    ensure!(!body.is_empty(), "the answer is empty");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_responses_end_the_run() {
        assert!(check(StatusCode::OK, br#"{"data":{"payload":{"userErrors":[]}}}"#).is_ok());
        assert!(check(StatusCode::OK, br#"{"data":null,"errors":[{"message":"no"}]}"#).is_err());
        assert!(check(StatusCode::TOO_MANY_REQUESTS, b"{}").is_err());
        assert!(check(StatusCode::OK, b"").is_err());
    }
}
