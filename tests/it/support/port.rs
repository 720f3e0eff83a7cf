//! TCP ports for servers that restart at the same address.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The operating system does not assign ports of this range. So the port of a killed server is still free when it
/// restarts.
const FIRST: u32 = 20_000;
const COUNT: u32 = 10_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port that is free now.
pub fn free_port() -> u16 {
    loop {
        // Concurrent test runs begin at different ports.
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (process::id().wrapping_mul(97).wrapping_add(step)) % COUNT;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
