//! Attachments in GraphQL.

use std::sync::Arc;

use async_graphql::{Context, ContextSelectionSet, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::task::Task;
use super::user::User;
use crate::domain;
use crate::domain::attachment::DEFAULT_LINK_SECONDS;
use crate::domain::id::{AttachmentId, TaskId};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{AtHand, Preloaded, Row, Selected, Single, preload, rows_with};
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

/// A file, of a task or of one's own.
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
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Single<User>>> {
        let owner = self.owner.or_load(ctx.loaders().users(), self.file.owner_id).await?;
        Ok(owner.map(User).map(Single))
    }

    /// The task it belongs to, if any.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Single<Task>>> {
        let Some(id) = self.file.task_id else {
            return Ok(None);
        };
        let task = self.task.or_load(ctx.loaders().tasks(), id).await?;
        Ok(task.map(Task::from).map(Single))
    }
}

impl Row for Attachment {
    fn at_hand<'a>(&'a self, field: Selected<'a>) -> Option<AtHand<'a>> {
        let file = &self.file;
        Some(match field.name() {
            "id" => file.id.to_global().into(),
            "databaseId" => file.id.0.into(),
            "filename" => file.filename.as_str().into(),
            "contentType" => file.content_type.as_str().into(),
            "size" => i32::try_from(file.size).unwrap_or(i32::MAX).into(),
            "sha256" => file.sha256.as_str().into(),
            "createdAt" => file.created_at.into(),
            "owner" => self.owner.get()?.cloned().map(User).map(AtHand::object).into(),
            "task" if file.task_id.is_none() => AtHand::Null,
            "task" => self.task.get()?.cloned().map(Task::from).map(AtHand::object).into(),
            _ => return None,
        })
    }

    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [Selected<'a>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let owners = rows_for("owner").iter().map(|row| (row.file.owner_id, &row.owner));
        let tasks = rows_for("task").iter();
        let tasks = tasks.filter_map(|row| Some((row.file.task_id?, &row.task)));
        tokio::join!(
            preload(|| ctx.loaders().users(), owners),
            preload(|| ctx.loaders().tasks(), tasks)
        );
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
