//! Requests with an ambiguous `Host`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, Server};

/// The response to a request with these header lines.
fn answer(server: &Server, version: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(
        stream,
        "GET /livez HTTP/{version}\r\n{headers}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_request_without_a_host_or_with_two_is_refused() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    for (version, headers, count) in [
        ("1.1", "", 0),
        ("1.1", "host: a\r\nhost: b\r\n", 2),
        ("1.1", "host: a\r\nhost: a\r\n", 2),
        ("1.0", "host: a\r\nhost: b\r\n", 2),
    ] {
        let answer = answer(&server, version, headers);
        assert!(
            answer.split(' ').nth(1) == Some("400"),
            "{version} {headers:?}: {answer}"
        );
        let message = format!("Host: the request has {count} of these headers; exactly one is allowed");
        assert!(answer.contains(&message), "{answer}");
    }
    for (version, headers) in [("1.1", "host: a\r\n"), ("1.0", "host: a\r\n"), ("1.0", "")] {
        let answer = answer(&server, version, headers);
        assert!(
            answer.split(' ').nth(1) == Some("200"),
            "{version} {headers:?}: {answer}"
        );
    }
}
