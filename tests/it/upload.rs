//! Uploads over a real connection, to the real binary.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use axum::http::Method;

use crate::support::database::TestDatabase;
use crate::support::form::{CONTENT_TYPE, Form, upload_form};
use crate::support::process::{Sandbox, Server, read, until};

const MIB: usize = 1024 * 1024;

/// Number of files under a directory, 0 if it does not exist.
fn files_under(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { files_under(&path) } else { 1 })
        .sum()
}

fn request(server: &Server, token: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
    server
        .request(token, Method::POST, "/graphql")
        .header("content-type", CONTENT_TYPE)
        .header("graphql-preflight", "1")
        .body(body)
}

#[tokio::test]
async fn a_client_that_is_still_sending_receives_the_refusal() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let token = server.registers("ann@example.com", "Sesame-open-4711").await;
    for _ in 0..5 {
        let large = upload_form(None).file("0", "a.txt", &vec![b'x'; 6 * MIB]).end();
        let answer = read(request(&server, &token, large)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.error_code()), (413, "LIMIT_EXCEEDED"));
        let allowed = upload_form(None).file("0", "a.txt", &vec![b'x'; 4 * MIB]).end();
        let answer = read(request(&server, "", allowed)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.error_code()), (200, "UNAUTHENTICATED"));
        for (token, status) in [(token.as_str(), 413), ("", 401)] {
            let large = Form::default().file("file", "a.txt", &vec![b'x'; 6 * MIB]).end();
            let upload = server.request(token, Method::POST, "/api/v1/upload");
            let answer = read(upload.header("content-type", CONTENT_TYPE).body(large))
                .await
                .unwrap();
            assert_eq!(answer.problem().0, status);
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_during_an_upload_leaves_no_file() {
    let database = TestDatabase::create().await;
    let temporary = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::over(&database).with("TMPDIR", temporary.path().to_str().unwrap());
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", "Sesame-open-4711").await;
    let begin = upload_form(None).file("0", "a.txt", &vec![b'x'; MIB]).broken_off();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: {CONTENT_TYPE}\r\n\
         GraphQL-Preflight: 1\r\nContent-Length: {}\r\n\r\n",
        server.address,
        4 * MIB
    );
    for _ in 0..3 {
        let mut connection = TcpStream::connect(&server.address).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&begin).unwrap();
        connection.shutdown(Shutdown::Both).unwrap();
    }
    let whole = upload_form(None).file("0", "a.txt", &vec![b'x'; MIB]).end();
    let answer = read(request(&server, &token, whole)).await.unwrap();
    assert_eq!(answer.data()["attachmentUpload"]["attachment"]["size"], MIB);
    until("nothing but the whole file to be left", async || {
        (files_under(&sandbox.path().join("uploads")) == 1 && files_under(temporary.path()) == 0).then_some(())
    })
    .await;
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM attachments").await, 1);
    server.stop().await;
}
