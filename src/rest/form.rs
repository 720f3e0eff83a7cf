//! HTML forms without files. Browsers send a form URL-encoded, and `FormData` as a multipart form.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::dialect::Exchange;
use super::error::{Problem, Result};
use super::extract::{check_content_type, content_type, read_body, read_pairs};
use crate::domain::error::{ViolationKind, excerpt};
use crate::http::body::{FormParts, Source, boundary_in};
use crate::state::AppState;

pub(super) const MULTIPART: &str = "multipart/form-data";
const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// The body of an HTML form.
pub(super) struct Form<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self> {
        let headers = request.headers();
        let is_form = |kind: &str| [URL_ENCODED, MULTIPART].contains(&kind);
        check_content_type(headers, is_form, &format!("{URL_ENCODED} or {MULTIPART}"))?;
        let is_multipart = content_type(headers).is_some_and(|kind| kind == MULTIPART);
        let boundary = is_multipart.then(|| boundary(headers)).transpose();
        let boundary = boundary.map_err(|error| Problem::bad_request(malformed(&error)))?;
        let exchange = request.extensions().get::<Exchange>().cloned();
        let mut bytes = read_body(request, app).await?;
        if let Some(boundary) = boundary {
            bytes = url_encoded(bytes, boundary).await?;
        }
        let canonical = exchange.map(|exchange| exchange.form(&bytes));
        read_pairs(canonical.as_deref().unwrap_or(&bytes), "body").map(Self)
    }
}

/// The boundary of a multipart form.
pub(super) fn boundary(headers: &HeaderMap) -> multer::Result<String> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    boundary_in(value.unwrap_or_default())
}

/// The message for a body that is no multipart form.
pub(super) fn malformed(error: &multer::Error) -> String {
    format!("The body is not {MULTIPART} as it should be: {error}")
}

/// The fields of a multipart form, URL-encoded.
async fn url_encoded(form: Bytes, boundary: String) -> Result<Bytes> {
    let broken = |error: multer::Error| Problem::bad_request(malformed(&error));
    let length = form.len() as u64;
    let mut parts = FormParts::new(&Source::new(Body::from(form), length), boundary);
    let mut pairs = String::new();
    while let Some(part) = parts.next().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            let name = excerpt(&name);
            let message = format!("{name}: the part is a file; send its value as text, without a filename");
            return Err(Problem::invalid(&name, ViolationKind::Other, message));
        }
        let value = part.bytes().await.map_err(broken)?;
        if !pairs.is_empty() {
            pairs.push('&');
        }
        pairs.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        pairs.push('=');
        pairs.extend(form_urlencoded::byte_serialize(&value));
    }
    Ok(pairs.into())
}
