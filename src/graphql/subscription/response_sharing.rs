//! Decides which subscriptions share a response to an event:
//!
//! - If all selected fields are equal for every receiver, there is one response per time zone.
//! - If `Attachment.url` is selected, there is one per session, because the URL is signed for a session.
//! - If `User.unreadNotificationCount` is selected, there is one per user, because only the user sees it.
//! - Otherwise there is one for all administrators of a time zone, and one for each other user.
//!
//! Receivers who see the current task and those who do not get separate responses, if it is selected.

use std::sync::Arc;

use async_graphql::parser::types::SelectionSet;
use async_graphql_value::Value;
use serde_json::json;

use crate::domain::actor::{Actor, Role};
use crate::domain::id::{SessionId, UserId};
use crate::domain::local_time::TimeZone;
use crate::graphql::execution::document::hash_of;
use crate::graphql::execution::model::{Model, TypeId};
use crate::graphql::execution::normalizer::fields;
use crate::graphql::execution::operation::Operation;

/// Types and fields that are equal for every receiver of an event. An empty list means all fields.
const ALIKE: [(&str, &[&str]); 7] = [
    ("Subscription", &["taskEvents", "taskStatusChanged"]),
    ("TaskEvent", &[]),
    ("TaskEventChange", &[]),
    ("TaskSnapshot", &[]),
    ("TaskSnapshotUser", &[]),
    (
        "Task",
        &[
            "id",
            "databaseId",
            "title",
            "description",
            "status",
            "priority",
            "dueDate",
            "dueOn",
            "isOverdue",
            "completedAt",
            "version",
            "createdAt",
            "updatedAt",
            "deletedAt",
            "clientKey",
            "owner",
            "assignee",
            "tags",
            "allowedTransitions",
        ],
    ),
    ("User", &["id", "databaseId", "username", "fullName", "displayName"]),
];

/// The field of an event that contains the current task.
const PRESENT_TASK: &str = "task";

/// The type of tasks.
const TASK: &str = "Task";

/// The field whose value depends on the session: a signed URL.
const OF_SESSION: (&str, &str) = ("Attachment", "url");

/// The field that even administrators see only on their own account.
const OF_USER: (&str, &str) = ("User", "unreadNotificationCount");

/// The rights on which a response depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) enum Rights {
    /// All receivers in a time zone. `sees_task`: whether the current task is visible to them.
    Everybody { sees_task: bool, zone: TimeZone },
    /// All administrators in a time zone.
    Administrators { zone: TimeZone },
    /// One user: with the role `User`, or because the response contains a field of the user alone.
    User { id: UserId, role: Role, sees_task: bool },
    /// One session, because the response contains a signed URL.
    Session { id: SessionId, role: Role, sees_task: bool },
}

/// The properties of a subscription that decide about sharing.
pub(in crate::graphql) struct Sharing {
    pub(super) fingerprint: Arc<str>,
    /// Whether a response contains the current task.
    pub(super) shows_task: bool,
    /// Whether a response contains tasks anywhere, such as that of a notification.
    pub(super) reads_tasks: bool,
    shared_by: SharedBy,
}

/// Who has the same response.
enum SharedBy {
    Everybody,
    /// All administrators, or one user.
    Role,
    User,
    Session,
}

impl SharedBy {
    fn of(model: &Model, root: TypeId, set: &SelectionSet) -> Self {
        let selects =
            |(of, field): (&str, &str)| any(model, root, set, &|kind, name| model.name(kind) == of && name == field);
        if !any(model, root, set, &|kind, name| !is_alike(model.name(kind), name)) {
            Self::Everybody
        } else if selects(OF_SESSION) {
            Self::Session
        } else if selects(OF_USER) {
            Self::User
        } else {
            Self::Role
        }
    }
}

