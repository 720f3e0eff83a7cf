//! The sessions of the actor.

use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionId;
use crate::domain::{policy, store};

use super::{Session, Sessions};

impl Sessions<'_> {
    /// The actor's active sessions, the most recently used first; up to 100.
    pub async fn own(self, actor: &Actor) -> Result<Vec<Session>> {
        let scope = policy::scope::<policy::Sessions>(actor)?;
        let (reader, current) = (self.core.store.reader(actor), actor.signed_in()?.session);
        let live = store::session::live(&reader, &scope, self.core.clock.now()).await?;
        let current = store::session::family(&reader, &scope, current).await?;
        let sessions = live.into_iter().map(|live| Session {
            is_current: current.as_ref() == Some(&live.family),
            ..live.session
        });
        Ok(sessions.collect())
    }

    /// Ends one of the actor's sessions, possibly the current one. Returns its last state.
    #[tracing::instrument(target = "taskwire::span", name = "session.end", skip_all)]
    pub async fn end(self, actor: &Actor, id: SessionId) -> Result<Session> {
        let session = self.own(actor).await?.into_iter().find(|session| session.id == id);
        let session = session.ok_or_else(|| Error::not_found("session", id))?;
        let (transaction, permit) = self.open_own(actor).await?;
        store::session::end_family_of(&transaction, &permit, id, self.core.clock.now()).await?;
        transaction.commit().await?;
        Ok(session)
    }
}
