//! Limits of open connections, in total and per address.
//!
//! At a limit, unused connections are closed for a new one: first those without a request, then idle ones, each the
//! oldest first. So clients that open many silent connections only displace each other. If all connections are in use,
//! the new one is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::metrics::{self, Reason};
use crate::config::{ConnectionConfig, ConnectionLimits};
use crate::domain::network::Network;

/// One of this many connections is closed at once, so that searches are rare.
const BATCH: usize = 64;
/// Pause after a search that found no unused connection.
const AFTER_SEARCH: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(in crate::http) struct ConnectionSlots {
    limits: ConnectionLimits,
    timeouts: ConnectionConfig,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_number: u64,
    connections: HashMap<u64, Entry>,
    by_network: HashMap<Network, Usage>,
    /// Number of evicted connections that still have a socket.
    evicted: usize,
    /// When the last search found all connections in use.
    searched_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Usage {
    connections: usize,
    /// When the last search found all of them in use.
    searched_at: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    /// `None` for a proxy.
    network: Option<Network>,
    activity: Arc<Activity>,
}

/// The slot of one connection, freed on drop.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<ConnectionSlots>,
    number: u64,
    activity: Arc<Activity>,
}

impl ConnectionSlots {
    pub(super) fn new(limits: ConnectionLimits, timeouts: ConnectionConfig) -> Self {
        metrics::begin();
        Self {
            limits,
            timeouts,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `network` is `None` for a proxy, to which only the total limit applies.
    pub(super) fn take(slots: &Arc<Self>, network: Option<Network>) -> Result<Slot, Reason> {
        let activity = Arc::new(Activity::new(slots.timeouts));
        let mut open = slots.open();
        if network.is_some() && !open.has_room(network, limit(slots.limits.per_address)) {
            return Err(Reason::AddressFull);
        }
        if !open.has_room(None, limit(slots.limits.total)) {
            return Err(Reason::Full);
        }
        open.last_number += 1;
        let number = open.last_number;
        if let Some(network) = network {
            open.by_network.entry(network).or_default().connections += 1;
        }
        let entry = Entry {
            network,
            activity: Arc::clone(&activity),
        };
        open.connections.insert(number, entry);
        metrics::show_open(open.connections.len());
        drop(open);
        Ok(Slot {
            slots: Arc::clone(slots),
            number,
            activity,
        })
    }

    /// Closes unused connections, because the process cannot open more files.
    pub(in crate::http) fn make_room(&self) {
        self.open().make_room(None, limit(self.limits.total));
    }

    /// Whether more than one batch of evicted connections still has open sockets. They are not among the limits.
    pub(in crate::http) fn are_many_closing(&self) -> bool {
        self.open().evicted > batch(limit(self.limits.total))
    }
}

fn batch(of: usize) -> usize {
    (of / BATCH).max(1)
}

fn limit(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Open {
    /// Whether one more connection of this network, or of any, fits into `max`, by closing others if necessary.
    fn has_room(&mut self, network: Option<Network>, max: usize) -> bool {
        let (connections, searched_at) = match network {
            Some(network) => {
                let found = self.by_network.get(&network);
                found.map_or((0, None), |found| (found.connections, found.searched_at))
            }
            None => (self.connections.len(), self.searched_at),
        };
        if connections < max {
            return true;
        }
        if searched_at.is_some_and(|searched_at| searched_at.elapsed() < AFTER_SEARCH) {
            return false;
        }
        let has_room = self.make_room(network, max);
        let searched_at = (!has_room).then(Instant::now);
        match network {
            Some(network) => {
                if let Some(found) = self.by_network.get_mut(&network) {
                    found.searched_at = searched_at;
                }
            }
            None => self.searched_at = searched_at,
        }
        has_room
    }

    /// Closes some unused connections of this network, or of any, in proportion to the limit `of`. Returns whether there
    /// were any.
    fn make_room(&mut self, network: Option<Network>, of: usize) -> bool {
        let all = self.connections.iter();
        let meant = all.filter(|(_, entry)| network.is_none() || entry.network == network);
        let mut dispensable: Vec<_> = meant
            .filter_map(|(number, entry)| Some((entry.activity.dispensable()?, *number)))
            .collect();
        let count = batch(of).min(dispensable.len());
        if count > 0 && count < dispensable.len() {
            dispensable.select_nth_unstable(count - 1);
        }
        for (_, number) in &dispensable[..count] {
            if let Some(entry) = self.remove(*number) {
                entry.activity.evict();
                self.evicted += 1;
                Reason::Evicted.count();
            }
        }
        count > 0
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.connections.remove(&number)?;
        if let Some(network) = entry.network
            && let Some(found) = self.by_network.get_mut(&network)
        {
            found.connections -= 1;
            if found.connections == 0 {
                self.by_network.remove(&network);
            }
        }
        Some(entry)
    }
}

impl Slot {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        if open.remove(self.number).is_none() {
            open.evicted -= 1;
        }
        metrics::show_open(open.connections.len());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use super::*;
    use crate::config::Config;
    use crate::http::connection::activity::RequestGuard;

    fn slots(total: u32, per_address: u32) -> Arc<ConnectionSlots> {
        let config = Config::from_vars(&BTreeMap::new()).unwrap();
        let limits = ConnectionLimits { total, per_address };
        Arc::new(ConnectionSlots::new(limits, config.http.connections))
    }

    /// A connection from the address that ends with this byte.
    fn take(slots: &Arc<ConnectionSlots>, last: u8) -> Result<Slot, Reason> {
        ConnectionSlots::take(slots, Some(IpAddr::from([192, 0, 2, last]).into()))
    }

    fn busy(slot: &Slot) -> RequestGuard {
        Activity::begin(slot.activity(), false)
    }

    #[tokio::test]
    async fn connections_in_use_are_not_given_up() {
        let slots = slots(2, 2);
        let one = take(&slots, 1).unwrap();
        let two = take(&slots, 2).unwrap();
        let (_one_is, _two_is) = (busy(&one), busy(&two));
        assert_eq!(take(&slots, 3).unwrap_err(), Reason::Full);
        drop(one);
        take(&slots, 3).unwrap();
    }

    #[tokio::test]
    async fn a_silent_connection_is_closed_for_a_new_one() {
        let slots = slots(2, 2);
        let idle = take(&slots, 1).unwrap();
        drop(busy(&idle));
        let silent = take(&slots, 2).unwrap();
        let third = take(&slots, 3).unwrap();
        assert_eq!(
            [&idle, &silent, &third].map(|slot| slot.activity().dispensable().is_some()),
            [true, false, true]
        );
        // Dropping its slot later must not count twice.
        drop(silent);
        assert_eq!(slots.open().connections.len(), 2);
    }

    #[tokio::test]
    async fn evicted_connections_count_until_their_sockets_are_closed() {
        let slots = slots(2, 2);
        let silent: Vec<_> = (1..5).map(|last| take(&slots, last).unwrap()).collect();
        assert!(slots.are_many_closing());
        drop(silent);
        assert!(!slots.are_many_closing());
    }

    #[tokio::test]
    async fn an_address_only_displaces_its_own_connections() {
        let slots = slots(10, 2);
        let other = take(&slots, 2).unwrap();
        let one = take(&slots, 1).unwrap();
        let _one_is = busy(&one);
        for _ in 0..5 {
            let silent = take(&slots, 1).unwrap();
            let newer = take(&slots, 1).unwrap();
            assert!(silent.activity().dispensable().is_none() && newer.activity().dispensable().is_some());
        }
        assert!(other.activity().dispensable().is_some());
        let two = take(&slots, 1).unwrap();
        let _two_is = busy(&two);
        assert_eq!(take(&slots, 1).unwrap_err(), Reason::AddressFull);
        take(&slots, 3).unwrap();
    }

    #[tokio::test]
    async fn a_proxy_only_has_the_total_limit() {
        let slots = slots(10, 1);
        let open: Vec<Slot> = (0..10).map(|_| ConnectionSlots::take(&slots, None).unwrap()).collect();
        let _busy: Vec<RequestGuard> = open.iter().map(busy).collect();
        assert_eq!(ConnectionSlots::take(&slots, None).unwrap_err(), Reason::Full);
        drop(open);
        assert_eq!(slots.open().connections.len(), 0);
        assert!(slots.open().by_network.is_empty());
    }
}
