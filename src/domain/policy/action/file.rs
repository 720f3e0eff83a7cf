//! What is done to files that belong to no task.

use crate::domain::policy::{Action, File, NewFile, Standing, Verdict};

/// `Allowed` for whoever keeps a file, and for administrators; the rest do not see it.
fn keepers(who: Standing) -> Verdict {
    if who.owner || who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Hidden
    }
}

/// Keep a file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct KeepFile;

impl Action for KeepFile {
    type On = NewFile;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("A new file belongs to whoever uploads it")
        }
    }
}

/// See a file that belongs to no task, and read it. Those of a task are seen with the task.
#[derive(Clone, Copy, Debug)]
pub struct SeeFile;

impl Action for SeeFile {
    type On = File;

    fn verdict(&self, who: Standing) -> Verdict {
        keepers(who)
    }
}

/// Delete a file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct DeleteFile;

impl Action for DeleteFile {
    type On = File;

    fn verdict(&self, who: Standing) -> Verdict {
        keepers(who)
    }
}
