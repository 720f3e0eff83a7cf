//! REST API documentation: Swagger UI, ReDoc and the OpenAPI document.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::editor::{GRAPHIQL, PLAYGROUND, graphiql};
use super::page::{Asset, Page, SCRIPT, STYLE, embed, page};
use crate::rest;
use crate::state::AppState;

/// Shown if JavaScript is disabled.
const WITHOUT_SCRIPTS: &str = "What it shows is at /openapi.json.";

static SWAGGER_UI: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
        embed!("swagger-ui", "swagger-ui.css", STYLE),
        embed!("swagger-ui", "page.css", STYLE),
        embed!("swagger-ui", "swagger-ui-bundle.js", SCRIPT),
        embed!("swagger-ui", "start.js", SCRIPT),
    ];
    Page::new("swagger-ui", "Swagger UI", WITHOUT_SCRIPTS, assets)
});

static REDOC: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
        embed!("redoc", "page.css", STYLE),
        embed!("redoc", "redoc.standalone.js", SCRIPT),
        embed!("redoc", "start.js", SCRIPT),
    ];
    Page::new("redoc", "ReDoc", WITHOUT_SCRIPTS, assets)
});

/// The pages, the files of all pages and editors, and the OpenAPI document.
pub(crate) fn routes() -> Router<AppState> {
    let mut router = Router::new()
        .route("/", get(index))
        .route("/assets/{folder}/{file}", get(file));
    for prefix in rest::PREFIXES {
        for ending in ["", "/"] {
            router = router
                .route(&format!("{prefix}/docs{ending}"), page(&SWAGGER_UI))
                .route(&format!("{prefix}/redoc{ending}"), page(&REDOC));
        }
        router = router.route(&format!("{prefix}/openapi.json"), get(openapi));
    }
    router
}

#[derive(Serialize)]
struct Index {
    message: &'static str,
    version: &'static str,
    status: &'static str,
    docs: String,
    redoc: String,
    health: String,
}

/// `GraphiQL` for browsers, JSON for programs. Programs accept everything; browsers name HTML.
async fn index(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let is_browser = accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    if is_browser && state.config().graphql.ide {
        return graphiql(&state);
    }
    let root = &state.config().http.root_path;
    let index = Index {
        message: "Taskwire: REST is under /api/v1, GraphQL at /graphql",
        version: env!("CARGO_PKG_VERSION"),
        status: "running",
        docs: format!("{root}/docs"),
        redoc: format!("{root}/redoc"),
        health: format!("{root}/health"),
    };
    ([(header::VARY, "Accept")], Json(index)).into_response()
}

async fn openapi(State(state): State<AppState>) -> Response {
    // A new release may change the document.
    (
        [(header::CACHE_CONTROL, "no-cache")],
        Json(rest::openapi::document_under(&state.config().http.root_path)),
    )
        .into_response()
}

async fn file(
    State(state): State<AppState>,
    Path((folder, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Response {
    match asset(state.config().graphql.ide, &folder, &name) {
        Some(asset) => asset.response(query.as_deref(), &request),
        None => rest::not_found(&format!("/assets/{folder}/{name}")),
    }
}

/// Files of the editors only exist if the editors are enabled.
fn asset(with_editors: bool, folder: &str, name: &str) -> Option<&'static Asset> {
    let editors = [&*GRAPHIQL, &*PLAYGROUND].into_iter().filter(|_| with_editors);
    let page = editors
        .chain([&*SWAGGER_UI, &*REDOC])
        .find(|page| page.folder == folder)?;
    page.assets.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_page_and_name_and_those_of_editors_only_with_editors() {
        for (folder, is_editor) in [
            ("graphiql", true),
            ("playground", true),
            ("swagger-ui", false),
            ("redoc", false),
        ] {
            assert!(asset(true, folder, "start.js").is_some());
            assert_eq!(asset(false, folder, "start.js").is_none(), is_editor);
        }
        for (folder, name) in [
            ("graphiql", "../graphiql/start.js"),
            ("graphiql", "middleware.js"),
            ("elsewhere", "start.js"),
        ] {
            assert!(asset(true, folder, name).is_none());
        }
    }
}
