//! The front: everything between the text of a document and the library's executor.
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
//! | [`answer_size`] | how large an answer may become |
//! | [`check`] | what the front says of a document, as data |
//! | `document` | the cache of documents and their normalised operations |

pub mod answer_size;
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
pub(super) mod persisted;
mod price;
pub(super) mod syntax;
pub(super) mod toll;
pub(super) mod validation;

pub use self::document::Front;
