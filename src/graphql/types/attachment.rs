//! Attachments in GraphQL.

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
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Row, Rows, Single, preload, rows_with};
use crate::graphql::upload::Upload;
use crate::http::file_url;

/// A file, of a task or of one's own.
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
    /// For look-ups.
    pub(super) fn rows(files: Vec<domain::attachment::Attachment>) -> Rows<Self> {
        Rows(files.into_iter().map(Self::from).collect())
    }
}

/// A file, of a task or of one's own.
#[plain_fields]
#[Object]
impl Attachment {
    /// The global id.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.file.id.to_global()
    }

    /// The number by which REST knows the file.
    async fn database_id(&self) -> i32 {
        self.file.id.0
    }

    /// Its name, without a path.
    async fn filename(&self) -> &str {
        &self.file.filename
    }

    /// Its media type, such as `application/pdf`.
    async fn content_type(&self) -> &str {
        &self.file.content_type
    }

    /// How many bytes it has.
    async fn size(&self) -> i32 {
        i32::try_from(self.file.size).unwrap_or(i32::MAX)
    }

    /// The SHA-256 of its bytes, in hexadecimal digits.
    async fn sha256(&self) -> &str {
        &self.file.sha256
    }

    /// A URL for `<img src>` and `<a href>`, which needs no access token. It works for this file until `expiresIn` seconds
    /// have passed, for as long as your session goes on and you can see the file. It starts with the server's
    /// `SERVER_URL`; without that setting it is a path on this server. Browsers show images and save all other files.
    fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "Some(DEFAULT_LINK_SECONDS)",
            desc = "How many seconds the URL works: 1 to 3600. Null means 300."
        )]
        expires_in: Option<i32>,
    ) -> Result<String> {
        let seconds = expires_in.unwrap_or(DEFAULT_LINK_SECONDS);
        Ok(file_url::url_of(ctx.domain(), ctx.actor(), self.file.id, seconds)?)
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.file.created_at
    }

    /// Who uploaded it; the task's owner once that account is gone.
    async fn owner(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.file.owner_id, &self.owner, User::single)
    }

    /// The task it belongs to, if any.
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

/// A file to keep.
#[derive(Debug, InputObject)]
pub struct AttachmentUploadInput {
    /// The task to attach it to; without one the file is yours alone.
    task_id: Option<ID>,
    /// The file, of 1 byte to 5 MiB: txt, md, csv, json, pdf, png, jpg, jpeg, gif, webp, doc or docx, by its name and by
    /// its content.
    file: Upload,
}

/// What became of uploading a file.
#[derive(Debug, SimpleObject)]
pub struct AttachmentUploadPayload {
    /// The file; null when it was not kept.
    attachment: Option<Attachment>,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

impl AttachmentUploadPayload {
    fn of(result: domain::error::Result<domain::attachment::Attachment>) -> Result<Self> {
        let (attachment, errors) = match result {
            Ok(attachment) => (Some(attachment.into()), Vec::new()),
            Err(error) => (None, user_errors(error, &["input"])?),
        };
        let errors = errors.into_iter().map(|error| error.of_argument(&["input", "taskId"]));
        Ok(Self {
            attachment,
            user_errors: errors.collect(),
        })
    }
}

/// What became of deleting a file.
#[derive(Debug, SimpleObject)]
pub struct AttachmentDeletePayload {
    /// The global id of the file that is gone; null when nothing was deleted.
    deleted_id: Option<ID>,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

impl AttachmentDeletePayload {
    fn of(result: domain::error::Result<domain::attachment::Attachment>) -> Result<Self> {
        let (deleted_id, user_errors) = match result {
            Ok(attachment) => (Some(attachment.id.to_global()), Vec::new()),
            Err(error) => (None, user_errors(error, &[])?),
        };
        Ok(Self {
            deleted_id,
            user_errors,
        })
    }
}

/// What can be done to files.
#[derive(Debug, Default)]
pub struct AttachmentMutation;

#[Object]
impl AttachmentMutation {
    /// Keeps a file, of a task or of your own. A task has up to 20 files; its owner, its assignee and administrators may
    /// attach them. Sent as multipart/form-data.
    #[graphql(guard = "SignedIn")]
    async fn attachment_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and the task it belongs to.")] input: AttachmentUploadInput,
    ) -> Result<AttachmentUploadPayload> {
        let task = input.task_id.map(|id| TaskId::from_global("input.taskId", &id));
        let task = task.transpose()?;
        let kept = async {
            let file = ctx.uploads().get(input.file)?;
            let attachments = ctx.domain().attachments();
            attachments.upload(ctx.actor(), task, &file.name, file.content()).await
        };
        AttachmentUploadPayload::of(kept.await)
    }

    /// Deletes a file for good. A file of a task may be deleted by the task's owner, its assignee and administrators,
    /// also if another user uploaded it; a file without a task by its owner and administrators.
    #[graphql(guard = "SignedIn")]
    async fn attachment_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which file.")] id: ID,
    ) -> Result<AttachmentDeletePayload> {
        let id = AttachmentId::from_global("id", &id)?;
        AttachmentDeletePayload::of(ctx.domain().attachments().delete(ctx.actor(), id).await)
    }
}

/// Files by id, as far as the actor sees them.
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

/// Files by task, as far as the actor sees it.
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
