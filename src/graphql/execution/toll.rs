//! The price of subscription events: each takes points from the client's budget, and waits while it is empty.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Domain;
use crate::rate_limit::{Client, RateLimiter};

/// Number of events that are paid at once, so that a busy subscription does not call Redis for each.
const BLOCK: u32 = 10;
/// The time between two attempts to pay.
const RETRY: Duration = Duration::from_secs(1);

pub(in crate::graphql) struct Toll {
    points: Arc<RateLimiter>,
    client: Client,
    /// Points per event.
    price: u32,
    /// Number of events that are already paid.
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

    /// Waits until the client has the points for an event: delivery slows down and does not fail. A client that falls
    /// too far behind is disconnected, like every slow client.
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