impl Sharing {
    pub(in crate::graphql) fn of(operation: &Operation, model: &Model) -> Self {
        let selected = operation.prepared.operation.selection_set();
        let root = model.root(operation.kind());
        let is_task = |kind, name: &str| {
            let field = model.field(kind, name);
            field.is_some_and(|field| model.name(field.kind.named()) == TASK)
        };
        Self {
            fingerprint: fingerprint(operation, selected),
            shows_task: shows_task(selected),
            reads_tasks: root.is_some_and(|root| any(model, root, selected, &is_task)),
            shared_by: root.map_or(SharedBy::Role, |root| SharedBy::of(model, root, selected)),
        }
    }

    pub(in crate::graphql) fn rights(&self, actor: &Actor, sees_task: bool) -> Rights {
        // `isOverdue` depends on the time zone.
        let zone = actor.time_zone();
        let Actor::User(user) = actor else {
            return Rights::Administrators { zone };
        };
        match self.shared_by {
            SharedBy::Everybody => Rights::Everybody { sees_task, zone },
            SharedBy::Role if user.role == Role::Admin => Rights::Administrators { zone },
            SharedBy::Role | SharedBy::User => Rights::User {
                id: user.id,
                role: user.role,
                sees_task,
            },
            SharedBy::Session => Rights::Session {
                id: user.session,
                role: user.role,
                sees_task,
            },
        }
    }
}

/// Whether the current task of the event is selected.
fn shows_task(set: &SelectionSet) -> bool {
    fields(set)
        .flat_map(|event| fields(&event.selection_set.node))
        .any(|field| field.name.node == PRESENT_TASK)
}

/// Whether a field of this type is equal for every receiver of an event.
fn is_alike(kind: &str, field: &str) -> bool {
    let listed = ALIKE.iter().find(|(name, _)| *name == kind);
    field == "__typename" || listed.is_some_and(|(_, fields)| fields.is_empty() || fields.contains(&field))
}

/// Whether a field is meant, by its parent type and name, at any depth. Subscriptions reach no interfaces.
fn any(model: &Model, kind: TypeId, set: &SelectionSet, is_meant: &impl Fn(TypeId, &str) -> bool) -> bool {
    fields(set).any(|field| {
        let name = field.name.node.as_str();
        let below = model.field(kind, name).map(|definition| definition.kind.named());
        is_meant(kind, name) || below.is_some_and(|kind| any(model, kind, &field.selection_set.node, is_meant))
    })
}

/// Hash of an operation and its variables, without the start of the events: it does not affect the response to an
/// event.
fn fingerprint(operation: &Operation, selected: &SelectionSet) -> Arc<str> {
    let mut given = operation.given.clone().unwrap_or_default();
    if let Some(name) = variable_of_after(selected) {
        let uses = operation.document.text.matches(&format!("${name}")).count();
        // One declaration and one use: no other argument depends on it.
        if uses == 2 {
            given.remove(name);
        }
    }
    let whole = json!([operation.document.text, operation.name, given]).to_string();
    hex::encode(hash_of(&whole)).into()
}

/// The variable in the argument `after` of the root field.
fn variable_of_after(set: &SelectionSet) -> Option<&str> {
    match &fields(set).next()?.get_argument("after")?.node {
        Value::Variable(name) => Some(name.as_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::SignedIn;
    use crate::domain::local_time::DEFAULT_TIME_ZONE;

    #[test]
    fn a_user_whose_role_has_changed_does_not_get_the_response_to_the_earlier_role() {
        let actor = |role| {
            Actor::User(SignedIn {
                id: UserId(1),
                role,
                session: SessionId(1),
                time_zone: DEFAULT_TIME_ZONE,
                users: None,
            })
        };
        for shared_by in [SharedBy::Role, SharedBy::User, SharedBy::Session] {
            let sharing = Sharing {
                fingerprint: "".into(),
                shows_task: true,
                reads_tasks: true,
                shared_by,
            };
            let [before, after] = [Role::Admin, Role::User].map(|role| sharing.rights(&actor(role), true));
            assert_ne!(before, after);
        }
    }
}
