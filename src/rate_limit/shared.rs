//! The windows of all clients in Redis, shared by all nodes.

use std::sync::LazyLock;

use redis::Script;

use super::{Client, Spent};
use crate::redis::{Redis, key};

/// Checks and spends atomically, so that two nodes cannot spend the same amount.
static SPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("spend.lua")));

pub(super) struct RedisWindows {
    redis: Redis,
    name: String,
}

impl RedisWindows {
    pub(super) fn new(redis: Redis, name: &str) -> Self {
        Self {
            redis,
            name: name.to_owned(),
        }
    }

    /// `second` is in Unix time. `None` while Redis is unavailable.
    pub(super) async fn spend(&self, client: Client, amount: u32, limit: u32, second: i64) -> Option<Spent> {
        let mut spend = SPEND.key(self.key(client));
        spend.arg(second).arg(amount).arg(limit);
        let (is_accepted, used, until_all, until_enough): (bool, u64, u32, u32) = self
            .redis
            .attempt(async |mut connection| spend.invoke_async(&mut connection).await)
            .await?;
        Some(Spent {
            is_accepted,
            used: u32::try_from(used).unwrap_or(u32::MAX),
            until_all,
            until_enough,
        })
    }

    fn key(&self, client: Client) -> String {
        let client = match client {
            Client::User(user) => format!("user:{}", user.0),
            Client::Session(session) => format!("session:{}", session.0),
            Client::Network(Some(network)) => format!("address:{network}"),
            Client::Network(None) => "address:unknown".to_owned(),
        };
        key(&["limit", &self.name, &client])
    }
}
