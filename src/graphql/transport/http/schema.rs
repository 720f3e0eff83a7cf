//! The schema in its definition language, for code generators.

use std::sync::LazyLock;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::{caller, refuse};
use crate::app::App;
use crate::graphql::sdl;

/// `GET /schema.graphql`. Where introspection is switched off, only signed-in users get it.
pub(in crate::graphql) async fn schema(State(app): State<App>, request: Request) -> Response {
    static SDL: LazyLock<String> = LazyLock::new(sdl);
    let (parts, _) = request.into_parts();
    if !app.config().graphql.introspection {
        let actor = caller(&app, &parts).await.map(|caller| caller.actor);
        let allowed = actor.and_then(|actor| Ok(actor.signed_in().map(|_| ())?));
        if let Err(refusal) = allowed {
            return refuse(&parts.headers, refusal);
        }
    }
    // A new release may bring another one.
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    (headers, SDL.as_str()).into_response()
}
