//! Files: of tasks, and of one's own without a task.
//!
//! They stream in and out. How one comes is in `attachment/form.rs`, how one is given back in
//! `attachment/download.rs`, and by a signed URL in `attachment/signature.rs`.

mod download;
mod form;
mod signature;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::form::PART;
use self::signature::SignatureParameters;
pub(super) use self::signature::identify as identify_by_signature;
use super::error::Result;
use super::extract::{Asker, Parameters, PathFilename, PathId};
use super::openapi::schema::{self, described_by_hand};
use super::rules::Rules;
use super::value::Moment;
use super::{PREFIXES, Route};
use crate::domain::actor::Actor;
use crate::domain::attachment::{Attachment, DEFAULT_LINK_SECONDS};
use crate::domain::id::{AttachmentId, TaskId, UserId};
use crate::http::file_url::{path_of, url_of};
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::state::AppState;

/// What is written as it is in names within paths and headers; the rest is percent-encoded.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(super) struct AttachmentBody {
    /// Its number.
    id: AttachmentId,
    /// The task it belongs to, if any.
    #[schema(required = true)]
    task_id: Option<TaskId>,
    /// Who sent it.
    owner_id: UserId,
    /// The name with which it came.
    #[schema(example = "report.pdf")]
    filename: String,
    /// What it is, by its content.
    #[schema(example = "application/pdf")]
    content_type: String,
    /// In bytes.
    #[schema(example = 1024)]
    size: u64,
    /// Of its bytes, in hexadecimal.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: String,
    /// When it came.
    created_at: Moment,
    /// Where it is downloaded. The URL works without an access token for 300 seconds, for example in `<img src>`, and
    /// with an access token after that. It starts with `SERVER_URL`; without that setting it is a path on this server.
    #[schema(example = "/api/v1/files/1?signature=eyJ0eXAi...")]
    url: String,
    /// As `filename`: the names of older APIs begin here.
    #[schema(example = "report.pdf")]
    original_filename: String,
    /// As `size`.
    #[schema(example = 1024)]
    file_size: u64,
    /// As `created_at`.
    uploaded_at: Moment,
    /// The path of `url`, without a signature.
    #[schema(example = "/api/v1/files/1")]
    file_path: String,
}

impl AttachmentBody {
    fn of(app: &AppState, actor: &Actor, attachment: Attachment) -> Result<Self> {
        Ok(Self {
            url: url_of(app.domain(), actor, attachment.id, DEFAULT_LINK_SECONDS)?,
            file_path: path_of(attachment.id),
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

/// The files of a task, the oldest first: up to 20, so that there are no pages.
#[derive(Serialize, ToSchema)]
#[schema(as = Files)]
pub(super) struct AttachmentsBody {
    /// The files.
    items: Vec<AttachmentBody>,
    /// How many there are.
    #[schema(example = 1)]
    total: usize,
}

/// A file of one's own, which its name leads to as well, as long as no newer one has it.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnFile)]
pub(super) struct OwnBody {
    #[serde(flatten)]
    attachment: AttachmentBody,
    /// The path to it by its name.
    #[schema(example = "/api/v1/download/report.pdf")]
    download_url: String,
    /// A sentence that clients show.
    #[schema(example = "File report.pdf uploaded successfully")]
    message: String,
}

/// The names of one's own files.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnFiles)]
pub(super) struct OwnNamesBody {
    /// Each name once, in alphabetical order; up to 1,000.
    #[schema(example = json!(["report.pdf"]))]
    files: Vec<String>,
}

/// A form with a file: how the document describes it.
struct UploadForm;

described_by_hand!(UploadForm, "Upload" => schema::of_json(json!({
    "type": "object", "description": "A file.", "required": [PART],
    "properties": { PART: {
        "type": "string", "format": "binary",
        "description": "Text, Markdown, CSV, JSON, PDF, PNG, JPEG, GIF, WebP or Word, up to 5 MiB, with the name that it is \
            to have.",
    } },
    "additionalProperties": false,
})));

/// An answer with something new, and where it is.
type Created<T> = (StatusCode, [(HeaderName, String); 1], Json<T>);

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
        Route::of(routes!(download)).with_signature(),
        Route::of(routes!(delete)),
        Route::of(routes!(keep)).counted_as(Tier::Upload),
        Route::of(routes!(download_own)),
        Route::of(routes!(delete_own)),
    ]
}

/// The routes of a file at the path of an early version of an older API. They are not in the document.
pub(super) fn early_routes(path: &str) -> [Route; 2] {
    [
        Route::of(routes!(download))
            .at(path, "downloadEarlyFile")
            .with_signature(),
        Route::of(routes!(delete)).at(path, "deleteEarlyFile"),
    ]
}

/// Attach a file to a task
#[utoipa::path(post, path = "/tasks/{id}/files", tag = "files", operation_id = "attachFile", params(PathId),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file", body = AttachmentBody),
        (status = 413, description = "The file is larger than 5 MiB"),
        (status = 507, description = "The file does not fit into the storage quota of the user or of the server"),
        (status = 415, description = "The body is no form, or the file is of a type that is not allowed"),
    ))]
