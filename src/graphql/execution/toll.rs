//! The price of a subscription's events: each that is executed draws on the client's budget, and waits while there is none.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Domain;
use crate::rate_limit::{Client, RateLimiter};

/// So many events are paid for together, so that a busy subscription does not ask Redis for each.
const BLOCK: u32 = 10;
/// The time between two attempts to pay.
const RETRY: Duration = Duration::from_secs(1);

/// Pays for events.
pub(in crate::graphql) struct Toll {
    points: Arc<RateLimiter>,
    client: Client,
    /// The price of an event.
    price: u32,
    /// So many events are paid for already.
    prepaid: u32,
    domain: Domain,
}

impl Toll {
    pub(in crate::graphql) fn new(points: Arc<RateLimiter>, client: Client, price: u32, domain: Domain) -> Self {
        Self {
            points,
            client,
            price,
            prepaid: 0,
            domain,
        }
    }

    /// Pays for an event. Waits until the client has the points: delivery slows down and does not fail. A client that
    /// falls too far behind by it is told to subscribe again, as every slow one is.
    pub(in crate::graphql) async fn pay(&mut self) {
        while self.prepaid == 0 {
            for events in [BLOCK, 1] {
                let price = self.price.saturating_mul(events);
                match self.points.spend(self.client, price, self.domain.clock().now()).await {
                    Ok(_) => {
                        self.prepaid = events;
                        break;
                    }
                    Err(_) if events == 1 => tokio::time::sleep(RETRY).await,
                    Err(_) => {}
                }
            }
        }
        self.prepaid -= 1;
    }
}
