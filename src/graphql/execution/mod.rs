//! One operation: from the text of its document to its response. The front is all that comes before the library's
//! executor.
//!
//! | module | responsibility |
//! |---|---|
//! | `syntax` | tokens and parsing, within bounds |
//! | `limits` | bounds on what a document holds |
//! | `model` | the types of the schema |
//! | `validation` | whether a document is valid |
//! | `coercion` | the values of variables |
//! | `normalizer` | the operation as the library executes it |
//! | `cost`, `price` | what an operation costs |
//! | `toll` | what the events of a subscription cost |
//! | `concurrency` | heavy operations take turns |
//! | [`check`] | what the front says of a document, as data |
//! | `document` | the cache of documents and their normalised operations |
//! | `persisted` | the texts of documents in Redis, for clients that know the hash from another node |
//! | `operation` | an operation that was prepared |
//! | `parameters` | an operation as clients send it |
//! | `response` | what it is answered |
//! | `executor` | runs operations |
//! | `metrics` | how many operations are run, and how long that takes |

pub mod check;
pub(super) mod coercion;
pub(super) mod concurrency;
pub(super) mod cost;
pub(super) mod document;
pub(super) mod executor;
pub(super) mod limits;
pub(super) mod metrics;
pub(super) mod model;
mod normalizer;
pub(super) mod operation;
pub(super) mod parameters;
pub(super) mod persisted;
mod price;
pub(super) mod response;
pub(super) mod syntax;
pub(super) mod toll;
pub(super) mod validation;

pub use self::document::Front;
