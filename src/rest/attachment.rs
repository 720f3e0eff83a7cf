//! Files: of tasks, and of one's own without a task.
//!
//! They stream in and out: none is ever held whole in memory. How one comes is in `attachment/form.rs`, how one is
//! given back in `attachment/download.rs`.

mod download;
mod form;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use self::form::Belongs;
use super::error::Result;
use super::extract::{Asker, PathFilename, PathId};
use super::{PREFIXES, location};
use crate::app::App;
use crate::domain::attachment::Attachment;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AttachmentId, TaskId, UserId};

/// What is written as it is in names within paths and headers; the rest is percent-encoded.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A file.
#[derive(Serialize)]
pub(super) struct AttachmentBody {
    id: AttachmentId,
    task_id: Option<TaskId>,
    owner_id: UserId,
    filename: String,
    content_type: String,
    /// In bytes.
    size: u64,
    sha256: String,
    created_at: Timestamp,
    /// The path to its bytes.
    url: String,
}

impl From<Attachment> for AttachmentBody {
    fn from(attachment: Attachment) -> Self {
        Self {
            url: path_of(attachment.id),
            id: attachment.id,
            task_id: attachment.task_id,
            owner_id: attachment.owner_id,
            filename: attachment.filename,
            content_type: attachment.content_type,
            size: attachment.size,
            sha256: attachment.sha256,
            created_at: attachment.created_at,
        }
    }
}

/// The files of a task, the oldest first: up to 20, so that there are no pages.
#[derive(Serialize)]
pub(super) struct AttachmentsBody {
    items: Vec<AttachmentBody>,
    total: usize,
}

/// A file of one's own, which its name leads to as well, as long as no newer one has it.
#[derive(Serialize)]
pub(super) struct OwnBody {
    #[serde(flatten)]
    attachment: AttachmentBody,
    /// The path to it by its name.
    download_url: String,
}

/// An answer with something new, and where it is.
type Created<T> = (StatusCode, [(HeaderName, String); 1], Json<T>);

/// The path under which a file is downloaded.
pub(crate) fn path_of(id: AttachmentId) -> String {
    location("files", id.0)
}

fn created<T>(id: AttachmentId, body: T) -> Created<T> {
    (StatusCode::CREATED, [(header::LOCATION, path_of(id))], Json(body))
}

fn escaped(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

/// Keeps a file of a task.
pub(super) async fn attach(State(app): State<App>, request: Request) -> Result<Created<AttachmentBody>> {
    let made = form::receive(&app, request, Belongs::ToTask).await?;
    Ok(created(made.id, made.into()))
}

/// The files of a task.
pub(super) async fn list(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
) -> Result<Json<AttachmentsBody>> {
    let files = app.domain().attachments().of_task(&actor, TaskId(id)).await?;
    let items: Vec<AttachmentBody> = files.into_iter().map(AttachmentBody::from).collect();
    let total = items.len();
    Ok(Json(AttachmentsBody { items, total }))
}

/// The bytes of a file.
pub(super) async fn download(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get(&actor, AttachmentId(id)).await?;
    download::answer(&file, &method, &headers).await
}

/// Deletes a file for good.
pub(super) async fn delete(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<StatusCode> {
    app.domain().attachments().delete(&actor, AttachmentId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps a file of one's own.
pub(super) async fn keep(State(app): State<App>, request: Request) -> Result<Created<OwnBody>> {
    let made = form::receive(&app, request, Belongs::ToSender).await?;
    let body = OwnBody {
        download_url: format!("{}/download/{}", PREFIXES[0], escaped(&made.filename)),
        attachment: made.clone().into(),
    };
    Ok(created(made.id, body))
}

/// The bytes of the newest file of one's own that has this name.
pub(super) async fn download_own(
    State(app): State<App>,
    Asker(actor): Asker,
    PathFilename(name): PathFilename,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let file = app.domain().attachments().get_own(&actor, &name).await?;
    download::answer(&file, &method, &headers).await
}

/// Deletes the newest file of one's own that has this name.
pub(super) async fn delete_own(
    State(app): State<App>,
    Asker(actor): Asker,
    PathFilename(name): PathFilename,
) -> Result<StatusCode> {
    app.domain().attachments().delete_own(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
