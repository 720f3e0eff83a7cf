//! The GraphQL editors: `GraphiQL`, which browsers get at the endpoint, and Playground.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Response;

use super::page::{Asset, Page, SCRIPT, STYLE, embed, page};
use crate::state::AppState;

/// Shown if JavaScript is disabled.
const WITHOUT_SCRIPTS: &str = "The endpoint at /graphql does not.";

pub(crate) static GRAPHIQL: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
        embed!("graphiql", "graphiql.min.css", STYLE),
        embed!("graphiql", "page.css", STYLE),
        embed!("graphiql", "react.production.min.js", SCRIPT),
        embed!("graphiql", "react-dom.production.min.js", SCRIPT),
        embed!("graphiql", "graphiql.min.js", SCRIPT),
        embed!("graphiql", "start.js", SCRIPT),
    ];
    Page::new("graphiql", "GraphiQL", WITHOUT_SCRIPTS, assets)
});

pub(crate) static PLAYGROUND: LazyLock<Page> = LazyLock::new(|| {
    let assets = vec![
        embed!("playground", "middleware.css", STYLE),
        embed!("playground", "page.css", STYLE),
        embed!("playground", "middleware.js", SCRIPT),
        embed!("playground", "start.js", SCRIPT),
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
