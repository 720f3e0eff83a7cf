//! HTTP: what concerns every request, whichever API answers it.
//!
//! | module | what lives there |
//! |---|---|
//! | [`caller`] | who sends a request |
//! | `client_address` | from where, directly or behind proxies |
//! | `encoding` | content codings of bodies, the text of URLs and forms |
//! | `idempotency` | writes that are safe to repeat |
//! | `json` | bodies in JSON |
//! | `file_url` | where files are downloaded |
//! | [`request_id`] | the id that every request and every answer bears |
//! | `root_path` | serving under a path of a reverse proxy |
//! | [`access_log`] | one line a request |
//! | `body` | the bodies of forms with files |
//! | `request_metrics` | what is counted of requests |
//! | [`server`] | listening, and stopping without cutting anybody off |
//! | `connection` | one connection: its deadlines, and how many there may be |
//! | [`open_files`] | how many files the process may open |

pub mod access_log;
pub(crate) mod body;
pub mod caller;
pub(crate) mod client_address;
pub(crate) mod connection;
pub(crate) mod encoding;
pub(crate) mod file_url;
pub(crate) mod idempotency;
pub(crate) mod json;
pub mod open_files;
pub mod request_id;
mod request_metrics;
pub(crate) mod root_path;
pub mod server;
