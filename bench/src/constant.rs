//! A bare axum server that returns constant bytes, to measure the cost of HTTP alone.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

/// Maximum response length.
const MAX_BYTES: usize = 1024 * 1024;

/// Runs until the process ends. The path is the number of bytes, such as `/17000`.
pub(crate) async fn serve(port: u16) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/{bytes}", post(constant))
        .with_state(Bytes::from(vec![b' '; MAX_BYTES]));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router)
        .await
        .context("the constant server failed")
}

/// Reads the body, as any API must.
async fn constant(State(blank): State<Bytes>, Path(bytes): Path<usize>, _sent: Bytes) -> impl IntoResponse {
    if bytes > MAX_BYTES {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    ([(header::CONTENT_TYPE, "application/json")], blank.slice(..bytes)).into_response()
}
