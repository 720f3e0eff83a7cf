//! The table "who may do what", a row an `impl`: a module for each of the nouns.

mod file;
mod task;
mod user;

pub use self::file::*;
pub use self::task::*;
pub use self::user::*;

/// What is said to others of what only administrators may do.
pub(super) const ADMINISTRATORS_ONLY: &str = "Only an administrator may do this";
