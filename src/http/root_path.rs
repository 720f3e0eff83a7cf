//! Serving under a path of a reverse proxy (`ROOT_PATH`). Requests work with and without that path, because a proxy may
//! remove it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use tower::{ServiceExt as _, service_fn};

use super::encoding::with_path_and_query;
use crate::config::HttpConfig;

/// Serves the routes with and without the configured path. `prefix` is that of the REST routes.
pub(crate) fn serve(routes: Router, config: &HttpConfig, prefix: &'static str) -> Router {
    if config.root_path.is_empty() {
        return routes;
    }
    let root: Arc<str> = config.root_path.as_str().into();
    Router::new().fallback_service(service_fn(move |mut request: Request| {
        let (routes, root) = (routes.clone(), root.clone());
        async move {
            if let Some(uri) = without_root(request.uri(), &root, prefix) {
                *request.uri_mut() = uri;
            }
            let mut response: Response = routes
                .oneshot(request)
                .await
                .unwrap_or_else(|never: Infallible| match never {});
            move_location(response.headers_mut(), &root);
            Ok::<_, Infallible>(response)
        }
    }))
}

/// `None` if the URI is not below the path, or if a proxy has removed the path already.
fn without_root(uri: &Uri, root: &str, prefix: &str) -> Option<Uri> {
    // With the path `/api`: no route starts with `/v1`.
    if is_below(prefix, root) && is_below(uri.path(), prefix) {
        return None;
    }
    let rest = uri.path().strip_prefix(root)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    with_path_and_query(uri, &format!("{path}{query}"))
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

/// Adds the path to the location of a created resource.
fn move_location(headers: &mut HeaderMap, root: &str) {
    let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    if location.starts_with('/')
        && let Ok(moved) = HeaderValue::from_str(&format!("{root}{location}"))
    {
        headers.insert(header::LOCATION, moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(uri: &str, root: &str) -> Option<String> {
        without_root(&uri.parse().unwrap(), root, "/api/v1").map(|uri| uri.to_string())
    }

    #[test]
    fn only_whole_segments_are_removed() {
        for (uri, expected) in [
            ("/taskwire", Some("/")),
            ("/taskwire?first=1", Some("/?first=1")),
            ("/taskwire/", Some("/")),
            ("/taskwire/tasks/1?x=/taskwire", Some("/tasks/1?x=/taskwire")),
            ("/taskwires", None),
            ("/tasks", None),
            ("/", None),
        ] {
            assert_eq!(without(uri, "/taskwire").as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn a_path_that_begins_the_prefix_of_rest_is_not_removed_from_it() {
        for (uri, root, expected) in [
            ("/api/v1/tasks", "/api", None),
            ("/api/api/v1/tasks", "/api", Some("/api/v1/tasks")),
            ("/api/graphql", "/api", Some("/graphql")),
            ("/api/v1/tasks", "/api/v1", Some("/tasks")),
        ] {
            assert_eq!(without(uri, root).as_deref(), expected, "{uri}");
        }
    }
}
