//! Files of tasks, and own files without a task. Uploads and downloads are streamed.

mod download;
mod form;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use self::form::PART;
use super::error::Result;
use super::extract::{Parameters, PathFilename, PathId, SignedIn};
use super::openapi::schema::{self, described_by_hand};
use super::rules::Rules;
use super::value::Moment;
use super::{Location, PREFIXES, Route};
use crate::domain::actor::Actor;
use crate::domain::attachment::{Attachment, DEFAULT_LINK_SECONDS, SIGNATURE};
use crate::domain::id::{AttachmentId, TaskId, UserId};
use crate::http::caller::Caller;
use crate::http::file_url::{path_of, url_of};
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::state::AppState;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// All characters but these are percent-encoded in paths and headers.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(super) struct AttachmentBody {
    /// File id.
    id: AttachmentId,
    /// Id of the task; null for a file without a task.
    #[schema(required = true)]
    task_id: Option<TaskId>,
    /// Id of the user who uploaded the file.
    owner_id: UserId,
    /// File name of the upload.
    #[schema(example = "report.pdf")]
    filename: String,
    /// Media type, detected from the content.
    #[schema(example = "application/pdf")]
    content_type: String,
    /// Size in bytes.
    #[schema(example = 1024)]
    size: u64,
    /// SHA-256 of the content, in hexadecimal.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: String,
    /// Upload time (UTC).
    created_at: Moment,
    /// Download URL. For 300 seconds it works without an access token, for example in `<img src>`; later it needs one.
    /// It starts with `SERVER_URL`; without that setting it is a path on this server.
    #[schema(example = "/api/v1/files/1?signature=eyJ0eXAi...")]
    url: String,
    /// Same value as `filename`, for clients of older APIs.
    #[schema(example = "report.pdf")]
    original_filename: String,
    /// Same value as `size`.
    #[schema(example = 1024)]
    file_size: u64,
    /// Same value as `created_at`.
    uploaded_at: Moment,
    /// Path of `url`, without the signature.
    #[schema(example = "/api/v1/files/1")]
    file_path: String,
}

impl AttachmentBody {
    fn of(app: &AppState, actor: &Actor, attachment: Attachment) -> Result<Self> {
        Ok(Self {
            url: url_of(app.domain(), actor, attachment.id, DEFAULT_LINK_SECONDS)?,
            file_path: format!("{}{}", app.config().http.root_path, path_of(attachment.id)),
            original_filename: attachment.filename.clone(),
            file_size: attachment.size,
            uploaded_at: Moment(attachment.created_at),
            id: attachment.id,
            task_id: attachment.task_id,
            owner_id: attachment.owner_id,
            filename: attachment.filename,
            content_type: attachment.content_type,
            size: attachment.size,
            sha256: attachment.sha256,
            created_at: Moment(attachment.created_at),
        })
    }
}

/// The files of a task, oldest first; up to 20, without paging.
#[derive(Serialize, ToSchema)]
#[schema(as = Files)]
pub(super) struct AttachmentsBody {
    /// Files of the task.
    items: Vec<AttachmentBody>,
    /// Number of files.
    #[schema(example = 1)]
    total: usize,
}

/// A file without a task. It can also be downloaded by name, as long as no newer file has that name.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnFile)]
pub(super) struct OwnBody {
    #[serde(flatten)]
    attachment: AttachmentBody,
    /// Download path with the file name.
    #[schema(example = "/api/v1/download/report.pdf")]
    download_url: String,
    /// Confirmation text that clients show.
    #[schema(example = "File report.pdf uploaded successfully")]
    message: String,
}

