//! Operations: health for load balancers, metrics for monitors.

pub mod health;
pub(crate) mod monitor;
