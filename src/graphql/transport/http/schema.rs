//! The schema as SDL, for code generators.

use std::sync::LazyLock;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::caller;
use super::response::respond;
use crate::graphql::sdl;
use crate::graphql::transport::state::GraphqlState;

/// `GET /schema.graphql`. If introspection is disabled, only signed-in users can read it.
pub(in crate::graphql) async fn schema(State(state): State<GraphqlState>, request: Request) -> Response {
    static SDL: LazyLock<String> = LazyLock::new(sdl);
    let (parts, _) = request.into_parts();
    if !state.config().graphql.introspection {
        let actor = caller(&state, &parts).await.map(|caller| caller.actor);
        let allowed = actor.and_then(|actor| Ok(actor.signed_in().map(|_| ())?));
        if let Err(refusal) = allowed {
            return respond(&parts.headers, Err(refusal));
        }
    }
    // A new release may change the schema.
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    (headers, SDL.as_str()).into_response()
}
