//! The GraphQL editors: `GraphiQL`, which browsers get at the endpoint, and Playground.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Response;

use super::page::{Asset, Page, SCRIPT, STYLE, page};
use crate::state::AppState;

/// Shown if JavaScript is disabled.
const WITHOUT_SCRIPTS: &str = "The endpoint at /graphql does not.";

pub(crate) static GRAPHIQL: LazyLock<Page> = LazyLock::new(|| {
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
    Page::new("graphiql", "GraphiQL", WITHOUT_SCRIPTS, assets)
});

pub(crate) static PLAYGROUND: LazyLock<Page> = LazyLock::new(|| {
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
    Page::new("playground", "GraphQL Playground", WITHOUT_SCRIPTS, assets)
});

/// All pages but the one at the endpoint.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/playground", page(&PLAYGROUND))
        .route("/playground/", page(&PLAYGROUND))
}

pub(crate) fn graphiql(state: &AppState) -> Response {
    GRAPHIQL.response(&state.config().http.root_path)
}
