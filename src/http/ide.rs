//! `GraphiQL`, the editor that people meet when they open the endpoint in a browser.
//!
//! Page, scripts and styles come from this binary: no CDN learns who works here, and a network without a
//! way out has an editor as well. The vendored files are fetched by `cargo xtask assets`; `start.js` and
//! `page.css` are ours.
//!
//! The page forbids everything it does not need. It has no inline script, so that nothing which
//! slips into it can run, and it talks to this server alone.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// What the page may do. Dialogs and menus bring style elements of their own (to keep the page from
/// scrolling behind them), hence the inline styles. `'self'` covers the websocket of the same origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     font-src 'self' data:; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file that is part of this binary.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    /// Changes with the content, so that an address with it can be kept forever.
    version: String,
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, content: &'static [u8]) -> Self {
        let digest = Sha256::digest(content);
        let start = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self {
            name,
            content_type,
            content,
            version: format!("{start:016x}"),
        }
    }
}

/// Every file of the page. Scripts are in the order in which they must run.
static ASSETS: LazyLock<[Asset; 6]> = LazyLock::new(|| {
    [
        Asset::new(
            "graphiql.min.css",
            STYLE,
            include_bytes!("../../assets/graphiql/graphiql.min.css"),
        ),
        Asset::new("page.css", STYLE, include_bytes!("../../assets/graphiql/page.css")),
        Asset::new(
            "react.production.min.js",
            SCRIPT,
            include_bytes!("../../assets/graphiql/react.production.min.js"),
        ),
        Asset::new(
            "react-dom.production.min.js",
            SCRIPT,
            include_bytes!("../../assets/graphiql/react-dom.production.min.js"),
        ),
        Asset::new(
            "graphiql.min.js",
            SCRIPT,
            include_bytes!("../../assets/graphiql/graphiql.min.js"),
        ),
        Asset::new("start.js", SCRIPT, include_bytes!("../../assets/graphiql/start.js")),
    ]
});

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let tags: String = ASSETS.iter().map(tag).collect();
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Taskwire GraphiQL</title>
<link rel="icon" href="data:,">
{tags}</head>
<body>
<div id="graphiql"><p class="notice">Loading GraphiQL …</p></div>
<noscript><p class="notice">GraphiQL needs JavaScript. The endpoint at /graphql does not.</p></noscript>
</body>
</html>
"#
    )
});

/// The line of the page that loads a file. Scripts are deferred: they run in order, after the page is there.
fn tag(asset: &Asset) -> String {
    let Asset { name, version, .. } = asset;
    let address = format!("/assets/graphiql/{name}?v={version}");
    match asset.content_type {
        STYLE => format!("<link rel=\"stylesheet\" href=\"{address}\">\n"),
        _ => format!("<script defer src=\"{address}\"></script>\n"),
    }
}

/// The files the page loads.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/graphiql/{file}", get(file))
}

/// The page itself, for every address at which a browser may ask for it.
pub(crate) fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // It names the current versions of its files, so an old copy must not be kept.
        (header::CACHE_CONTROL, "no-cache"),
        // The same address answers programs with something else.
        (header::VARY, "Accept"),
    ];
    (headers, PAGE.as_str()).into_response()
}

async fn file(Path(name): Path<String>, RawQuery(query): RawQuery, request: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", asset.version);
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, cache_control(asset, query.as_deref())),
        (header::ETAG, etag.as_str()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.content).into_response()
}

/// Only the address that names this very content may be kept for good. While a new release rolls out, a page
/// of one replica may load its files from another; what it gets there must not stick.
fn cache_control(asset: &Asset, query: Option<&str>) -> &'static str {
    let asked_version = query.and_then(|query| query.strip_prefix("v="));
    if asked_version == Some(asset.version.as_str()) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_loads_every_file_from_this_server_and_has_no_inline_script() {
        for asset in ASSETS.iter() {
            assert!(PAGE.contains(&format!("\"/assets/graphiql/{}?v={}\"", asset.name, asset.version)));
        }
        assert!(!PAGE.contains("://"));
        assert_eq!(
            PAGE.matches("<script").count(),
            PAGE.matches("<script defer src=").count()
        );
    }

    #[test]
    fn only_the_current_version_of_a_file_is_kept_for_good() {
        let asset = &ASSETS[5];
        let current = format!("v={}", asset.version);
        assert!(cache_control(asset, Some(&current)).ends_with("immutable"));
        assert_eq!(cache_control(asset, Some("v=older")), "no-cache");
        assert_eq!(cache_control(asset, None), "no-cache");
    }

    #[tokio::test]
    async fn file_is_served_with_its_type_and_an_unknown_one_is_not_found() {
        let ask = |name: &str| file(Path(name.to_owned()), RawQuery(None), HeaderMap::new());
        let found = ask("start.js").await;
        assert_eq!(found.status(), StatusCode::OK);
        assert_eq!(found.headers()[header::CONTENT_TYPE], SCRIPT);
        assert_eq!(ask("../graphiql/start.js").await.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn file_that_the_browser_has_is_not_sent_again() {
        let first = file(Path("start.js".to_owned()), RawQuery(None), HeaderMap::new()).await;
        let etag = first.headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        let second = file(Path("start.js".to_owned()), RawQuery(None), again).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }
}
