//! Files: visibility, and rules for those that belong to no task. Files of a task follow the rules of the task.

use super::Refusal::Forbidden;
use super::resource::{OWNER, OWNER_OR_ADMIN};
use super::scope::own_or_everything;
use super::{Action, Own, Relationship, Resource, Rule, Scope, Tasks};
use crate::domain::id::{AttachmentId, Identifier as _, UserId};

/// A file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The file's id.
    pub id: AttachmentId,
    /// The user who uploaded it.
    pub owner: UserId,
}

impl Resource for File {
    type Subject = AttachmentId;

    const VISIBLE_TO: Option<(&'static [Relationship], &'static str)> = Some((OWNER_OR_ADMIN, AttachmentId::RESOURCE));

    fn subject(&self) -> AttachmentId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}

visible! {
    /// Files of visible tasks, and the user's own files that belong to no task; all for administrators.
    Files: own_or_everything;
}

impl Scope<Files> {
    /// The tasks whose files are visible.
    #[must_use]
    pub fn tasks(&self) -> Scope<Tasks> {
        Scope::new(self.visibility())
    }
}

rules! { FILE_ACTIONS:
    /// Upload a file that belongs to no task.
    KeepFile(Own): OWNER, Forbidden("A new file belongs to the user who uploads it");
    /// Delete a file that belongs to no task.
    DeleteFile(File): OWNER_OR_ADMIN, Forbidden("Only the owner of the file or an administrator may do this");
}
