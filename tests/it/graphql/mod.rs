//! The GraphQL face.

mod bulk;
mod filter;
mod history;
mod http;
mod nested;
mod node;
mod refusal;
mod session;
mod tag;
mod task;
mod user;
