//! The socket of a connection. It reports the client's activity.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connection_slots::Slot;

/// Maximum bytes read from a client while its connection closes.
const MAX_LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(10);
const LINGER_BUFFER: usize = 16 * 1024;

/// Holds the connection's slot, also as a WebSocket.
pub(super) struct Socket {
    stream: TcpStream,
    slot: Slot,
    /// The `TCP_USER_TIMEOUT` of the socket.
    user_timeout: Duration,
    is_shut_down: bool,
    linger: Option<Linger>,
}

/// Reads after the last response, so that the client can read it. Bytes that arrive at a closed socket cause a reset,
/// and then the client's system drops what the client has not read.
struct Linger {
    timeout: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, slot: Slot) -> Self {
        // A response is written in one piece; a delay for more data has no use.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY cannot be set: {error}");
        }
        let user_timeout = slot.activity().default_write_timeout();
        set_user_timeout(&stream, user_timeout);
        Self {
            stream,
            slot,
            user_timeout,
            is_shut_down: false,
            linger: None,
        }
    }

    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(bytes)) => {
                let timeout = self.slot.activity().wrote(*bytes);
                if timeout != self.user_timeout {
                    self.user_timeout = timeout;
                    set_user_timeout(&self.stream, timeout);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.slot.activity().is_blocked(),
        }
        result
    }
}

/// Lets the system end a connection whose client acknowledges nothing for this long. The server itself only notices
/// when the system's send buffer of some megabytes is full.
#[cfg(target_os = "linux")]
fn set_user_timeout(stream: &TcpStream, timeout: Duration) {
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, timeout) {
        tracing::debug!("TCP_USER_TIMEOUT cannot be set: {error}");
    }
}

/// Other systems end it when the send buffer is full and the write timeout is over.
#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &TcpStream, _: Duration) {}

impl Linger {
    fn begin() -> Self {
        Self {
            timeout: Box::pin(sleep(LINGER_TIMEOUT)),
            bytes_left: MAX_LINGER_BYTES,
        }
    }

    /// Ready when the client has closed the connection, or after the timeout.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; LINGER_BUFFER];
        loop {
            if self.timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut read = ReadBuf::new(&mut buffer);
            let result = ready!(Pin::new(&mut *stream).poll_read(cx, &mut read));
            let bytes = read.filled().len();
            if result.is_err() || bytes == 0 || bytes > self.bytes_left {
                return Poll::Ready(());
            }
            self.bytes_left -= bytes;
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            this.slot.activity().read();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_shut_down {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.is_shut_down = true;
            if this.slot.activity().may_be_sending() {
                this.linger = Some(Linger::begin());
            }
        }
        match &mut this.linger {
            Some(linger) => linger.poll(&mut this.stream, cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
