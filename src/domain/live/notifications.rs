//! Notifications of one subscription.

use std::fmt;
use std::sync::Arc;

use super::live_connections::{ConnectionUser, LiveConnection};
use super::registry::{Registration, Registry};
use super::stream::{self, BATCH, LogStream, Selection};
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::notification::{LoggedNotification, NotificationCursor, NotificationPosition};
use crate::domain::policy;
use crate::domain::store::event::log::Settled;
use crate::domain::store::notification::NotificationRange;
use crate::domain::store::{self, Store};

struct Own;

impl Selection for Own {
    type Entry = LoggedNotification;
    type Position = NotificationPosition;

    fn settled(settled: &Settled) -> NotificationPosition {
        settled.notifications
    }

    fn place(entry: &LoggedNotification) -> NotificationPosition {
        entry.cursor.place()
    }

    async fn read(
        &self,
        store: &Store,
        actor: &Actor,
        from: NotificationPosition,
        until: NotificationPosition,
    ) -> Result<stream::Batch<Self>> {
        let scope = policy::scope(actor)?;
        store::notification::read(&store.reader(actor), &scope, NotificationRange { from, until }, BATCH).await
    }

    fn register(
        &self,
        registry: &Arc<Registry>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<LoggedNotification>> {
        Registry::listen(registry, connection_user)
    }

    fn is_for(&self, connection_user: &ConnectionUser, entry: &LoggedNotification) -> bool {
        entry.notification.user_id == connection_user.signed_in().id
    }
}

/// The notifications of one subscription.
pub struct NotificationStream(LogStream<Own>);

impl fmt::Debug for NotificationStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationStream").finish_non_exhaustive()
    }
}

impl NotificationStream {
    pub(super) async fn open(
        store: &Store,
        registry: &Arc<Registry>,
        live_connection: &LiveConnection,
        after: Option<&NotificationCursor>,
    ) -> Result<Self> {
        let Some(after) = after else {
            return Ok(Self(LogStream::open(store, registry, live_connection, Own)));
        };
        let first = |settled: &Settled| {
            settled.check_known(after.log(), after.place().event)?;
            Ok(after.place().next())
        };
        Ok(Self(
            LogStream::resume(store, registry, live_connection, Own, first).await?,
        ))
    }

    /// The next notification; `None` after the subscription has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Arc<LoggedNotification>>> {
        self.0.next().await
    }
}
