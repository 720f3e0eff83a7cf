//! The GraphQL face.

mod filter;
mod http;
mod refusal;
mod session;
mod task;
mod user;
