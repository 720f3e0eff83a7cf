//! `GraphiQL`, the editor that people meet when they open the endpoint in a browser, and `GraphQL` Playground
//! for those who are used to it.
//!
//! Pages, scripts and styles come from this binary: no CDN learns who works here, and a network without a
//! way out has editors as well. The vendored files are fetched by `cargo xtask assets`; `start.js` and
//! `page.css` are ours.
//!
//! The pages forbid everything they do not need. They have no inline script, so that nothing which
//! slips into them can run, and they talk to this server alone.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// What a page may do. `GraphiQL`'s dialogs bring style elements of their own (to keep the page from
/// scrolling behind them), and Playground makes all its styles so, hence the inline styles. `'self'` covers the websocket of the same origin.
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

/// One of the editors.
struct Page {
    /// Where its files are, here and below `assets`; also what holds it in the page.
    folder: &'static str,
    html: String,
    assets: Vec<Asset>,
}

static GRAPHIQL: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
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
    ];
    Page::new("graphiql", "GraphiQL", assets)
});

static PLAYGROUND: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
        Asset::new(
            "middleware.css",
            STYLE,
            include_bytes!("../../assets/playground/middleware.css"),
        ),
        Asset::new("page.css", STYLE, include_bytes!("../../assets/playground/page.css")),
        Asset::new(
            "middleware.js",
            SCRIPT,
            include_bytes!("../../assets/playground/middleware.js"),
        ),
        Asset::new("start.js", SCRIPT, include_bytes!("../../assets/playground/start.js")),
    ];
    Page::new("playground", "GraphQL Playground", assets)
});

impl Page {
    /// Takes every file of the page. Scripts are in the order in which they must run.
    fn new(folder: &'static str, name: &str, assets: Vec<Asset>) -> Self {
        let tags: String = assets.iter().map(|asset| tag(folder, asset)).collect();
        let html = format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Taskwire {name}</title>
<link rel="icon" href="data:,">
{tags}</head>
<body>
<div id="{folder}"><p class="notice">Loading {name} …</p></div>
<noscript><p class="notice">{name} needs JavaScript. The endpoint at /graphql does not.</p></noscript>
</body>
</html>
"#
        );
        Self { folder, html, assets }
    }

    fn response(&'static self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            // It names the current versions of its files, so an old copy must not be kept.
            (header::CACHE_CONTROL, "no-cache"),
            // The same address may answer programs with something else.
            (header::VARY, "Accept"),
        ];
        (headers, self.html.as_str()).into_response()
    }
}

/// The line of a page that loads a file. Scripts are deferred: they run in order, after the page is there.
fn tag(folder: &str, asset: &Asset) -> String {
    let Asset { name, version, .. } = asset;
    let address = format!("/assets/{folder}/{name}?v={version}");
    match asset.content_type {
        STYLE => format!("<link rel=\"stylesheet\" href=\"{address}\">\n"),
        _ => format!("<script defer src=\"{address}\"></script>\n"),
    }
}

/// The pages, but for the one at the endpoint, and the files they load.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || graphiql()))
        .route("/playground", get(async || PLAYGROUND.response()))
        .route("/playground/", get(async || PLAYGROUND.response()))
        .route("/assets/{folder}/{file}", get(file))
}

/// `GraphiQL`, for every address at which a browser may ask for it.
pub(crate) fn graphiql() -> Response {
    GRAPHIQL.response()
}

async fn file(Path((folder, name)): Path<(String, String)>, RawQuery(query): RawQuery, request: HeaderMap) -> Response {
    let page = [&*GRAPHIQL, &*PLAYGROUND]
        .into_iter()
        .find(|page| page.folder == folder);
    let Some(asset) = page.and_then(|page| page.assets.iter().find(|asset| asset.name == name)) else {
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

    async fn ask(folder: &str, name: &str, headers: HeaderMap) -> Response {
        file(Path((folder.to_owned(), name.to_owned())), RawQuery(None), headers).await
    }

    #[test]
    fn pages_load_every_file_from_this_server_and_have_no_inline_script() {
        for Page { folder, html, assets } in [&*GRAPHIQL, &*PLAYGROUND] {
            for asset in assets {
                assert!(html.contains(&format!("\"/assets/{folder}/{}?v={}\"", asset.name, asset.version)));
            }
            assert!(!html.contains("://"));
            assert_eq!(
                html.matches("<script").count(),
                html.matches("<script defer src=").count()
            );
        }
    }

    #[test]
    fn only_the_current_version_of_a_file_is_kept_for_good() {
        let asset = &GRAPHIQL.assets[5];
        let current = format!("v={}", asset.version);
        assert!(cache_control(asset, Some(&current)).ends_with("immutable"));
        assert_eq!(cache_control(asset, Some("v=older")), "no-cache");
        assert_eq!(cache_control(asset, None), "no-cache");
    }

    #[tokio::test]
    async fn file_is_served_with_its_type_and_an_unknown_one_is_not_found() {
        for folder in ["graphiql", "playground"] {
            let found = ask(folder, "start.js", HeaderMap::new()).await;
            assert_eq!(found.status(), StatusCode::OK);
            assert_eq!(found.headers()[header::CONTENT_TYPE], SCRIPT);
        }
        for (folder, name) in [
            ("graphiql", "../graphiql/start.js"),
            ("graphiql", "middleware.js"),
            ("elsewhere", "start.js"),
        ] {
            assert_eq!(
                ask(folder, name, HeaderMap::new()).await.status(),
                StatusCode::NOT_FOUND
            );
        }
    }

    #[tokio::test]
    async fn file_that_the_browser_has_is_not_sent_again() {
        let first = ask("graphiql", "start.js", HeaderMap::new()).await;
        let etag = first.headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        let second = ask("graphiql", "start.js", again).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }
}
