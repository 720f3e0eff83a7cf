//! One's own sessions, as a person looks through them.

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
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
        let sessions = live.into_iter().map(|live| Session {
            is_current: current.as_ref() == Some(&live.family),
            ..live.session
        });
        Ok(sessions.collect())
    }

    /// Ends one of them, which may be the one that asks. Returns it as it was.
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
