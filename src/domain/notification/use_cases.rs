//! The use cases of notifications.

use super::{MAX_IDS, Notification, Which};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::NotificationId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Own, ReadNotifications};
use crate::domain::{Core, policy, store};

/// The use cases of notifications. All users, administrators included, see only their own.
#[derive(Clone, Copy, Debug)]
pub struct Notifications<'a> {
    pub(super) core: &'a Core,
}

impl<'a> Notifications<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// One page of the actor's notifications, newest first.
    #[tracing::instrument(target = "taskwire::span", name = "notification.list", skip_all)]
    pub async fn list(self, actor: &Actor, unread_only: bool, page: &PageRequest) -> Result<Page<Notification>> {
        let scope = policy::scope(actor)?;
        store::notification::page(&self.core.store.reader(actor), &scope, unread_only, page).await
    }

    /// The number of the actor's notifications.
    #[tracing::instrument(target = "taskwire::span", name = "notification.count", skip_all)]
    pub async fn count(self, actor: &Actor, unread_only: bool) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::notification::count(&self.core.store.reader(actor), &scope, unread_only).await
    }

    /// The actor's notifications among these ids.
    #[tracing::instrument(target = "taskwire::span", name = "notification.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[NotificationId]) -> Result<Vec<Notification>> {
        let scope = policy::scope(actor)?;
        store::notification::find_many(&self.core.store.reader(actor), &scope, ids).await
    }

    /// Marks notifications of the actor as read: all that are named, or none. Notifications that are read already keep
    /// their `read_at`. Returns the named notifications after the write.
    #[tracing::instrument(target = "taskwire::span", name = "notification.mark_read", skip_all)]
    pub async fn mark_read(self, actor: &Actor, which: &Which) -> Result<Vec<Notification>> {
        let user = actor.signed_in()?.id;
        let permit = policy::permit(actor, ReadNotifications, &Own::of(user))?;
        let scope = policy::scope(actor)?;
        let ids = match which {
            Which::All => None,
            Which::These(ids) => Some(ids.as_slice()),
        };
        if let Some(ids) = ids.filter(|ids| ids.len() > MAX_IDS) {
            let message = format!("ids: {} ids were given; up to {MAX_IDS} are allowed", ids.len());
            return Err(Error::invalid("ids", message));
        }
        let transaction = self.core.store.begin().await?;
        store::notification::mark_read(&transaction, &permit, ids, self.core.clock.now()).await?;
        let named = ids.unwrap_or_default();
        let marked = store::notification::find_many(transaction.connection(), &scope, named).await?;
        if let Some(missing) = named.iter().find(|id| marked.iter().all(|one| one.id != **id)) {
            return Err(Error::not_found(*missing));
        }
        transaction.commit().await?;
        Ok(marked)
    }
}
