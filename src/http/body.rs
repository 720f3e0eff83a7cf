//! Bodies of forms, limited in size and streamed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::BoxError;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _, stream};
use multer::{Field, Multipart};
use tokio::sync::Mutex;

/// Maximum bytes of the head of a part: its boundary and headers.
pub(crate) const MAX_HEAD: u64 = 16 * 1024;
/// Maximum bytes of a boundary (RFC 2046). For each piece that arrives, the parser reads the whole boundary, so small
/// pieces of a form with a long one would take minutes.
const MAX_BOUNDARY: u64 = 70;

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
    fn pieces(&self) -> impl Stream<Item = Result<Bytes, BoxError>> + use<> {
        stream::unfold((self.clone(), false), async |(source, has_begun)| {
            if has_begun {
                tokio::task::yield_now().await;
            }
            let piece = source.body.lock().await.next().await?;
            let piece = piece.map_err(Into::into).and_then(|piece| {
                let spent = source.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(piece.len() as u64)
                });
                spent.map(|_| piece).map_err(|_| Exceeded.into())
            });
            Some((piece, (source, true)))
        })
    }
}

/// The boundary of a form with this Content-Type.
pub(crate) fn boundary_in(content_type: &str) -> multer::Result<String> {
    let boundary = multer::parse_boundary(content_type)?;
    if boundary.len() as u64 > MAX_BOUNDARY {
        return Err(multer::Error::FieldSizeExceeded {
            limit: MAX_BOUNDARY,
            field_name: Some("boundary".to_owned()),
        });
    }
    Ok(boundary)
}

#[derive(Debug, thiserror::Error)]
#[error("the head of a part is larger than allowed")]
pub(crate) struct HeadTooLarge;

/// The parts of a form, in order.
pub(crate) struct FormParts {
    form: Multipart<'static>,
    /// Bytes of the head of a part that may still arrive; its content has no such limit. For each piece that arrives,
    /// the parser searches the whole head again, so a long one in small pieces would take minutes.
    left_of_head: Arc<AtomicU64>,
}

impl FormParts {
    pub(crate) fn new(source: &Source, boundary: String) -> Self {
        let left_of_head = Arc::<AtomicU64>::default();
        let left = Arc::clone(&left_of_head);
        let pieces = source.pieces().map(move |piece| -> Result<Bytes, BoxError> {
            let piece = piece?;
            // The last piece of a head may be longer, because it can contain the content, too.
            let before = left.load(Ordering::Relaxed);
            left.store(before.saturating_sub(piece.len() as u64), Ordering::Relaxed);
            if before == 0 {
                Err(HeadTooLarge.into())
            } else {
                Ok(piece)
            }
        });
        Self {
            form: Multipart::new(pieces, boundary),
            left_of_head,
        }
    }

    /// The next part. The last one must be read to its end, because its rest would count as head, and be dropped.
    pub(crate) async fn next(&mut self) -> multer::Result<Option<Field<'static>>> {
        self.left_of_head.store(MAX_HEAD, Ordering::Relaxed);
        let part = self.form.next_field().await;
        self.left_of_head.store(u64::MAX, Ordering::Relaxed);
        part
    }
}
