//! The list of all tasks, for administrators.

use taskwire::domain::policy::AllTasks;

use super::{FORBIDDEN, Noun};

pub const NOUN: Noun = Noun {
    routes: &[("GET /tasks/admin/all", "", FORBIDDEN)],
    scopes: |matrix| matrix.visible::<AllTasks>("All tasks"),
    ..Noun::NONE
};
