//! How subscriptions are answered: `delivery` executes them for each event, and `response_sharing` says whose answers
//! are the same. Their fields are in `types/subscription.rs`.

pub(super) mod delivery;
pub(super) mod response_sharing;
