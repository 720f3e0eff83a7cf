//! Taskwire: a self-hosted task server with two thin APIs, GraphQL and REST, over one domain.
//!
//! | module | content |
//! |---|---|
//! | [`app`] | the composition root: builds a server from settings |
//! | [`command`] | the commands of the command line |
//! | [`graphql`] | the GraphQL API: converts requests to calls of use cases, and results to responses |
//! | [`rest`] | the REST API, over the same use cases |
//! | [`ops`] | health and metrics |
//! | `pages` | the GraphQL editors and the API documentation |
//! | [`http`] | the HTTP server, and what every request needs: id, log line, credentials |
//! | [`state`] | the state that handlers share |
//! | [`rate_limit`] | rate limits of clients, per minute |
//! | [`domain`] | all rules, including authorization, over a private store |
//! | [`mod@redis`] | state that the nodes of a cluster share in Redis, if there is one |
//! | [`telemetry`] | logs, metrics, traces |
//! | [`config`] | typed settings, validated once, at start |
//! | `tls` | the TLS cryptography provider |
//!
//! One rule: every read and write needs an authorization value. The store takes a [`Scope`](domain::policy::Scope) to
//! read and a [`Permit`](domain::policy::Permit) to write, and only [`domain::policy`] creates them. Code that skips
//! authorization does not compile.

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
