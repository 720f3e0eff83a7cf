//! Types of the schema, one module for each resource: objects, inputs, payloads and resolvers. This module lists all
//! of them: the root types merge their fields, `Node` has the objects with a global id.

pub mod attachment;
pub mod event;
pub mod node;
pub mod notification;
pub mod rate_limit;
pub mod session;
pub mod statistics;
pub mod subscription;
pub mod tag;
pub mod task;
pub mod user;

use async_graphql::{MergedObject, SchemaBuilder};

use self::attachment::{Attachment, AttachmentById};
use self::node::nodes;
use self::notification::{Notification, NotificationById, NotificationTotals};
use self::session::{Session, SessionById};
use self::subscription::Subscription;
use self::tag::{Tag, TagTotals};
use self::task::{Task, TaskById, TaskEvent, TaskEventTotals, TaskTotals};
use self::user::{User, UserById, UserTotals};
use super::connection::Connection;

/// Queries. A field for one object is null if that object does not exist or is not visible to you. A field that fails
/// is null; then `errors` has an entry with its path.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    rate_limit::RateLimitQuery,
    node::NodeQuery,
    user::UserQuery,
    session::SessionQuery,
    task::TaskQuery,
    tag::TagQuery,
    statistics::StatisticsQuery,
    notification::NotificationQuery,
    event::EventQuery,
);

/// Mutations. Each payload has `userErrors`, the errors that the client can fix; other errors are in `errors`.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    session::SessionMutation,
    task::TaskMutation,
    task::TaskBulkMutation,
    attachment::AttachmentMutation,
    user::UserMutation,
    notification::NotificationMutation,
);

nodes! {
    /// A task.
    Task(TaskById);
    /// A user.
    User(UserById);
    /// An attachment.
    Attachment(AttachmentById);
    /// A notification.
    Notification(NotificationById);
    /// A session.
    Session(SessionById);
}

/// Describes the pages of each list.
pub(super) fn describe_pages(
    builder: SchemaBuilder<Query, Mutation, Subscription>,
) -> SchemaBuilder<Query, Mutation, Subscription> {
    builder
        .override_output_type_description::<Connection<Task, TaskTotals>>("A page of tasks.")
        .override_output_type_description::<Connection<TaskEvent, TaskEventTotals>>("A page of events of a task.")
        .override_output_type_description::<Connection<Notification, NotificationTotals>>("A page of notifications.")
        .override_output_type_description::<Connection<Tag, TagTotals>>("A page of tags.")
        .override_output_type_description::<Connection<User, UserTotals>>("A page of users.")
}
