//! The GraphQL face.

mod bulk;
mod filter;
mod history;
mod http;
mod nested;
mod refusal;
mod session;
mod task;
mod user;
