//! Pages in this binary, with their scripts and styles. They work without a CDN and without internet access.
//! `cargo xtask assets` fetches the vendored files; `start.js` and `page.css` are ours.
//!
//! Pages have no inline scripts, and may only connect to this server.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use sha2::{Digest, Sha256};

use crate::state::AppState;

/// `GraphiQL`, Playground, Swagger UI and ReDoc create inline styles. ReDoc searches in a worker from a blob. `'self'`
/// includes a WebSocket of the same origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     font-src 'self' data:; img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";

/// Placeholder for `ROOT_PATH`.
const ROOT: &str = "{root}";

pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(crate) const STYLE: &str = "text/css; charset=utf-8";

/// A file of a page, from `assets`.
macro_rules! embed {
    ($folder:literal, $name:literal, $content_type:expr) => {
        Asset::new(
            $name,
            $content_type,
            include_bytes!(concat!("../../assets/", $folder, "/", $name)),
        )
    };
}
pub(super) use embed;

pub(crate) struct Asset {
    pub(crate) name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    /// Changes with the content, so that a URL with it can be cached forever.
    version: String,
}

impl Asset {
    pub(crate) fn new(name: &'static str, content_type: &'static str, content: &'static [u8]) -> Self {
        Self {
            name,
            content_type,
            content,
            version: hex::encode(&Sha256::digest(content)[..8]),
        }
    }

    pub(crate) fn response(&'static self, query: Option<&str>, request: &HeaderMap) -> Response {
        let etag = format!("\"{}\"", self.version);
        let known = request
            .get(header::IF_NONE_MATCH)
            .is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, self.cache_control(query)),
            (header::ETAG, etag.as_str()),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.content).into_response()
    }

    /// Only a URL with the current version is cached forever. While a new release rolls out, a page of one replica may
    /// load files from another; these must not be cached.
    fn cache_control(&self, query: Option<&str>) -> &'static str {
        let asked_version = query.and_then(|query| query.strip_prefix("v="));
        if asked_version == Some(self.version.as_str()) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }
}

pub(crate) struct Page {
    /// The folder of its files, here and below `assets`, and the id of its element.
    pub(crate) folder: &'static str,
    /// Contains [`ROOT`].
    html: String,
    pub(crate) assets: Vec<Asset>,
}

impl Page {
    /// Scripts are listed in the order in which they run. `without` is shown if JavaScript is disabled.
    pub(crate) fn new(folder: &'static str, name: &str, without: &str, assets: Vec<Asset>) -> Self {
        let tags: String = assets.iter().map(|asset| tag(folder, asset)).collect();
        let html = format!(
            r#"<!doctype html>
<html lang="en" data-root="{ROOT}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Taskwire {name}</title>
<link rel="icon" href="data:,">
{tags}</head>
<body>
<div id="{folder}"><p class="notice">Loading {name} …</p></div>
<noscript><p class="notice">{name} needs JavaScript. {without}</p></noscript>
</body>
</html>
"#
        );
        Self { folder, html, assets }
    }

    /// `root` is the path of the server, without a trailing slash.
    pub(crate) fn response(&'static self, root: &str) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            // It has the URLs of the current files, so an old copy must not be used.
            (header::CACHE_CONTROL, "no-cache"),
            // The same URL returns JSON to programs.
            (header::VARY, "Accept"),
        ];
        (headers, self.html.replace(ROOT, root)).into_response()
    }
}

pub(crate) fn page(page: &'static LazyLock<Page>) -> MethodRouter<AppState> {
    get(async |State(state): State<AppState>| page.response(&state.config().http.root_path))
}

/// Scripts are deferred: they run in order, after the page is parsed.
fn tag(folder: &str, asset: &Asset) -> String {
    let Asset { name, version, .. } = asset;
    let address = format!("{ROOT}/assets/{folder}/{name}?v={version}");
    match asset.content_type {
        STYLE => format!("<link rel=\"stylesheet\" href=\"{address}\">\n"),
        _ => format!("<script defer src=\"{address}\"></script>\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PAGE: LazyLock<Page> = LazyLock::new(|| {
        let assets = vec![
            Asset::new("page.css", STYLE, b"body { margin: 0 }"),
            Asset::new("start.js", SCRIPT, b"'use strict';"),
        ];
        Page::new("sample", "Sample", "There is none.", assets)
    });

    #[test]
    fn a_page_loads_every_file_from_this_server_and_has_no_inline_script() {
        let Page { folder, html, assets } = &*PAGE;
        for asset in assets {
            assert!(html.contains(&format!(
                "\"{ROOT}/assets/{folder}/{}?v={}\"",
                asset.name, asset.version
            )));
        }
        assert!(!html.contains("://"));
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script defer src=").count()
        );
    }

    #[test]
    fn only_the_current_version_of_a_file_is_cached_forever() {
        let asset = &PAGE.assets[1];
        let current = format!("v={}", asset.version);
        assert!(asset.cache_control(Some(&current)).ends_with("immutable"));
        assert_eq!(asset.cache_control(Some("v=older")), "no-cache");
        assert_eq!(asset.cache_control(None), "no-cache");
    }

    #[test]
    fn file_that_the_browser_has_is_not_sent_again() {
        let asset = &PAGE.assets[1];
        let first = asset.response(None, &HeaderMap::new());
        assert_eq!(
            (first.status(), &first.headers()[header::CONTENT_TYPE]),
            (StatusCode::OK, &SCRIPT.parse().unwrap())
        );
        let etag = first.headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        assert_eq!(asset.response(None, &again).status(), StatusCode::NOT_MODIFIED);
    }
}
