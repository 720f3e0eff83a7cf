//! A server that stops ends its connections in waves, so that their clients do not all come to the next server at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::support::TestApp;
use crate::support::socket::{LEGACY, Socket};

/// Ten waves, one per second: a socket has a second to answer between two waves.
const DRAIN_SECONDS: (&str, &str) = ("SHUTDOWN_DRAIN_SECONDS", "10");
const SOCKETS: usize = 40;

struct End {
    code: u16,
    /// Whether it still answered after another socket was closed.
    outlived_another: bool,
}

/// Reads a socket to its end. Sends a ping once another socket is closed.
async fn follow(mut socket: Socket, ping: Value, first_end: watch::Sender<bool>) -> End {
    let mut another_ended = first_end.subscribe();
    let mut end = End {
        code: 0,
        outlived_another: false,
    };
    let mut has_asked = false;
    loop {
        let message = tokio::select! {
            biased;
            message = socket.next() => message,
            _ = another_ended.wait_for(|ended| *ended), if !has_asked => {
                has_asked = true;
                socket.try_send(Message::text(ping.to_string())).await;
                continue;
            }
        };
        match message {
            Message::Text(_) if has_asked => end.outlived_another = true,
            Message::Close(frame) => {
                first_end.send_replace(true);
                end.code = frame.unwrap().code.into();
                return end;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_server_that_stops_closes_its_sockets_in_waves() {
    let app = TestApp::start_with(&[DRAIN_SECONDS]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let mut served = app.listen().await;
    let mut sockets = Vec::new();
    for number in 0..SOCKETS {
        let person = if number % 3 == 0 { &bob } else { &ann };
        if number % 4 == 0 {
            let mut older = served.socket(LEGACY).await;
            older.init(json!({ "token": person.access_token })).await;
            assert_eq!(older.receive().await["type"], "connection_ack");
            // The older subprotocol has no ping, so a query is used.
            let query = json!({ "query": "{ __typename }" });
            sockets.push((older, json!({ "type": "start", "id": "sign", "payload": query })));
        } else {
            sockets.push((served.socket_of(person).await, json!({ "type": "ping" })));
        }
    }

    served.stop();
    let first_end = watch::Sender::new(false);
    let following = sockets
        .into_iter()
        .map(|(socket, ping)| follow(socket, ping, first_end.clone()));
    let ends = join_all(following).await;
    assert!(ends.iter().all(|end| end.code == 1001));
    // The pings are sent after the first of ten waves.
    let outlived = ends.iter().filter(|end| end.outlived_another).count();
    assert!((SOCKETS / 2..SOCKETS).contains(&outlived), "{outlived} of {SOCKETS}");
    served.stopped().await;
}
