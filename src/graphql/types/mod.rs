//! Types of the schema, one module for each resource: objects, inputs, payloads and resolvers.

pub mod attachment;
pub mod event;
pub mod node;
pub mod notification;
pub mod rate_limit;
pub mod session;
pub mod statistics;
pub mod subscription;
pub mod tag;
pub mod task;
pub mod user;
