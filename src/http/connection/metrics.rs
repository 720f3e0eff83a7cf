//! Connection metrics.

use crate::telemetry::metric;

/// Why the server closed or refused a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The request headers did not arrive in time.
    HeaderTimeout,
    /// No request for too long.
    Idle,
    /// The client did not read a response.
    Stalled,
    /// Closed for a new connection.
    Evicted,
    /// The total limit is reached.
    Full,
    /// The limit of the address is reached.
    AddressFull,
}

impl Reason {
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

    pub(super) fn count(self) {
        self.counter().increment(1);
    }
}

/// Registers every counter, at zero.
pub(super) fn begin() {
    for reason in Reason::ALL {
        reason.counter().increment(0);
    }
}

pub(super) fn show_open(connections: usize) {
    metrics::gauge!(metric::CLIENT_CONNECTIONS).set(metric::number(connections));
}
