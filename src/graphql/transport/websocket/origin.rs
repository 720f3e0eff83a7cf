//! Which browser pages may connect. Browsers let every page open a WebSocket to every host, and send the origin of the
//! page in the header `Origin`. Clients without this header are not browsers.

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use url::Url;

use crate::config::CorsOrigins;

/// Maximum bytes of a header value in the log. The values are ASCII.
const MAX_LOGGED: usize = 200;

/// Whether the origin is the requested host, is in `CORS_ORIGINS`, or is absent.
pub(super) fn is_allowed(parts: &Parts, allowed: &CorsOrigins) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = text(origin);
    match allowed {
        CorsOrigins::Any => true,
        CorsOrigins::List(list) => list.iter().any(|one| one == origin) || is_own(origin, host(parts)),
    }
}

/// Logs why a page was refused. The usual reason is a development proxy that replaces `Host`.
pub(super) fn log_refusal(parts: &Parts) {
    let origin = parts.headers.get(header::ORIGIN).map_or("", text);
    tracing::warn!(
        origin = shortened(origin),
        host = shortened(host(parts)),
        "websocket refused: the page's origin is neither the requested host nor in CORS_ORIGINS; behind a development \
         proxy that replaces the Host header (`changeOrigin: true` in Vite and webpack), add the page's origin to \
         CORS_ORIGINS or let the proxy keep the header"
    );
}

/// Limits the size of the log: a client can send kilobytes.
fn shortened(text: &str) -> &str {
    text.get(..MAX_LOGGED).unwrap_or(text)
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

fn host(parts: &Parts) -> &str {
    match parts.headers.get(header::HOST) {
        Some(host) => text(host),
        None => parts.uri.authority().map_or("", |authority| authority.as_str()),
    }
}

/// Compares host and port. The scheme is taken from the page, because only a proxy knows whether the request used TLS.
fn is_own(origin: &str, host: &str) -> bool {
    let Ok(page) = Url::parse(origin) else {
        return false;
    };
    if !matches!(page.scheme(), "http" | "https") {
        return false;
    }
    let Ok(requested) = Url::parse(&format!("{}://{host}", page.scheme())) else {
        return false;
    };
    page.host_str() == requested.host_str() && page.port_or_known_default() == requested.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_allowed_for(origin: Option<&str>, host: &str, allowed: &[&str]) -> bool {
        let mut request = Request::builder().header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let allowed = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        is_allowed(&parts, &CorsOrigins::List(allowed))
    }

    #[test]
    fn a_page_of_the_same_host_is_allowed_and_one_of_another_is_not() {
        for (origin, host) in [
            ("http://localhost:8000", "localhost:8000"),
            ("https://tasks.example.com", "tasks.example.com"),
            ("https://tasks.example.com", "Tasks.Example.com:443"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(is_allowed_for(Some(origin), host, &[]), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:8001", "localhost:8000"),
            ("https://evil.example.com", "tasks.example.com"),
            ("https://tasks.example.com.evil.example", "tasks.example.com"),
            ("null", "tasks.example.com"),
            ("", "tasks.example.com"),
            ("file://tasks.example.com", "tasks.example.com"),
            ("http://", ""),
        ] {
            assert!(!is_allowed_for(Some(origin), host, &[]), "{origin} {host}");
        }
    }

    #[test]
    fn a_configured_origin_is_allowed_and_so_is_a_request_without_one() {
        let is_allowed = |origin| is_allowed_for(origin, "tasks.example.com", &["https://app.example.com"]);
        assert!(is_allowed(Some("https://app.example.com")));
        assert!(!is_allowed(Some("http://app.example.com")));
        assert!(is_allowed_for(None, "tasks.example.com", &[]));
    }
}
