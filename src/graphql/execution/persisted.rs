//! Persisted documents in Redis: what a client sent to one node, every node knows by its hash.

use redis::pipe;

use super::document::{Hash, hash_of};
use crate::redis::{Redis, key};

/// How long a document is kept that nobody asks for: a day, in seconds.
const KEPT: i64 = 24 * 60 * 60;

/// The documents that clients registered at any node.
pub(in crate::graphql) struct Persisted {
    redis: Redis,
}

impl Persisted {
    pub(in crate::graphql) fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// The text with this hash. None if nobody sent it within a day, or while Redis is away.
    pub(in crate::graphql) async fn find(&self, hash: &Hash) -> Option<String> {
        let key = key_of(hash);
        let mut get = pipe();
        get.get(&key).expire(&key, KEPT).ignore();
        let (found,): (Option<Vec<u8>>,) = self
            .redis
            .attempt(async |mut connection| get.query_async(&mut connection).await)
            .await?;
        let text = String::from_utf8(found?).ok()?;
        // Others may write to Redis too; what does not have the hash is not what the client means.
        (hash_of(&text) == *hash).then_some(text)
    }

    /// Keeps a document for all nodes. While Redis is away, its client sends it again to each node.
    pub(in crate::graphql) async fn keep(&self, hash: &Hash, text: &str) {
        let mut set = redis::cmd("SET");
        set.arg(key_of(hash)).arg(text).arg("EX").arg(KEPT);
        let _: Option<()> = self
            .redis
            .attempt(async |mut connection| set.query_async(&mut connection).await)
            .await;
    }
}

fn key_of(hash: &Hash) -> String {
    key(&["apq", &hex::encode(hash)])
}
