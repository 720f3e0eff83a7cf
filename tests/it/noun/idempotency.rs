//! Requests with an idempotency key.

use taskwire::domain::policy::{Own, RepeatRequest, Requests};

use super::Noun;
use crate::policy::OWNER;

pub const NOUN: Noun = Noun {
    actions: |matrix| matrix.action("", RepeatRequest, &Own::of(OWNER)),
    scopes: |matrix| matrix.visible::<Requests>("Requests with a key"),
    ..Noun::NONE
};
