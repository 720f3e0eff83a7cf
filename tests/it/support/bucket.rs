//! A bucket with the part of Amazon's S3 protocol that the server uses, over real connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::process::Sandbox;

const MODIFIED: &str = "Thu, 15 Jan 2026 12:00:00 GMT";
/// How long a removal takes, so that concurrent ones overlap.
const REMOVAL_TIME: Duration = Duration::from_millis(20);

#[derive(Default)]
struct StoredObjects {
    objects: BTreeMap<String, Bytes>,
    parts: BTreeMap<String, BTreeMap<u32, Bytes>>,
    /// Running removals.
    removals: usize,
    /// The most removals that ran at the same time.
    most_removals: usize,
    /// Removals that were requested in total.
    requested_removals: usize,
    /// Whether removals are answered with an error.
    denies_removals: bool,
    /// Whether completed uploads are answered with an error.
    denies_completions: bool,
}

/// Dropping it stops it.
pub struct Bucket {
    address: String,
    stored: Arc<Mutex<StoredObjects>>,
    serving: JoinHandle<()>,
}

impl Bucket {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stored = Arc::<Mutex<StoredObjects>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&stored));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            stored,
            serving,
        }
    }

    pub fn for_files_of(&self, sandbox: Sandbox) -> Sandbox {
        keep_in(sandbox, &self.address)
    }

    /// The settings for this bucket.
    pub fn settings(&self) -> [(&str, &str); 6] {
        settings(&self.address)
    }

    /// The most removals that ran at the same time.
    pub fn most_removals(&self) -> usize {
        self.stored.lock().unwrap().most_removals
    }

    /// Removals that were requested in total.
    pub fn requested_removals(&self) -> usize {
        self.stored.lock().unwrap().requested_removals
    }

    /// Whether removals are answered with an error from now on.
    pub fn deny_removals(&self, denied: bool) {
        self.stored.lock().unwrap().denies_removals = denied;
    }

    /// From now on, an upload is stored when it is completed, but the answer is an error.
    pub fn deny_completions(&self) {
        self.stored.lock().unwrap().denies_completions = true;
    }

    pub fn names(&self) -> Vec<String> {
        self.stored.lock().unwrap().objects.keys().cloned().collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Adds the settings for a bucket at this address.
pub fn keep_in(sandbox: Sandbox, address: &str) -> Sandbox {
    settings(address)
        .into_iter()
        .fold(sandbox, |sandbox, (name, value)| sandbox.with(name, value))
}

fn settings(address: &str) -> [(&str, &str); 6] {
    [
        ("STORAGE_URL", "s3://files/of/us"),
        ("AWS_ENDPOINT_URL", address),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "me"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ]
}

/// Counts a removal and lets it take its time.
async fn linger(stored: &Mutex<StoredObjects>) {
    {
        let mut stored = stored.lock().unwrap();
        stored.requested_removals += 1;
        stored.removals += 1;
        stored.most_removals = stored.most_removals.max(stored.removals);
    }
    tokio::time::sleep(REMOVAL_TIME).await;
    stored.lock().unwrap().removals -= 1;
}

async fn answer(
    State(stored): State<Arc<Mutex<StoredObjects>>>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let name = head.uri.path().trim_start_matches("/files/").to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if query.contains_key("delete") {
        linger(&stored).await;
    }
    let mut stored = stored.lock().unwrap();
    if query.contains_key("delete") && stored.denies_removals {
        return StatusCode::FORBIDDEN.into_response();
    }
    let upload = query.get("uploadId").cloned();
    match (head.method, upload) {
        (Method::POST, None) if query.contains_key("uploads") => {
            stored.parts.insert(name.clone(), BTreeMap::new());
            let answer =
                format!("<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>");
            answer.into_response()
        }
        (Method::PUT, Some(upload)) => {
            let number = query["partNumber"].parse().unwrap();
            stored.parts.get_mut(&upload).unwrap().insert(number, body);
            [(header::ETAG, "\"part\"")].into_response()
        }
        (Method::PUT, None) => {
            stored.objects.insert(name, body);
            [(header::ETAG, "\"whole\"")].into_response()
        }
        (Method::POST, Some(upload)) => {
            let parts = stored.parts.remove(&upload).unwrap();
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            stored.objects.insert(name, whole.into());
            if stored.denies_completions {
                return StatusCode::FORBIDDEN.into_response();
            }
            "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>".into_response()
        }
        (Method::POST, None) => {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let names = text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap());
            let deleted = names.map(|name| {
                stored.objects.remove(name);
                format!("<Deleted><Key>{name}</Key></Deleted>")
            });
            let deleted: Vec<String> = deleted.collect();
            format!("<DeleteResult>{}</DeleteResult>", deleted.concat()).into_response()
        }
        // Aborts an upload, which no longer exists once it is completed.
        (Method::DELETE, Some(upload)) => match stored.parts.remove(&upload) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (Method::DELETE, None) => {
            stored.objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        (_, _) => stored.objects.get(&name).map_or_else(
            || StatusCode::NOT_FOUND.into_response(),
            |object| read(object, &head.headers),
        ),
    }
}

/// The object, or the requested range of it.
fn read(object: &Bytes, headers: &HeaderMap) -> Response {
    let described = [(header::LAST_MODIFIED, MODIFIED), (header::ETAG, "\"whole\"")];
    let Some(range) = headers.get(header::RANGE) else {
        return (described, object.clone()).into_response();
    };
    let (from, to) = range
        .to_str()
        .unwrap()
        .trim_start_matches("bytes=")
        .split_once('-')
        .unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let content_range = format!("bytes {from}-{to}/{}", object.len());
    (
        StatusCode::PARTIAL_CONTENT,
        described,
        [(header::CONTENT_RANGE, content_range)],
        object.slice(from..=to),
    )
        .into_response()
}
