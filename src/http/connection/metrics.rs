//! What is counted of connections.

use crate::telemetry::metric;

/// Why the server closed or refused a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The headers of a request did not come in time.
    HeaderTimeout,
    /// There was no request for too long.
    Idle,
    /// The client took nothing of a response.
    Stalled,
    /// It was needed for another client.
    Evicted,
    /// There are as many as there may be.
    Full,
    /// Its address has as many as it may.
    AddressFull,
}

impl Reason {
    /// All of them.
    const ALL: [Self; 6] = [
        Self::HeaderTimeout,
        Self::Idle,
        Self::Stalled,
        Self::Evicted,
        Self::Full,
        Self::AddressFull,
    ];

    /// The name in labels and in the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Evicted => "evicted",
            Self::Full => "full",
            Self::AddressFull => "address_full",
        }
    }

    fn counter(self) -> metrics::Counter {
        metrics::counter!(metric::CLIENT_CONNECTIONS_ENDED, "reason" => self.name())
    }

    /// Counts one.
    pub(super) fn count(self) {
        self.counter().increment(1);
    }
}

/// Shows every counter, at zero.
pub(super) fn begin() {
    for reason in Reason::ALL {
        reason.counter().increment(0);
    }
}

/// Shows how many connections are open.
pub(super) fn show_open(connections: usize) {
    metrics::gauge!(metric::CLIENT_CONNECTIONS).set(metric::number(connections));
}
