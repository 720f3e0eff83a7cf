//! Bodies of forms, limited in size and streamed.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::Mutex;

#[derive(Clone)]
pub(crate) struct Source {
    body: Arc<Mutex<BodyDataStream>>,
    /// Bytes that may still arrive.
    left: Arc<AtomicU64>,
}

#[derive(Debug, thiserror::Error)]
#[error("the body is larger than allowed")]
pub(crate) struct Exceeded;

impl Source {
    pub(crate) fn new(body: Body, allowed: u64) -> Self {
        Self {
            body: Arc::new(Mutex::new(body.into_data_stream())),
            left: Arc::new(AtomicU64::new(allowed)),
        }
    }

    /// Raises the limit.
    pub(crate) fn grow(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The parser buffers everything that is available before it parses, and treats a body that ends while it searches
    /// for the first boundary as broken. So this yields to the runtime after each piece.
    pub(crate) fn pieces(&self) -> impl Stream<Item = Result<Bytes, Box<dyn StdError + Send + Sync>>> + use<> {
        stream::unfold((self.clone(), false), async |(source, has_begun)| {
            if has_begun {
                tokio::task::yield_now().await;
            }
            let piece = source.body.lock().await.next().await?;
            let piece = piece.map_err(Into::into).and_then(|piece| {
                source.spend(piece.len() as u64)?;
                Ok(piece)
            });
            Some((piece, (source, true)))
        })
    }

    fn spend(&self, bytes: u64) -> Result<(), Exceeded> {
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        spent.map(|_| ()).map_err(|_| Exceeded)
    }
}
