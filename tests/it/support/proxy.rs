//! A TCP proxy in front of a database or a Redis: what a network does between two machines.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Forwards connections. Dropping it ends them.
pub struct Proxy {
    address: SocketAddr,
    /// The number of the connection from which on bytes are forwarded.
    first_alive: Arc<watch::Sender<usize>>,
    accepted: watch::Receiver<usize>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// In front of `target`, such as `127.0.0.1:5432`.
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the connections that there are forward nothing, and none of them ends for the client: as when an
    /// address has moved to another machine. New ones work.
    pub fn swallow(&self) {
        self.first_alive.send_replace(*self.accepted.borrow());
    }
}

async fn forward(mut client: TcpStream, target: String, number: usize, mut first_alive: watch::Receiver<usize>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let swallowed = async {
        // The sender is gone only with the proxy.
        let _ = first_alive.wait_for(|first| number < *first).await;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        () = swallowed => {
            // The machine that was there is gone, and with it what it had begun.
            drop(server);
            std::future::pending::<()>().await;
        }
    }
}
