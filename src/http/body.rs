//! The body of a form: bounded, and handed on a piece at a time.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::Mutex;

/// The body of a form.
#[derive(Clone)]
pub(crate) struct Source {
    body: Arc<Mutex<BodyDataStream>>,
    /// How much may still come. It grows with what the body is known to hold.
    left: Arc<AtomicU64>,
}

/// More came than may come.
#[derive(Debug, thiserror::Error)]
#[error("the body is larger than what it may hold")]
pub(crate) struct Exceeded;

impl Source {
    /// A body of up to so many bytes.
    pub(crate) fn new(body: Body, allowed: u64) -> Self {
        Self {
            body: Arc::new(Mutex::new(body.into_data_stream())),
            left: Arc::new(AtomicU64::new(allowed)),
        }
    }

    /// So much more may come.
    pub(crate) fn grow(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The body, up to what is allowed. The parser takes all that is there before it looks at it, which would be
    /// the whole of a body that comes quickly; and it takes one that ends while it looks for the beginning for
    /// broken. So it waits a turn after each piece.
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
