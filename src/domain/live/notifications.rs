//! Notifications of one subscription.

use std::ops::Range;
use std::sync::Arc;

use super::live_connections::ConnectionUser;
use super::registry::{Registration, Registry};
use super::stream::{self, BATCH, LogStream, Selection};
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::notification::{LoggedNotification, NotificationCursor, NotificationPosition};
use crate::domain::policy;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};

/// The notifications of the user of the connection.
pub(super) struct OwnNotifications;

impl Selection for OwnNotifications {
    type Entry = LoggedNotification;
    type Position = NotificationPosition;
    type Cursor = NotificationCursor;

    fn settled(settled: &Settled) -> NotificationPosition {
        settled.notifications
    }

    fn after(cursor: &NotificationCursor, settled: &Settled) -> Result<NotificationPosition> {
        settled.check_known(cursor.log(), cursor.place().event)?;
        Ok(cursor.place().next())
    }

    fn position(entry: &LoggedNotification) -> NotificationPosition {
        entry.cursor.place()
    }

    async fn read(
        &self,
        store: &Store,
        actor: &Actor,
        range: Range<NotificationPosition>,
    ) -> Result<stream::Batch<Self>> {
        let scope = policy::scope(actor)?;
        store::notification::read(&store.reader(actor), &scope, range, BATCH).await
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
#[derive(Debug)]
pub struct NotificationStream(pub(super) LogStream<OwnNotifications>);

impl NotificationStream {
    /// The next notification; `None` after the subscription has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Arc<LoggedNotification>>> {
        self.0.next().await
    }
}
