//! What can be found by a global id, in GraphQL.

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

/// Something that can be found by its global id.
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A task.
    Task(Task),
    /// A user.
    User(User),
    /// A notification.
    Notification(Notification),
    /// A file.
    Attachment(Attachment),
    /// A session.
    Session(Session),
}

/// The most nodes that are looked for at once.
const MAX_NODES: usize = 100;

/// What can be found by a global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The task, user, file, notification or session of yours with this id; null when there is none, it is in the trash, or it is not yours to see.
    #[graphql(guard = "SignedIn")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Which one.")] id: ID) -> Option<error::Result<Node>> {
        find(ctx, "id", &id).await.map_err(Into::into).transpose()
    }

    /// The tasks, users, files, notifications and sessions with these ids, in the same order; null in the place of each that there is
    /// not, that is in the trash, or that is not yours to see.
    #[graphql(guard = "SignedIn")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones, up to 100.")] ids: Vec<ID>,
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

/// Looks for one node, together with the others that are looked for at the moment.
async fn find(ctx: &Context<'_>, place: &str, id: &ID) -> Result<Option<Node>> {
    if let Ok(task) = TaskId::from_global(place, id) {
        let found = ctx.loaders().load::<TaskById>(task).await?;
        return Ok(found.map(|task| Node::Task(task.into())));
    }
    if let Ok(notification) = NotificationId::from_global(place, id) {
        let found = ctx.loaders().load::<NotificationById>(notification).await?;
        return Ok(found.map(|found| Node::Notification(found.into())));
    }
    if let Ok(file) = AttachmentId::from_global(place, id) {
        let found = ctx.loaders().load::<AttachmentById>(file).await?;
        return Ok(found.map(|file| Node::Attachment(file.into())));
    }
    if let Ok(session) = SessionId::from_global(place, id) {
        let found = ctx.loaders().load::<SessionById>(session).await?;
        return Ok(found.map(|session| Node::Session(session.into())));
    }
    let user = UserId::from_global(place, id).map_err(|_| Error::BadInput {
        field: "id",
        message: format!(
            "{place}: '{}' is not the id of a Task, a User, an Attachment, a Notification or a Session; use an id that this server gave, unchanged",
            excerpt(id)
        ),
    })?;
    let found = ctx.loaders().load::<UserById>(user).await?;
    Ok(found.map(|user| Node::User(User(user))))
}
