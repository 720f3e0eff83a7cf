//! Bodies of forms, limited in size and streamed.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    fn pieces(&self) -> impl Stream<Item = Result<Bytes, Box<dyn StdError + Send + Sync>>> + use<> {
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

/// Limits the head of a part. For each piece that arrives, the parser searches the whole head again, so a long one in
/// small pieces would take minutes.
#[derive(Clone, Default)]
struct HeadLimit(Arc<AtomicU64>);

#[derive(Debug, thiserror::Error)]
#[error("the head of a part is larger than allowed")]
pub(crate) struct HeadTooLarge;

impl HeadLimit {
    /// The head of a part follows.
    fn begin(&self) {
        self.0.store(MAX_HEAD, Ordering::Relaxed);
    }

    /// The content of the part follows.
    fn end(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// The last piece of a head may be longer, because it can contain the content, too.
    fn spend(&self, bytes: u64) -> Result<(), HeadTooLarge> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        if left == 0 { Err(HeadTooLarge) } else { Ok(()) }
    }
}

/// The parts of a form, in order.
pub(crate) struct FormParts {
    form: Multipart<'static>,
    head: HeadLimit,
}

impl FormParts {
    pub(crate) fn new(source: &Source, boundary: String) -> Self {
        let head = HeadLimit::default();
        let limit = head.clone();
        let pieces = source.pieces().map(move |piece| {
            piece.and_then(|piece| {
                limit.spend(piece.len() as u64)?;
                Ok(piece)
            })
        });
        Self {
            form: Multipart::new(pieces, boundary),
            head,
        }
    }

    /// The next part. The last one must be read to its end, because its rest would count as head, and be dropped.
    pub(crate) async fn next(&mut self) -> multer::Result<Option<Field<'static>>> {
        self.head.begin();
        let part = self.form.next_field().await;
        self.head.end();
        part
    }
}
