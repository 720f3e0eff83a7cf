//! The GraphQL face.

mod filter;
mod history;
mod http;
mod refusal;
mod session;
mod task;
mod user;
