//! HTTP byte by byte, for clients that violate the protocol.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::answer::Answer;

/// Timeout of every wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// A raw TCP connection.
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub async fn open(server: &str) -> Self {
        Self::open_from(Ipv4Addr::LOCALHOST, server).await
    }

    /// Connects from this address. All of 127.0.0.0/8 belongs to this machine.
    pub async fn open_from(address: Ipv4Addr, server: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        Self::connect(socket, server).await
    }

    /// Connects with a small receive buffer.
    pub async fn open_narrow(server: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::connect(socket, server).await
    }

    async fn connect(socket: TcpSocket, server: &str) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let stream = timeout(PATIENCE, socket.connect(server)).await.unwrap().unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Fails if the server has closed the connection.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref()))
            .await
            .expect("the bytes are taken in time")
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        self.response().await
    }

    /// The next response, with the length of `Content-Length`.
    pub async fn response(&mut self) -> Answer {
        let head = self.head().await;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let text = String::from_utf8(self.exactly(length).await).unwrap();
        Answer {
            status: StatusCode::from_bytes(status.as_bytes()).unwrap(),
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// The head of a response, up to the empty line.
    pub async fn head(&mut self) -> String {
        let end = loop {
            match self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.more().await,
            }
        };
        String::from_utf8(self.unread.drain(..end).collect()).unwrap()
    }

    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        self.peek(length).await;
        self.unread.drain(..length).collect()
    }

    /// The next bytes, which are read again afterwards.
    pub async fn peek(&mut self, length: usize) -> &[u8] {
        while self.unread.len() < length {
            self.more().await;
        }
        &self.unread[..length]
    }

    async fn more(&mut self) {
        let read = self.read().await.unwrap();
        assert!(read > 0, "it ended after: {}", String::from_utf8_lossy(&self.unread));
    }

    /// Reads more bytes. Returns their number; 0 at the end.
    async fn read(&mut self) -> io::Result<usize> {
        timeout(PATIENCE, self.stream.read_buf(&mut self.unread))
            .await
            .expect("something comes in time")
    }

    /// Reads to the end. Fails if the connection was reset.
    pub async fn end(&mut self) -> io::Result<Vec<u8>> {
        while self.read().await? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }
}
