//! Downloads by a signed URL, without an access token.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::IntoParams;

use crate::domain::attachment::SIGNATURE;
use crate::domain::id::AttachmentId;
use crate::http::caller::Caller;
use crate::rest::error::{Problem, Result};
use crate::rest::extract::PathId;
use crate::state::AppState;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::rest) struct SignatureParameters {
    /// Signature from the `url` of a file, instead of an access token. It is valid for one file, until it expires or
    /// the session that requested it ends. An invalid signature is ignored if there is an access token.
    #[serde(rename = "signature")]
    _signature: Option<String>,
}

/// Authenticates a download by the signature of its URL, if there is one.
pub(in crate::rest) async fn identify(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let Some((_, signature)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == SIGNATURE) else {
        return next.run(request).await;
    };
    let signature = signature.into_owned();
    answer(&app, request, &signature, next)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn answer(app: &AppState, request: Request, signature: &str, next: Next) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let PathId(id) = PathId::from_request_parts(&mut parts, app).await?;
    let attachments = app.domain().attachments();
    let identity = attachments.authenticate(AttachmentId(id), signature).await?;
    // With an invalid signature the access token counts, so that a client with both can go on after the URL expired.
    if identity.actor.user_id().is_some() || !parts.headers.contains_key(header::AUTHORIZATION) {
        let caller = Caller::identified(&parts, app, identity);
        parts.extensions.insert(caller);
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if let Some(expires_at) = identity.expires_at
        && (status.is_success() || status == StatusCode::NOT_MODIFIED)
    {
        let seconds = (expires_at - app.domain().clock().now()).num_seconds().max(0);
        describe(response.headers_mut(), seconds);
    }
    Ok(response)
}

/// Anyone with the URL may read the file, so browsers may cache it until the URL expires and show it on any origin.
fn describe(headers: &mut HeaderMap, seconds: i64) {
    if let Ok(value) = HeaderValue::try_from(format!("private, max-age={seconds}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}
