//! Lookups by global id.

use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::try_join_all;

use super::attachment::{Attachment, AttachmentById};
use super::notification::{Notification, NotificationById};
use super::session::{Session, SessionById};
use super::task::{Task, TaskById};
use super::user::{User, UserById};
use crate::domain::error::{Error, Result, excerpt};
use crate::domain::id::{AttachmentId, NotificationId, SessionId, TaskId, UserId};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error;
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;

/// An object with a global id. The queries `node` and `nodes` return it.
#[derive(Clone, Debug, Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Global id: opaque, unique over all types, accepted by `node`."
))]
pub enum Node {
    /// A task.
    Task(Task),
    /// A user.
    User(User),
    /// A notification.
    Notification(Notification),
    /// An attachment.
    Attachment(Attachment),
    /// A session.
    Session(Session),
}

const MAX_NODES: usize = 100;

/// Queries by global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id. Null if it does not exist, is in the trash, or is not visible to you.
    #[graphql(guard = "SignedIn")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of a task, user, attachment, notification or session.")] id: ID,
    ) -> Option<error::Result<Node>> {
        find(ctx, "id", &id).await.map_err(Into::into).transpose()
    }

    /// The objects with these ids, in the order of `ids`. An element is null if the object does not exist, is in the
    /// trash, or is not visible to you.
    #[graphql(guard = "SignedIn")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of tasks, users, attachments, notifications or sessions, up to 100.")] ids: Vec<
            ID,
        >,
    ) -> Option<error::Result<Vec<Option<Node>>>> {
        Some(find_all(ctx, &ids).await.map_err(Into::into))
    }
}

async fn find_all(ctx: &Context<'_>, ids: &[ID]) -> Result<Vec<Option<Node>>> {
    if ids.len() > MAX_NODES {
        let message = format!("ids: {} ids were given; up to {MAX_NODES} are allowed", ids.len());
        return Err(Error::BadInput { field: "ids", message });
    }
    let nodes = ids.iter().enumerate();
    let nodes = nodes.map(async |(position, id)| find(ctx, &format!("ids.{position}"), id).await);
    try_join_all(nodes).await
}

/// Concurrent calls share one batch for each type.
async fn find(ctx: &Context<'_>, path: &str, id: &ID) -> Result<Option<Node>> {
    if let Ok(task) = TaskId::from_global(path, id) {
        let found = ctx.loaders().load::<TaskById>(task).await?;
        return Ok(found.map(|task| Node::Task(task.into())));
    }
    if let Ok(notification) = NotificationId::from_global(path, id) {
        let found = ctx.loaders().load::<NotificationById>(notification).await?;
        return Ok(found.map(|found| Node::Notification(found.into())));
    }
    if let Ok(file) = AttachmentId::from_global(path, id) {
        let found = ctx.loaders().load::<AttachmentById>(file).await?;
        return Ok(found.map(|file| Node::Attachment(file.into())));
    }
    if let Ok(session) = SessionId::from_global(path, id) {
        let found = ctx.loaders().load::<SessionById>(session).await?;
        return Ok(found.map(|session| Node::Session(session.into())));
    }
    let user = UserId::from_global(path, id).map_err(|_| Error::BadInput {
        field: "id",
        message: format!(
            "{path}: '{}' is not the id of a Task, a User, an Attachment, a Notification or a Session; use an id that this server gave, unchanged",
            excerpt(id)
        ),
    })?;
    let found = ctx.loaders().load::<UserById>(user).await?;
    Ok(found.map(|user| Node::User(User(user))))
}
