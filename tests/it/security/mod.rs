//! Attacks, as listed in the table of `docs/SECURITY.md`.

mod anonymous_sockets;
mod connection_limits;
mod credentials;
mod early_refusals;
mod email_change;
mod file_urls;
mod files;
mod guessing;
mod host;
mod login_log;
mod mail;
mod open_accounts;
mod rate_limits;
mod refresh_reuse;
mod slow_clients;
mod stalled_streams;
mod stored_requests;
mod support;
mod takeover;

use axum::http::Method;
use serde_json::Value;

use crate::support::process::Server;

/// The value of the metric line with this prefix.
async fn metric(server: &Server, line: &str) -> f64 {
    let page = server.rest("", Method::GET, "/metrics", Value::Null).await.text;
    let found = page.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{line} is not in:\n{page}"))
        .parse()
        .unwrap()
}

/// Number of connections that the server ended or refused for this reason.
async fn ended(server: &Server, reason: &str) -> f64 {
    let line = format!("taskwire_http_connections_ended_total{{reason=\"{reason}\"}}");
    metric(server, &line).await
}
