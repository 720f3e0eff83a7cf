//! Taskwire: a self-hosted task server with two thin faces, GraphQL and REST, over one domain.
//!
//! | module | what lives there |
//! |---|---|
//! | [`config`] | typed settings, validated once, at start |
//! | [`app`] | the composition root: settings in, a router out |
//! | [`domain`] | all rules, authorization included, over a private store |
//! | [`graphql`] | the GraphQL face: converts, calls one use case, converts |
//! | [`rest`] | the REST face: the same |
//! | [`http`] | what both stand on: request ids, logs, credentials, health, the IDE page |
//! | [`mod@redis`] | what the nodes of a cluster share, where there is a Redis |
//! | [`command`] | the command line's commands |
//! | [`telemetry`] | logs, metrics, traces |
//! | [`meter`] | what is counted |
//! | `tls` | the provider of cryptography |
//!
//! The one rule: whoever wants to read or write needs the policy's word for it. The store takes a
//! [`Scope`](domain::policy::Scope) to read and a [`Permit`](domain::policy::Permit) to write, and only
//! [`domain::policy`] makes them. Code that forgets to ask does not compile.

pub mod app;
pub mod command;
pub mod config;
pub mod domain;
pub mod graphql;
pub mod http;
pub mod ops;
mod pages;
pub mod rate_limit;
pub mod redis;
pub mod rest;
pub mod telemetry;
mod tls;
