use taskwire::domain::policy::{Jobs, Own, QueueJob};

use super::{NOT_FOUND, Noun, SIGNED_IN};
use crate::policy::OWNER;

pub const NOUN: Noun = Noun {
    routes: &[
        ("POST /async/background-task", "", SIGNED_IN),
        ("GET /async/background-task/TASK", "", NOT_FOUND),
    ],
    actions: |matrix| matrix.action("", QueueJob, &Own::of(OWNER)),
    scopes: |matrix| matrix.visible::<Jobs>("Jobs"),
    ..Noun::NONE
};
