//! Attachments in GraphQL.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::context::ContextExt as _;
use super::error::{Result, UserError, user_errors};
use super::guard::SignedIn;
use super::node::GlobalId as _;
use super::task::Task;
use super::upload::Upload;
use super::user::User;
use crate::domain::id::{AttachmentId, TaskId};
use crate::{domain, rest};

/// A file, of a task or of one's own.
#[derive(Clone, Debug)]
pub struct Attachment(pub(super) domain::attachment::Attachment);

/// A file, of a task or of one's own.
#[Object]
impl Attachment {
    /// The global id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_global()
    }

    /// The number by which REST knows the file.
    async fn database_id(&self) -> i32 {
        self.0.id.0
    }

    /// Its name, without a path.
    async fn filename(&self) -> &str {
        &self.0.filename
    }

    /// Its media type, such as `application/pdf`.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// How many bytes it has.
    async fn size(&self) -> i32 {
        i32::try_from(self.0.size).unwrap_or(i32::MAX)
    }

    /// The SHA-256 of its bytes, in hexadecimal digits.
    async fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// The path on this server under which it is downloaded, with the same access token.
    async fn url(&self) -> String {
        rest::path_of_file(self.0.id)
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Who uploaded it; the task's owner once that account is gone.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.loaders().users.load_one(self.0.owner_id).await?.map(User))
    }

    /// The task it belongs to, if any.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        match self.0.task_id {
            Some(id) => Ok(ctx.loaders().tasks.load_one(id).await?.map(Task::from)),
            None => Ok(None),
        }
    }
}

/// A file to keep.
#[derive(Debug, InputObject)]
pub struct AttachmentUploadInput {
    /// The task to attach it to; without one the file is yours alone.
    task_id: Option<ID>,
    /// The file, of 1 byte to 5 MiB: txt, pdf, png, jpg, jpeg, gif, doc or docx, by its name and by its content.
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
            Ok(attachment) => (Some(Attachment(attachment)), Vec::new()),
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
    /// Keeps a file, of a task or of your own. A task has up to 20 files. Sent as multipart/form-data.
    #[graphql(guard = "SignedIn")]
    async fn attachment_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and the task it belongs to.")] input: AttachmentUploadInput,
    ) -> Result<AttachmentUploadPayload> {
        let task = input.task_id.map(|id| TaskId::from_global("taskId", &id)).transpose()?;
        let file = ctx.uploads().get(input.file)?;
        let attachments = ctx.domain().attachments();
        AttachmentUploadPayload::of(attachments.upload(ctx.actor(), task, &file.name, file.content()).await)
    }

    /// Deletes a file for good.
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
