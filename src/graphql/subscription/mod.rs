//! Subscriptions: `delivery` executes them for each event, and `response_sharing` decides which of them share a
//! response. Their fields are in `types/subscription.rs`.

pub(super) mod delivery;
pub(super) mod response_sharing;