/// The names of the caller's files without a task.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnFiles)]
pub(super) struct OwnNamesBody {
    /// File names without duplicates, in alphabetical order; up to 1,000.
    #[schema(example = json!(["report.pdf"]))]
    files: Vec<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SignatureParameters {
    /// Signature from the `url` of a file, instead of an access token. It is valid for one file, until it expires or
    /// the session that requested it ends. An invalid signature is ignored if there is an access token.
    #[serde(rename = "signature")]
    _signature: Option<String>,
}

described_by_hand!(AttachmentId, "Id" => schema::id());

struct UploadForm;

described_by_hand!(UploadForm, "Upload" => schema::of_json(json!({
    "type": "object", "description": "A file.", "required": [PART],
    "properties": { PART: {
        "type": "string", "format": "binary",
        "description": "Text, Markdown, CSV, JSON, PDF, PNG, JPEG, GIF, WebP or Word, up to 5 MiB; needs a file name.",
    } },
    "additionalProperties": false,
})));

type Created<T> = (StatusCode, Location, Json<T>);

fn created<T>(id: AttachmentId, body: T) -> Created<T> {
    (StatusCode::CREATED, [(header::LOCATION, path_of(id))], Json(body))
}

fn escaped(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(attach)).counted_as(Tier::Upload),
        Route::of(routes!(list)),
        Route::of(routes!(list_own)),
        Route {
            takes_signature: true,
            ..Route::of(routes!(download))
        },
        Route::of(routes!(delete)),
        Route::of(routes!(keep)).counted_as(Tier::Upload),
        Route::of(routes!(download_own)),
        Route::of(routes!(delete_own)),
    ]
}

/// Routes of an early version of an older API. They are not in the OpenAPI document.
pub(super) fn early_routes(path: &str) -> [Route; 2] {
    [
        Route {
            takes_signature: true,
            ..Route::of(routes!(download)).at(path, "downloadEarlyFile")
        },
        Route::of(routes!(delete)).at(path, "deleteEarlyFile"),
    ]
}

/// Attach a file to a task
#[utoipa::path(post, path = "/tasks/{id}/files", operation_id = "attachFile", params(PathId),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file", body = AttachmentBody),
        (status = 413, description = "The file is larger than 5 MiB"),
        (status = 507, description = "The file exceeds the storage quota of the user or of the server"),
        (status = 415, description = "The body is not a form, or the type of the file is not allowed"),
    ))]
pub(super) async fn attach(
    SignedIn(app, actor): SignedIn,
    PathId(id): PathId,
    rules: Rules,
    request: Request,
) -> Result<Created<AttachmentBody>> {
    let file = form::receive(&app, &actor, Some(TaskId(id)), rules, request).await?;
    Ok(created(file.id, AttachmentBody::of(&app, &actor, file)?))
}

/// List the files of a task
#[utoipa::path(get, path = "/tasks/{id}/files", operation_id = "listFiles", params(PathId),
    responses((status = 200, description = "The files, oldest first", body = AttachmentsBody)))]
pub(super) async fn list(SignedIn(app, actor): SignedIn, PathId(id): PathId) -> Result<Json<AttachmentsBody>> {
    let files = app.domain().attachments().of_task(&actor, TaskId(id)).await?;
    let items = files.into_iter().map(|file| AttachmentBody::of(&app, &actor, file));
    let items = items.collect::<Result<Vec<_>>>()?;
    let total = items.len();
    Ok(Json(AttachmentsBody { items, total }))
}

/// List the names of the caller's files
///
/// Only files without a task.
#[utoipa::path(get, path = "/files", operation_id = "listOwnFiles",
    responses((status = 200, description = "The names", body = OwnNamesBody)))]
pub(super) async fn list_own(SignedIn(app, actor): SignedIn) -> Result<Json<OwnNamesBody>> {
    let files = app.domain().attachments().own_names(&actor).await?;
    Ok(Json(OwnNamesBody { files }))
}

/// Download a file
///
/// Browsers show images (`Content-Disposition: inline`) and save all other files.
#[utoipa::path(get, path = "/files/{id}", operation_id = "downloadFile",
    params(PathId, SignatureParameters),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The requested range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client's copy is current"),
        (status = 416, description = "`Range` starts after the end of the file"),
    ))]
