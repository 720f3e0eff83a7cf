//! Servers that listen on a port, and WebSocket clients message by message.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::TestApp;
use super::person::Person;
use super::process::Server;

/// Timeout of every wait.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The current subprotocol.
pub const TRANSPORT: &str = "graphql-transport-ws";
/// The older subprotocol.
pub const LEGACY: &str = "graphql-ws";

/// A server that listens. Dropping it stops it.
pub struct Served {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    pub async fn listen(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = self.app.clone().serve(listener, async {
            let _ = stopped.await;
        });
        Served {
            address,
            stop: Some(stop),
            serving: tokio::spawn(serving),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    /// Starts the shutdown.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn stopped(&mut self) {
        timeout(PATIENCE, &mut self.serving).await.unwrap().unwrap().unwrap();
    }

    /// A request to open a WebSocket, with these headers.
    pub fn request(&self, headers: &[(&'static str, &str)]) -> Request {
        request(self.address, headers)
    }

    /// Connects, or returns status and body of the refusal.
    pub async fn connect(&self, request: Request) -> Result<Socket, (u16, String)> {
        connect(self.address, request).await
    }

    /// A socket with this subprotocol that has sent nothing yet.
    pub async fn socket(&self, protocol: &str) -> Socket {
        let request = self.request(&[("sec-websocket-protocol", protocol)]);
        self.connect(request).await.unwrap()
    }

    /// A socket whose `connection_init` had this payload, and was acknowledged.
    pub async fn introduced(&self, payload: Value) -> Socket {
        introduced(self.socket(TRANSPORT).await, payload).await
    }

    /// An acknowledged socket of a user.
    pub async fn socket_of(&self, person: &Person<'_>) -> Socket {
        self.introduced(credentials(person)).await
    }
}

impl Server {
    /// An acknowledged socket with this access token.
    pub async fn socket_of(&self, token: &str) -> Socket {
        let socket = self.try_socket(TRANSPORT).await.unwrap();
        introduced(socket, json!({ "token": token })).await
    }

    /// A socket with this subprotocol, or status and body of the refusal.
    pub async fn try_socket(&self, protocol: &str) -> Result<Socket, (u16, String)> {
        let address = self.address.parse().unwrap();
        connect(address, request(address, &[("sec-websocket-protocol", protocol)])).await
    }
}

fn request(address: SocketAddr, headers: &[(&'static str, &str)]) -> Request {
    let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    request
}

async fn connect(address: SocketAddr, request: Request) -> Result<Socket, (u16, String)> {
    let stream = TcpStream::connect(address).await.unwrap();
    match timeout(PATIENCE, client_async(request, stream)).await.unwrap() {
        Ok((stream, _)) => Ok(Socket { stream }),
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

async fn introduced(mut socket: Socket, payload: Value) -> Socket {
    socket.init(payload).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    socket
}

/// The payload of `connection_init`.
pub fn credentials(person: &Person<'_>) -> Value {
    match &person.access_token {
        Some(token) => json!({ "Authorization": format!("Bearer {token}") }),
        None => json!({}),
    }
}

/// The client side of a WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.stream.send(message)).await.unwrap().unwrap();
    }

    /// Sends a message that the server may refuse to read.
    pub async fn try_send(&mut self, message: Message) {
        let _ = timeout(PATIENCE, self.stream.send(message)).await.unwrap();
    }

    pub async fn send_json(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends `connection_init`, which both subprotocols have.
    pub async fn init(&mut self, payload: Value) {
        self.send_json(json!({ "type": "connection_init", "payload": payload }))
            .await;
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send_json(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// Ends an operation, and waits until the server has processed that.
    pub async fn completes(&mut self, id: &str) {
        self.send_json(json!({ "type": "complete", "id": id })).await;
        // The server answers a ping after it has processed earlier messages.
        self.send_json(json!({ "type": "ping" })).await;
        assert_eq!(self.receive().await, json!({ "type": "pong" }));
    }

    /// The next message, including pings and pongs.
    pub async fn next(&mut self) -> Message {
        let message = timeout(PATIENCE, self.stream.next()).await;
        message.expect("something comes in time").unwrap().unwrap()
    }

    /// The next text message.
    pub async fn receive(&mut self) -> Value {
        let received = async {
            loop {
                match self.next().await {
                    Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        timeout(PATIENCE, received).await.expect("a message comes in time")
    }

    /// The next text message; `None` if the connection has ended for any reason.
    pub async fn receive_or_end(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.stream.next())
                .await
                .expect("something comes in time")
            {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_) | Message::Binary(_) | Message::Frame(_)) | Err(_)) | None => return None,
            }
        }
    }

    /// The data of the next result of an operation.
    pub async fn data(&mut self, id: &str) -> Value {
        let message = self.receive().await;
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("next"), &json!(id)),
            "{message}"
        );
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }

    /// The error code that ends an operation.
    pub async fn error_code(&mut self, id: &str) -> String {
        let message = self.receive().await;
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("error"), &json!(id)),
            "{message}"
        );
        let extensions = &message["payload"][0]["extensions"];
        assert!(
            extensions["requestId"].as_str().is_some_and(|id| id.len() > 8),
            "{message}"
        );
        extensions["code"].as_str().unwrap().to_owned()
    }

    /// Runs a query or mutation. Returns its data.
    pub async fn answer(&mut self, query: &str) -> Value {
        self.subscribe("answer", query, json!({})).await;
        let data = self.data("answer").await;
        assert_eq!(self.receive().await, json!({ "type": "complete", "id": "answer" }));
        data
    }

    /// Code and reason with which the server closes it. Earlier messages are skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        let closed = async {
            loop {
                if let Message::Close(Some(frame)) = self.next().await {
                    return (frame.code.into(), frame.reason.to_string());
                }
            }
        };
        let closed = timeout(PATIENCE, closed).await.expect("it is closed in time");
        // Answers the close frame.
        let _ = timeout(PATIENCE, self.stream.next()).await;
        closed
    }

    /// Reads to the end. Returns the number of text messages, and the close code; `None` if the connection was cut off.
    pub async fn drained(&mut self) -> (usize, Option<u16>) {
        let mut messages = 0;
        loop {
            match timeout(PATIENCE, self.stream.next()).await.unwrap() {
                Some(Ok(Message::Text(_))) => messages += 1,
                Some(Ok(Message::Close(frame))) => return (messages, frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (messages, None),
            }
        }
    }
}
