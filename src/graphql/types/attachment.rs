//! GraphQL types of attachments.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, ID, InputObject, Object, Positioned, SimpleObject};
use chrono::{DateTime, Utc};
use taskwire_macros::plain_fields;

use super::task::{Task, TaskById};
use super::user::{User, UserById};
use crate::domain;
use crate::domain::attachment::DEFAULT_LINK_SECONDS;
use crate::domain::id::{AttachmentId, TaskId};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, value_or_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Row, Rows, Single, preload, rows_with};
use crate::graphql::upload::Upload;
use crate::http::file_url;

/// An attachment, with its preloaded references.
#[derive(Clone, Debug)]
pub struct Attachment {
    file: domain::attachment::Attachment,
    owner: Preloaded<Arc<domain::user::User>>,
    task: Preloaded<Arc<domain::task::Task>>,
}

impl From<domain::attachment::Attachment> for Attachment {
    fn from(file: domain::attachment::Attachment) -> Self {
        Self {
            file,
            owner: Preloaded::default(),
            task: Preloaded::default(),
        }
    }
}

impl Attachment {
    pub(super) fn rows(files: Vec<domain::attachment::Attachment>) -> Rows<Self> {
        Rows(files.into_iter().map(Self::from).collect())
    }
}

/// An uploaded file, visible to everyone who may see its task. A file without a task is visible to its owner and
/// administrators.
#[plain_fields]
#[Object]
impl Attachment {
    /// Global id: opaque, unique over all types, accepted by `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.file.id.to_global()
    }

    /// Numeric id of the file in the REST API.
    async fn database_id(&self) -> i32 {
        self.file.id.0
    }

    /// File name without a path, up to 255 characters.
    async fn filename(&self) -> &str {
        &self.file.filename
    }

    /// Media type, determined from the content, such as `application/pdf`.
    async fn content_type(&self) -> &str {
        &self.file.content_type
    }

    /// Size in bytes.
    async fn size(&self) -> i32 {
        i32::try_from(self.file.size).unwrap_or(i32::MAX)
    }

    /// SHA-256 hash of the content: 64 hexadecimal digits.
    async fn sha256(&self) -> &str {
        &self.file.sha256
    }

    /// Signed URL for `<img src>` and `<a href>`; needs no access token. It expires after `expiresIn` seconds, when
    /// your session ends, or when the file is no longer visible to you. It starts with `SERVER_URL`; without that
    /// setting it is a path on this server. Browsers show images and save all other files.
    fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "Some(DEFAULT_LINK_SECONDS)",
            desc = "Lifetime of the URL in seconds, 1 to 3600. Default: 300, also for null."
        )]
        expires_in: Option<i32>,
    ) -> Result<String> {
        let seconds = expires_in.unwrap_or(DEFAULT_LINK_SECONDS);
        Ok(file_url::url_of(ctx.domain(), ctx.actor(), self.file.id, seconds)?)
    }

    /// Date and time of the upload (UTC).
    async fn created_at(&self) -> DateTime<Utc> {
        self.file.created_at
    }

    /// The user who uploaded the file, or the owner of the task if that account was deleted. Null only if the account
    /// is deleted during this request.
    async fn owner(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.file.owner_id, &self.owner, User::single)
    }

    /// The task to which the file is attached. Null if there is none, it is in the trash, or it is not visible to you.
    async fn task(&self) -> Lookup<'_, TaskById, Single<Task>> {
        Lookup::new(self.file.task_id, &self.task, Task::single)
    }
}

impl Row for Attachment {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let owners = rows_for("owner").iter().map(|row| (row.file.owner_id, &row.owner));
        let tasks = rows_for("task").iter();
        let tasks = tasks.filter_map(|row| Some((row.file.task_id?, &row.task)));
        tokio::join!(preload::<UserById>(ctx, owners), preload::<TaskById>(ctx, tasks));
    }
}

/// A file to upload, and the task to attach it to.
#[derive(Debug, InputObject)]
pub struct AttachmentUploadInput {
    /// Global id of the task to which the file is attached. Default: none, so only you and administrators see the file.
    task_id: Option<ID>,
    /// The file, 1 byte to 5 MiB. Extension and content must be of one type: txt, md, csv, json, pdf, png, jpg, jpeg,
    /// gif, webp, doc or docx.
    file: Upload,
}

/// Payload of `attachmentUpload`.
#[derive(Debug, SimpleObject)]
pub struct AttachmentUploadPayload {
    /// The uploaded file. Null with errors.
    attachment: Option<Attachment>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Payload of `attachmentDelete`.
#[derive(Debug, SimpleObject)]
pub struct AttachmentDeletePayload {
    /// Global id of the deleted file. Null with errors.
    deleted_id: Option<ID>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Mutations of attachments.
#[derive(Debug, Default)]
pub struct AttachmentMutation;

#[Object]
impl AttachmentMutation {
    /// Uploads a file, as multipart/form-data. A task has up to 20 files. Its owner, its assignee and administrators
    /// may attach files.
    #[graphql(guard = "SignedIn")]
    async fn attachment_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "File to upload, and its task.")] input: AttachmentUploadInput,
    ) -> Result<AttachmentUploadPayload> {
        let task = input.task_id.map(|id| TaskId::from_global("input.taskId", &id));
        let task = task.transpose()?;
        let uploaded = async {
            let file = ctx.request().uploads.get(input.file)?;
            let attachments = ctx.domain().attachments();
            attachments.upload(ctx.actor(), task, &file.name, file.content()).await
        };
        let (attachment, errors) = value_or_errors(uploaded.await, &["input"])?;
        let errors = errors.into_iter();
        Ok(AttachmentUploadPayload {
            attachment: attachment.map(Attachment::from),
            user_errors: errors.map(|error| error.moved("id", &["input", "taskId"])).collect(),
        })
    }

    /// Deletes a file permanently. The owner of the task, its assignee and administrators may delete a file of a task,
    /// no matter which user uploaded it. The owner of a file without a task and administrators may delete that file.
    #[graphql(guard = "SignedIn")]
    async fn attachment_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the attachment.")] id: ID,
    ) -> Result<AttachmentDeletePayload> {
        let id = AttachmentId::from_global("id", &id)?;
        let deleted = ctx.domain().attachments().delete(ctx.actor(), id).await;
        let (deleted, user_errors) = value_or_errors(deleted, &[])?;
        Ok(AttachmentDeletePayload {
            deleted_id: deleted.map(|attachment| attachment.id.to_global()),
            user_errors,
        })
    }
}

pub(super) struct AttachmentById;

impl Batch for AttachmentById {
    type Key = AttachmentId;
    type Value = domain::attachment::Attachment;

    const NAME: &'static str = "attachments";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[AttachmentId]) -> Loaded<Self> {
        let files = domain.attachments().find_many(actor, keys).await?;
        Ok(files.into_iter().map(|file| (file.id, file)).collect())
    }
}

pub(super) struct AttachmentsOfTask;

impl Batch for AttachmentsOfTask {
    type Key = TaskId;
    type Value = Vec<domain::attachment::Attachment>;

    const NAME: &'static str = "attachments_of_tasks";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[TaskId]) -> Loaded<Self> {
        let mut files: HashMap<_, _> = keys.iter().map(|task| (*task, Vec::new())).collect();
        files.extend(domain.attachments().of_tasks(actor, keys).await?);
        Ok(files)
    }
}
