//! The GraphQL face.

mod session;
mod task;
