//! Taskwire: a self-hosted task server with two thin APIs, GraphQL and REST, over one domain.
//!
//! | module | content |
//! |---|---|
//! | [`app`] | the composition root: builds a server from settings |
//! | [`command`] | the commands of the command line |
//! | [`graphql`] | the GraphQL API: converts requests to calls of use cases, and results to responses |
//! | [`rest`] | the REST API, over the same use cases |
//! | [`ops`] | health, metrics and public keys |
//! | `pages` | the GraphQL editors and the API documentation |
//! | [`http`] | the HTTP server, and what every request needs: id, log line, credentials |
//! | [`state`] | the state that handlers share |
//! | [`rate_limit`] | rate limits of clients, per minute |
//! | [`domain`] | all rules, including authorization, over a private store |
//! | [`mod@redis`] | the connection to Redis, which the nodes of a cluster share; optional |
//! | [`telemetry`] | logs, metrics, traces |
//! | [`config`] | typed settings, validated once, at start |
//! | `tls` | the TLS cryptography provider |
//!
//! One rule: every read and write of users' data needs an authorization value, and code without one does not compile. A
//! read takes a [`Scope`](domain::policy::Scope), or a [`System`](domain::policy::System) if it reads credentials or
//! tokens. A write takes a [`Permit`](domain::policy::Permit); a value that only a permit creates, such as a
//! `NewEvent`; or a `System`, which proves that the server itself acts. Only [`domain::policy`] creates scopes, permits
//! and `System`.

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
