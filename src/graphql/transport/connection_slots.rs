//! Limits open connections: WebSockets, and streams over HTTP.
//!
//! A WebSocket authenticates in its first message. Before that, and later if it has no user, it counts as *anonymous*.
//! Anonymous connections have a separate low limit. A new one above the limit closes the oldest one, preferring those
//! that are known to have no user. So they cannot keep a user from signing in, and never take the slot of a signed-in
//! user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::sync::Notify;

use crate::config::Config;
use crate::domain::network::Network;
use crate::graphql::execution::response::Refusal;

#[derive(Clone, Debug)]
pub(in crate::graphql) struct ConnectionSlots(Arc<SlotTable>);

#[derive(Debug)]
struct SlotTable {
    max_signed_in: usize,
    max_anonymous: usize,
    max_anonymous_per_address: usize,
    taken: Mutex<Taken>,
    /// Notified when the last slot becomes free.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    signed_in: usize,
    /// By increasing number.
    anonymous: BTreeMap<u64, Anonymous>,
    last_number: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Anonymous {
    /// The addresses that count as one; `None` if unknown.
    network: Option<Network>,
    /// Its first message had no token.
    has_no_user: bool,
    displaced: Arc<Notify>,
}

/// The slot of a signed-in user. Dropping it frees the slot.
#[derive(Debug)]
pub(in crate::graphql) struct UserSlot(Arc<SlotTable>);

/// The slot of an anonymous connection. Dropping it frees the slot.
#[derive(Debug)]
pub(in crate::graphql) struct AnonymousSlot {
    shared: Arc<SlotTable>,
    number: u64,
    displaced: Arc<Notify>,
}

impl ConnectionSlots {
    pub(in crate::graphql) fn new(config: &Config) -> Self {
        let settings = config.graphql.websocket;
        let max_signed_in = settings.connections.min(config.http.connections.live_share());
        Self(Arc::new(SlotTable {
            max_signed_in: usize::try_from(max_signed_in).unwrap_or(usize::MAX),
            max_anonymous: settings.anonymous_connections,
            max_anonymous_per_address: settings.anonymous_per_address,
            taken: Mutex::default(),
            emptied: Notify::new(),
        }))
    }

    pub(in crate::graphql) fn take(&self) -> Result<UserSlot, Refusal> {
        let mut taken = self.0.taken();
        self.0.check(&taken)?;
        taken.signed_in += 1;
        Ok(UserSlot(Arc::clone(&self.0)))
    }

    /// Takes a slot before authentication. Refused if all slots of signed-in users are taken.
    pub(in crate::graphql) fn take_anonymous(&self, network: Option<Network>) -> Result<AnonymousSlot, Refusal> {
        let mut taken = self.0.taken();
        self.0.check(&taken)?;
        let of_network = taken
            .anonymous
            .values()
            .filter(|other| other.network == network)
            .count();
        if of_network >= self.0.max_anonymous_per_address {
            taken.displace(|other| other.network == network);
        } else if taken.anonymous.len() >= self.0.max_anonymous {
            taken.displace(|_| true);
        }
        taken.last_number += 1;
        let (number, displaced) = (taken.last_number, Arc::<Notify>::default());
        let anonymous = Anonymous {
            network,
            has_no_user: false,
            displaced: Arc::clone(&displaced),
        };
        taken.anonymous.insert(number, anonymous);
        Ok(AnonymousSlot {
            shared: Arc::clone(&self.0),
            number,
            displaced,
        })
    }

    /// Waits until all slots are free, then refuses new ones.
    pub(in crate::graphql) async fn all_free(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            {
                let mut taken = self.0.taken();
                taken.is_closed |= taken.is_empty();
                if taken.is_closed {
                    return;
                }
            }
            emptied.await;
        }
    }
}

