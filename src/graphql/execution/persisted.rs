//! Persisted queries in Redis: every node knows the documents that clients sent to any node.

use redis::pipe;

use super::document::{Hash, hash_of};
use crate::redis::{Redis, key};

/// Expiry of a document after its last use, in seconds.
const EXPIRY: i64 = 24 * 60 * 60;

pub(in crate::graphql) struct Persisted {
    redis: Redis,
}

impl Persisted {
    pub(in crate::graphql) fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// `None` if no client used the document for a day, or if Redis is unavailable.
    pub(in crate::graphql) async fn find(&self, hash: &Hash) -> Option<String> {
        let key = key_of(hash);
        let mut get = pipe();
        get.get(&key).expire(&key, EXPIRY).ignore();
        let (found,): (Option<Vec<u8>>,) = self
            .redis
            .attempt(async |mut connection| get.query_async(&mut connection).await)
            .await?;
        let text = String::from_utf8(found?).ok()?;
        // Other programs can write to Redis, so the hash is verified.
        (hash_of(&text) == *hash).then_some(text)
    }

    /// Stores a document for all nodes. Without Redis, clients send it again to each node.
    pub(in crate::graphql) async fn keep(&self, hash: &Hash, text: &str) {
        let mut set = redis::cmd("SET");
        set.arg(key_of(hash)).arg(text).arg("EX").arg(EXPIRY);
        let _: Option<()> = self
            .redis
            .attempt(async |mut connection| set.query_async(&mut connection).await)
            .await;
    }
}

fn key_of(hash: &Hash) -> String {
    key(&["apq", &hex::encode(hash)])
}
