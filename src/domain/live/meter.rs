//! What is counted of live delivery. The names are Prometheus's own style; `/metrics` shows them.

/// For how long the reader has been behind the log, in seconds: because the database does not answer, or
/// because an older transaction keeps events back.
pub(super) const LAG: &str = "taskwire_live_lag_seconds";
/// Connections that are held open for somebody.
pub(super) const CONNECTIONS: &str = "taskwire_live_connections";
/// Subscriptions.
pub(super) const SUBSCRIPTIONS: &str = "taskwire_live_subscriptions";
/// Events that the reader handed out.
pub(super) const EVENTS: &str = "taskwire_live_events_total";
/// Events put into the buffer of a subscription.
pub(super) const DELIVERIES: &str = "taskwire_live_deliveries_total";
/// Connections that were ended because they did not take what came.
pub(super) const SLOW: &str = "taskwire_live_slow_total";

/// What goes up and down, with what it means.
pub const GAUGES: [(&str, &str); 3] = [
    (LAG, "For how long the reader has been behind the event log, in seconds"),
    (CONNECTIONS, "Connections that are held open for somebody"),
    (SUBSCRIPTIONS, "Subscriptions"),
];

/// What only goes up, with what it means.
pub const COUNTERS: [(&str, &str); 3] = [
    (EVENTS, "Events of the log that were handed out"),
    (DELIVERIES, "Events that were handed to a subscription"),
    (SLOW, "Connections that were ended because they did not take what came"),
];
