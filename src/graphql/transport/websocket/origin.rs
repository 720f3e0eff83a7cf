//! Which pages of a browser may connect. A browser lets any page open a WebSocket to anywhere and says in the
//! header `Origin` whose page it is; whoever sends none is no browser.

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use url::Url;

use crate::config::CorsOrigins;

/// The most bytes of a header that are logged; both are ASCII.
const MAX_LOGGED: usize = 200;

/// Whether the request comes from a page of ours, from one that the settings name, or from no page.
pub(super) fn is_welcome(parts: &Parts, welcome: &CorsOrigins) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else {
        return true;
    };
    let origin = text(origin);
    match welcome {
        CorsOrigins::Any => true,
        CorsOrigins::List(list) => list.iter().any(|one| one == origin) || is_own(origin, host(parts)),
    }
}

/// Tells the operator why a page was refused. Development proxies that replace the `Host` are the usual reason.
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

/// Enough to recognise a site. A client can send kilobytes.
fn shortened(text: &str) -> &str {
    text.get(..MAX_LOGGED).unwrap_or(text)
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// The host that was asked for.
fn host(parts: &Parts) -> &str {
    match parts.headers.get(header::HOST) {
        Some(host) => text(host),
        None => parts.uri.authority().map_or("", |authority| authority.as_str()),
    }
}

/// Whether the page is from the host that it connects to. Whether it came by TLS is only known to a proxy.
fn is_own(origin: &str, host: &str) -> bool {
    let Ok(page) = Url::parse(origin) else {
        return false;
    };
    if !matches!(page.scheme(), "http" | "https") {
        return false;
    }
    let Ok(asked) = Url::parse(&format!("{}://{host}", page.scheme())) else {
        return false;
    };
    page.host_str() == asked.host_str() && page.port_or_known_default() == asked.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_let_in(origin: Option<&str>, host: &str, welcome: &[&str]) -> bool {
        let mut request = Request::builder().header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let welcome = welcome.iter().map(|origin| (*origin).to_owned()).collect();
        is_welcome(&parts, &CorsOrigins::List(welcome))
    }

    #[test]
    fn a_page_of_the_same_host_is_let_in_and_one_of_another_is_not() {
        for (origin, host) in [
            ("http://localhost:8000", "localhost:8000"),
            ("https://tasks.example.com", "tasks.example.com"),
            ("https://tasks.example.com", "Tasks.Example.com:443"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(is_let_in(Some(origin), host, &[]), "{origin} {host}");
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
            assert!(!is_let_in(Some(origin), host, &[]), "{origin} {host}");
        }
    }

    #[test]
    fn a_page_that_the_settings_name_is_let_in_and_so_is_whoever_is_no_page() {
        let welcome = ["https://app.example.com"];
        assert!(is_let_in(
            Some("https://app.example.com"),
            "tasks.example.com",
            &welcome
        ));
        assert!(!is_let_in(
            Some("http://app.example.com"),
            "tasks.example.com",
            &welcome
        ));
        assert!(is_let_in(None, "tasks.example.com", &[]));
    }
}
