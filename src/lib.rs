//! Taskwire: a self-hosted task server with two thin APIs, GraphQL and REST, over one domain.
//!
//! | module | what lives there |
//! |---|---|
//! | [`app`] | the composition root: settings in, a server out |
//! | [`command`] | the command line's commands |
//! | [`graphql`] | the GraphQL API: converts, calls one use case, converts |
//! | [`rest`] | the REST API: the same |
//! | [`ops`] | health and metrics |
//! | `pages` | the GraphQL editors and the API documentation |
//! | [`http`] | what concerns every request: server, ids, log, credentials |
//! | [`state`] | what handlers need |
//! | [`rate_limit`] | how much a client may do within a minute |
//! | [`domain`] | all rules, authorization included, over a private store |
//! | [`mod@redis`] | what the nodes of a cluster share, where there is a Redis |
//! | [`telemetry`] | logs, metrics, traces |
//! | [`config`] | typed settings, validated once, at start |
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
pub mod state;
pub mod telemetry;
mod tls;
