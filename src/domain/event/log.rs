//! The use cases of the log as a whole.

use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::{policy, store};

use super::EventCursor;

/// The use cases of the log as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    core: &'a Core,
}

impl<'a> Events<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Where the log stands: no event becomes visible at or before this place any more. It tells nothing of
    /// what the events are, so everybody who sees tasks may have it.
    pub async fn head(self, actor: &Actor) -> Result<EventCursor> {
        let scope = policy::scope(actor)?;
        store::log::head(self.core.store.reader(), &scope).await
    }
}
