//! What is done to the server's own things, and by it in the background.

use crate::domain::policy::{Action, EventLog, Installation, JobQueue, Leftovers, Standing, Verdict};

/// `Allowed` for the server itself, and for whoever runs it from the command line.
fn the_server(who: Standing, refusal: &'static str) -> Verdict {
    if who.system {
        Verdict::Allowed
    } else {
        Verdict::Refused(refusal)
    }
}

/// What others are told who want what only the command line does.
const RUNNERS_ONLY: &str = "Only whoever runs the server may do this";

/// Forget the oldest part of the event log.
#[derive(Clone, Copy, Debug)]
pub struct PruneLog;

impl Action for PruneLog {
    type On = EventLog;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself forgets what happened")
    }
}

/// Copy everything there is out of the database and the storage.
#[derive(Clone, Copy, Debug)]
pub struct TakeBackup;

impl Action for TakeBackup {
    type On = Installation;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, RUNNERS_ONLY)
    }
}

/// Put what a backup holds in the place of everything there is.
#[derive(Clone, Copy, Debug)]
pub struct RestoreBackup;

impl Action for RestoreBackup {
    type On = Installation;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, RUNNERS_ONLY)
    }
}

/// Take jobs from the queue, and say what came of them.
#[derive(Clone, Copy, Debug)]
pub struct RunJobs;

impl Action for RunJobs {
    type On = JobQueue;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself runs jobs")
    }
}

/// Forget sessions, keys and jobs whose time is over.
#[derive(Clone, Copy, Debug)]
pub struct SweepUp;

impl Action for SweepUp {
    type On = Leftovers;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself sweeps up")
    }
}
