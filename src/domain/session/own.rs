//! One's own sessions, as a person looks through them.

use std::collections::HashSet;

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::SessionId;
use crate::domain::{policy, store};

use super::{Device, Sessions};

/// A session that goes on, from signing in until it ends, however many refresh tokens it has had.
#[derive(Clone, Debug)]
pub struct Session {
    /// The number of its first refresh token: it stays the same.
    pub id: SessionId,
    /// From where its tokens were last refreshed.
    pub device: Device,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When its tokens were last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless they are refreshed before.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// A refresh token that is good for one use, with the session it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct LiveSession {
    pub(crate) family: String,
    pub(crate) session: Session,
}

impl Sessions<'_> {
    /// The actor's own sessions that go on, the one used last first; up to 100.
    pub async fn own(self, actor: &Actor) -> Result<Vec<Session>> {
        let scope = policy::scope::<policy::Sessions>(actor)?;
        let (reader, current) = (self.core.store.reader(actor), actor.signed_in()?.session);
        let live = store::session::live(&reader, &scope, self.core.clock.now()).await?;
        let current = store::session::family(&reader, &scope, current).await?;
        // A refresh that was repeated within the grace made two tokens of one session.
        let mut seen = HashSet::new();
        Ok(live
            .into_iter()
            .filter(|live| seen.insert(live.family.clone()))
            .map(|live| Session {
                is_current: current.as_ref() == Some(&live.family),
                ..live.session
            })
            .collect())
    }
}
