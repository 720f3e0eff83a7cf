//! Rules for files that belong to no task. Files of a task follow the rules of the task.

use super::{Action, File, Own, OwnedKind, Relationship, Rule};

/// A file that does not exist yet and will belong to no task.
#[derive(Clone, Copy, Debug)]
pub enum NewFile {}

impl OwnedKind for NewFile {
    const NAME: &'static str = "attachment";
    const IS_PUBLIC: bool = true;
}

const NOT_THE_OWNER: &str = "Only the owner of the file or an administrator may do this";

rules! { FILE_ACTIONS:
    /// Upload a file that belongs to no task.
    KeepFile(Own<NewFile>): Relationship::is_owner, "A new file belongs to the user who uploads it";
    /// See and download a file that belongs to no task.
    SeeFile(File): Relationship::is_owner_or_admin, NOT_THE_OWNER;
    /// Delete a file that belongs to no task.
    DeleteFile(File): Relationship::is_owner_or_admin, NOT_THE_OWNER;
}
