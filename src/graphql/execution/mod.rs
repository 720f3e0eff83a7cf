//! Executes operations, from the text of a document to the response. The front is every stage before the executor of
//! async-graphql.
//!
//! | module | responsibility |
//! |---|---|
//! | `problem` | errors in documents and variables |
//! | `syntax` | lexer and parser |
//! | `limits` | limits on documents |
//! | `model` | the types of the schema |
//! | `validation` | validation against the schema |
//! | `coercion` | the values of variables |
//! | `normalizer` | the operation as async-graphql executes it |
//! | `cost`, `price` | the static cost of an operation |
//! | `concurrency` | limits concurrent heavy operations |
//! | [`check`] | checks a document without executing it |
//! | `document` | the cache of documents and their normalised operations |
//! | `memory` | the estimated memory of documents, operations and variables |
//! | `persisted` | persisted queries in Redis, shared by all nodes |
//! | `operation` | a prepared operation |
//! | `parameters` | operation parameters as clients send them |
//! | `response` | response bodies and refusals |
//! | `executor` | runs operations |
//! | `metrics` | metrics and spans of operations |

pub mod check;
pub(super) mod coercion;
pub(super) mod concurrency;
pub(super) mod cost;
pub(super) mod document;
pub(super) mod executor;
pub(super) mod limits;
mod memory;
pub(super) mod metrics;
pub(super) mod model;
pub(super) mod normalizer;
pub(super) mod operation;
pub(super) mod parameters;
pub(super) mod persisted;
mod price;
mod problem;
pub(super) mod response;
pub(super) mod syntax;
pub(super) mod validation;

pub use self::document::Front;
