//! How many connections there may be, streams over HTTP among them.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::graphql::handler::Refusal;

/// The places of a server for connections.
#[derive(Clone, Debug)]
pub(in crate::graphql) struct Places {
    free: Arc<Semaphore>,
    all: u32,
}

/// A place, until it is dropped.
pub(in crate::graphql) type Place = OwnedSemaphorePermit;

impl Places {
    /// So many places.
    pub(in crate::graphql) fn new(all: u32) -> Self {
        let free = Semaphore::new(usize::try_from(all).unwrap_or(Semaphore::MAX_PERMITS));
        Self {
            free: Arc::new(free),
            all,
        }
    }

    /// A place, or the refusal of whoever comes when all are taken.
    pub(in crate::graphql) fn take(&self) -> Result<Place, Refusal> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let message = format!(
                "The server holds as many connections open as it may, {}: try again later",
                self.all
            );
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
        })
    }

    /// Waits until all are free, and gives none from then on.
    pub(in crate::graphql) async fn all_left(&self) {
        if let Ok(all) = self.free.acquire_many(self.all).await {
            all.forget();
        }
    }
}