pub(super) async fn attach(
    Asker(app, actor): Asker,
    PathId(id): PathId,
    rules: Rules,
    request: Request,
) -> Result<Created<AttachmentBody>> {
    let file = form::receive(&app, &actor, Some(TaskId(id)), rules, request).await?;
    Ok(created(file.id, AttachmentBody::of(&app, &actor, file)?))
}

/// List the files of a task
#[utoipa::path(get, path = "/tasks/{id}/files", tag = "files", operation_id = "listFiles", params(PathId),
    responses((status = 200, description = "The files, the oldest first", body = AttachmentsBody)))]
pub(super) async fn list(Asker(app, actor): Asker, PathId(id): PathId) -> Result<Json<AttachmentsBody>> {
    let files = app.domain().attachments().of_task(&actor, TaskId(id)).await?;
    let items = files.into_iter().map(|file| AttachmentBody::of(&app, &actor, file));
    let items = items.collect::<Result<Vec<_>>>()?;
    let total = items.len();
    Ok(Json(AttachmentsBody { items, total }))
}

/// List the names of one's own files
///
/// Those that belong to no task.
#[utoipa::path(get, path = "/files", tag = "files", operation_id = "listOwnFiles",
    responses((status = 200, description = "The names", body = OwnNamesBody)))]
pub(super) async fn list_own(Asker(app, actor): Asker) -> Result<Json<OwnNamesBody>> {
    let files = app.domain().attachments().own_names(&actor).await?;
    Ok(Json(OwnNamesBody { files }))
}

/// Download a file
///
/// Images are shown by browsers (`Content-Disposition: inline`), all other files are saved.
#[utoipa::path(get, path = "/files/{id}", tag = "files", operation_id = "downloadFile",
    params(PathId, SignatureParameters),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` asks for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it as it is"),
        (status = 416, description = "`Range` lies behind the end"),
    ))]
pub(super) async fn download(
    Asker(app, actor): Asker,
    PathId(id): PathId,
    _: Parameters<SignatureParameters>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get(&actor, AttachmentId(id)).await?;
    download::answer(&file, &method, &headers).await
}

/// Delete a file for good
#[utoipa::path(delete, path = "/files/{id}", tag = "files", operation_id = "deleteFile", params(PathId),
    responses((status = 204, description = "It is gone")))]
pub(super) async fn delete(Asker(app, actor): Asker, PathId(id): PathId) -> Result<StatusCode> {
    app.domain().attachments().delete(&actor, AttachmentId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep a file of one's own
#[utoipa::path(post, path = "/upload", tag = "files", operation_id = "upload",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file", body = OwnBody),
        (status = 413, description = "The file is larger than 5 MiB"),
        (status = 507, description = "The file does not fit into the storage quota of the user or of the server"),
        (status = 415, description = "The body is no form, or the file is of a type that is not allowed"),
    ))]
pub(super) async fn keep(Asker(app, actor): Asker, rules: Rules, request: Request) -> Result<Created<OwnBody>> {
    let file = form::receive(&app, &actor, None, rules, request).await?;
    let id = file.id;
    let body = OwnBody {
        download_url: format!("{}/download/{}", PREFIXES[0], escaped(&file.filename)),
        message: format!("File {} uploaded successfully", file.filename),
        attachment: AttachmentBody::of(&app, &actor, file)?,
    };
    Ok(created(id, body))
}

/// Download a file of one's own by its name
///
/// Of several with the same name, the newest.
#[utoipa::path(get, path = "/download/{filename}", tag = "files", operation_id = "downloadOwnFile", params(PathFilename),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` asks for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it as it is"),
        (status = 416, description = "`Range` lies behind the end"),
    ))]
pub(super) async fn download_own(
    Asker(app, actor): Asker,
    PathFilename(name): PathFilename,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get_own(&actor, &name).await?;
    download::answer(&file, &method, &headers).await
}

/// Delete a file of one's own by its name
///
/// Of several with the same name, the newest.
#[utoipa::path(delete, path = "/delete/{filename}", tag = "files", operation_id = "deleteOwnFile", params(PathFilename),
    responses((status = 204, description = "It is gone")))]
pub(super) async fn delete_own(
    Asker(app, actor): Asker,
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