pub(super) async fn download(
    SignedIn(app, actor): SignedIn,
    PathId(id): PathId,
    _: Parameters<SignatureParameters>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get(&actor, AttachmentId(id)).await?;
    download::answer(&file, &method, &headers).await
}

/// Delete a file permanently
#[utoipa::path(delete, path = "/files/{id}", operation_id = "deleteFile", params(PathId),
    responses((status = 204, description = "The file is deleted")))]
pub(super) async fn delete(SignedIn(app, actor): SignedIn, PathId(id): PathId) -> Result<StatusCode> {
    app.domain().attachments().delete(&actor, AttachmentId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Upload a file without a task
#[utoipa::path(post, path = "/upload", operation_id = "upload",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file", body = OwnBody),
        (status = 413, description = "The file is larger than 5 MiB"),
        (status = 507, description = "The file exceeds the storage quota of the user or of the server"),
        (status = 415, description = "The body is not a form, or the type of the file is not allowed"),
    ))]
pub(super) async fn keep(SignedIn(app, actor): SignedIn, rules: Rules, request: Request) -> Result<Created<OwnBody>> {
    let file = form::receive(&app, &actor, None, rules, request).await?;
    let (id, root) = (file.id, &app.config().http.root_path);
    let body = OwnBody {
        download_url: format!("{root}{}/download/{}", PREFIXES[0], escaped(&file.filename)),
        message: format!("File {} uploaded successfully", file.filename),
        attachment: AttachmentBody::of(&app, &actor, file)?,
    };
    Ok(created(id, body))
}

/// Download a file without a task by name
///
/// Returns the newest of the caller's files with this name.
#[utoipa::path(get, path = "/download/{filename}", operation_id = "downloadOwnFile", params(PathFilename),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The requested range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client's copy is current"),
        (status = 416, description = "`Range` starts after the end of the file"),
    ))]
pub(super) async fn download_own(
    SignedIn(app, actor): SignedIn,
    PathFilename(name): PathFilename,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get_own(&actor, &name).await?;
    download::answer(&file, &method, &headers).await
}

/// Delete a file without a task by name
///
/// Deletes the newest of the caller's files with this name.
#[utoipa::path(delete, path = "/delete/{filename}", operation_id = "deleteOwnFile", params(PathFilename),
    responses((status = 204, description = "The file is deleted")))]
pub(super) async fn delete_own(
    SignedIn(app, actor): SignedIn,
    rules: Rules,
    PathFilename(name): PathFilename,
) -> Result<StatusCode> {
    let files = app.domain().attachments();
    if rules.deletes_all_versions {
        files.delete_all_own(&actor, &name).await?;
    } else {
        files.delete_own(&actor, &name).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Authenticates a download by the signature of its URL, if there is one.
pub(super) async fn identify_by_signature(
    State(app): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let query = request.uri().query().unwrap_or_default();
    let Some((_, signature)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == SIGNATURE) else {
        return Ok(next.run(request).await);
    };
    let signature = signature.into_owned();
    let (mut parts, body) = request.into_parts();
    let PathId(id) = PathId::from_request_parts(&mut parts, &app).await?;
    let attachments = app.domain().attachments();
    let identity = attachments.authenticate(AttachmentId(id), &signature).await?;
    // With an invalid signature the access token counts, so that a client with both can go on after the URL expired.
    if identity.actor.user_id().is_some() || !parts.headers.contains_key(header::AUTHORIZATION) {
        let caller = Caller::identified(&parts, &app, identity);
        parts.extensions.insert(caller);
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if let Some(expires_at) = identity.expires_at
        && (status.is_success() || status == StatusCode::NOT_MODIFIED)
    {
        let seconds = (expires_at - app.domain().clock().now()).num_seconds().max(0);
        let headers = response.headers_mut();
        // Anyone with the URL may read the file: browsers may cache it until the URL expires and show it on any origin.
        if let Ok(value) = HeaderValue::try_from(format!("private, max-age={seconds}")) {
            headers.insert(header::CACHE_CONTROL, value);
        }
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    }
    Ok(response)
}
