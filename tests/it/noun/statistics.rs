use super::{Noun, SIGNED_IN};

pub const NOUN: Noun = Noun {
    fields: &[("taskStatistics", "{ total }", SIGNED_IN)],
    routes: &[
        ("GET /tasks/statistics", "", SIGNED_IN),
        ("GET /tasks/stats", "", SIGNED_IN),
    ],
    ..Noun::NONE
};
