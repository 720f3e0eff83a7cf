//! Serving under a path of a reverse proxy (`ROOT_PATH`). A proxy may remove that path from requests, or keep it: both
//! reach the same routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use tower::{ServiceExt as _, service_fn};

use super::encoding::with_path_and_query;
use crate::config::HttpConfig;

/// The routes, with and without the configured path in front. Without one, they are left as they are.
pub(crate) fn serve(routes: Router, config: &HttpConfig) -> Router {
    if config.root_path.is_empty() {
        return routes;
    }
    let root: Arc<str> = config.root_path.as_str().into();
    Router::new().fallback_service(service_fn(move |mut request: Request| {
        let (routes, root) = (routes.clone(), root.clone());
        async move {
            if let Some(uri) = without_root(request.uri(), &root) {
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

/// The address within the path, if it starts with it.
fn without_root(uri: &Uri, root: &str) -> Option<Uri> {
    let rest = uri.path().strip_prefix(root)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    with_path_and_query(uri, &format!("{path}{query}"))
}

/// Puts the path in front of where a created resource is.
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
            let within = without_root(&uri.parse().unwrap(), "/taskwire");
            assert_eq!(within.map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
        }
    }
}
