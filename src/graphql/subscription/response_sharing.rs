//! Decides which subscriptions share a response to an event:
//!
//! - If all selected fields are equal for every receiver, there is one response per time zone.
//! - If `Attachment.url` is selected, there is one per session, because the URL is signed for a session.
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

/// The field whose value depends on the session: a signed URL.
const OF_SESSION: (&str, &str) = ("Attachment", "url");

/// The rights on which a response depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) enum Rights {
    /// All receivers in a time zone. `sees_task`: whether the current task is visible to them.
    Everybody { sees_task: bool, zone: TimeZone },
    /// All administrators in a time zone.
    Administrators { zone: TimeZone },
    /// One user with the role `User`.
    User { id: UserId, sees_task: bool },
    /// One session, because the response contains a signed URL.
    Session { id: SessionId, sees_task: bool },
}

/// The properties of a subscription that decide about sharing.
pub(in crate::graphql) struct Sharing {
    pub(super) fingerprint: Arc<str>,
    is_alike: bool,
    /// Whether a response contains the current task.
    pub(super) shows_task: bool,
    is_of_session: bool,
}

impl Sharing {
    pub(in crate::graphql) fn of(operation: &Operation, model: &Model) -> Self {
        let selected = operation.prepared.operation.selection_set();
        let root = model.root(operation.kind()).zip(selected);
        Self {
            fingerprint: fingerprint(operation, selected),
            is_alike: root.is_some_and(|(root, set)| is_alike(model, root, set)),
            shows_task: selected.is_some_and(shows_task),
            is_of_session: root.is_some_and(|(root, set)| is_of_session(model, root, set)),
        }
    }

    pub(in crate::graphql) fn rights(&self, actor: &Actor, sees_task: bool) -> Rights {
        // `isOverdue` depends on the time zone.
        let zone = actor.time_zone();
        match actor {
            _ if self.is_alike => Rights::Everybody { sees_task, zone },
            Actor::User(user) if self.is_of_session => Rights::Session {
                id: user.session,
                sees_task,
            },
            Actor::User(user) if user.role == Role::User => Rights::User { id: user.id, sees_task },
            _ => Rights::Administrators { zone },
        }
    }
}

/// Whether the current task of the event is selected.
fn shows_task(set: &SelectionSet) -> bool {
    fields(set)
        .flat_map(|event| fields(&event.selection_set.node))
        .any(|field| field.name.node == PRESENT_TASK)
}

/// Whether the selections are equal for every receiver of an event. Subscriptions reach no interfaces.
fn is_alike(model: &Model, kind: TypeId, set: &SelectionSet) -> bool {
    let listed = ALIKE.iter().find(|(name, _)| model.name(kind) == *name);
    fields(set).all(|field| {
        let name = field.name.node.as_str();
        let is_listed = listed.is_some_and(|(_, fields)| fields.is_empty() || fields.contains(&name));
        let below = model.field(kind, name).map(|definition| definition.kind.named());
        name == "__typename"
            || (is_listed && below.is_some_and(|kind| is_alike(model, kind, &field.selection_set.node)))
    })
}

fn is_of_session(model: &Model, kind: TypeId, set: &SelectionSet) -> bool {
    fields(set).any(|field| {
        let name = field.name.node.as_str();
        let below = model.field(kind, name).map(|definition| definition.kind.named());
        (model.name(kind).as_str(), name) == OF_SESSION
            || below.is_some_and(|kind| is_of_session(model, kind, &field.selection_set.node))
    })
}

/// Hash of an operation and its variables, without the start of the events: it does not affect the response to an
/// event.
fn fingerprint(operation: &Operation, selected: Option<&SelectionSet>) -> Arc<str> {
    let mut given = operation.given.clone().unwrap_or_default();
    if let Some(name) = selected.and_then(variable_of_after) {
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
