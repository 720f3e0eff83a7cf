//! Fields and routes that belong to no noun.

use super::{FOR_EVERYBODY, NOT_FOUND, Noun, SIGNED_IN};

pub const NOUN: Noun = Noun {
    fields: &[
        ("rateLimit", "{ remaining }", FOR_EVERYBODY),
        ("node", "(id: TASK) { id }", NOT_FOUND),
        ("nodes", "(ids: [TASK]) { id }", SIGNED_IN),
    ],
    routes: &[("GET /async/external", "", SIGNED_IN)],
    ..Noun::NONE
};