impl SlotTable {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, taken: &Taken) -> Result<(), Refusal> {
        if !taken.is_closed && taken.signed_in < self.max_signed_in {
            return Ok(());
        }
        let message = format!(
            "The server has reached its limit of {} open connections: try again later",
            self.max_signed_in
        );
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message))
    }

    fn free(&self, free: impl FnOnce(&mut Taken)) {
        let mut taken = self.taken();
        free(&mut taken);
        if taken.is_empty() {
            self.emptied.notify_waiters();
        }
    }
}

impl Taken {
    fn is_empty(&self) -> bool {
        self.signed_in == 0 && self.anonymous.is_empty()
    }

    /// Closes the oldest matching anonymous connection, preferring those without a user.
    fn displace(&mut self, is_meant: impl Fn(&Anonymous) -> bool) {
        let meant = self.anonymous.iter().filter(|(_, other)| is_meant(other));
        let oldest = meant.min_by_key(|(number, other)| (!other.has_no_user, **number));
        let number = oldest.map(|(number, _)| *number);
        if let Some(displaced) = number.and_then(|number| self.anonymous.remove(&number)) {
            displaced.displaced.notify_one();
        }
    }
}

impl AnonymousSlot {
    pub(in crate::graphql) fn set_has_no_user(&self) {
        if let Some(anonymous) = self.shared.taken().anonymous.get_mut(&self.number) {
            anonymous.has_no_user = true;
        }
    }

    /// Waits until the connection must close for a newer one.
    pub(in crate::graphql) async fn displaced(&self) {
        self.displaced.notified().await;
        // A later call must return at once, too.
        self.displaced.notify_one();
    }
}

impl Drop for UserSlot {
    fn drop(&mut self) {
        self.0.free(|taken| taken.signed_in -= 1);
    }
}

impl Drop for AnonymousSlot {
    fn drop(&mut self) {
        self.shared.free(|taken| drop(taken.anonymous.remove(&self.number)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use futures_util::FutureExt as _;

    use super::*;

    fn slots(settings: &[(&str, &str)]) -> ConnectionSlots {
        let vars: BTreeMap<String, String> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        ConnectionSlots::new(&Config::from_vars(&vars).unwrap())
    }

    fn address(last: u8) -> Network {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn is_displaced(slot: &AnonymousSlot) -> bool {
        slot.displaced().now_or_never().is_some()
    }

    #[test]
    fn the_oldest_without_a_user_goes_first() {
        let slots = slots(&[("LIVE_MAX_ANONYMOUS_CONNECTIONS", "2")]);
        let first = slots.take_anonymous(Some(address(1))).unwrap();
        let second = slots.take_anonymous(Some(address(2))).unwrap();
        second.set_has_no_user();
        let third = slots.take_anonymous(Some(address(3))).unwrap();
        assert!(is_displaced(&second) && !is_displaced(&first) && !is_displaced(&third));
        let fourth = slots.take_anonymous(Some(address(4))).unwrap();
        assert!(is_displaced(&first) && !is_displaced(&third) && !is_displaced(&fourth));
    }

    #[test]
    fn an_address_only_displaces_its_own_connections() {
        let slots = slots(&[("LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS", "2")]);
        let other = slots.take_anonymous(Some(address(9))).unwrap();
        other.set_has_no_user();
        let mine: Vec<AnonymousSlot> = (0..300)
            .map(|_| slots.take_anonymous(Some(address(1))).unwrap())
            .collect();
        assert!(!is_displaced(&other));
        assert_eq!(mine.iter().filter(|slot| !is_displaced(slot)).count(), 2);
    }

    #[tokio::test]
    async fn a_server_that_stops_waits_for_all_and_takes_no_more() {
        let slots = slots(&[]);
        let (one, two) = (slots.take().unwrap(), slots.take_anonymous(None).unwrap());
        assert!(slots.all_free().now_or_never().is_none());
        drop(one);
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.all_free().await }
        });
        drop(two);
        waiting.await.unwrap();
        assert!(slots.take().is_err() && slots.take_anonymous(None).is_err());
    }
}
