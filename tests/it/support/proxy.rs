//! A TCP proxy in front of a database or a Redis, to simulate faults of the network.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Dropping it closes its connections.
pub struct Proxy {
    address: SocketAddr,
    /// Connections with a lower number forward no more bytes.
    first_alive: Arc<watch::Sender<usize>>,
    accepted: watch::Receiver<usize>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// `target` is, for example, `127.0.0.1:5432`.
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let first_alive = Arc::new(watch::Sender::new(0));
        let (count, accepted) = watch::channel(0);
        let mut connections = JoinSet::new();
        let state = Arc::clone(&first_alive);
        connections.spawn(async move {
            let mut forwarding = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = *count.borrow();
                count.send_replace(number + 1);
                forwarding.spawn(forward(stream, target.clone(), number, state.subscribe()));
            }
        });
        Self {
            address,
            first_alive,
            accepted,
            _connections: connections,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Existing connections forward nothing from now on, but stay open for the client, as when an address has moved to
    /// another machine. New connections work.
    pub fn stop_forwarding(&self) {
        self.first_alive.send_replace(*self.accepted.borrow());
    }
}

async fn forward(mut client: TcpStream, target: String, number: usize, mut first_alive: watch::Receiver<usize>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let stopped = async {
        // The sender is dropped only with the proxy.
        let _ = first_alive.wait_for(|first| number < *first).await;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        () = stopped => {
            // The old machine is down, and its transactions are rolled back.
            drop(server);
            std::future::pending::<()>().await;
        }
    }
}
