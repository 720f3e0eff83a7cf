//! HTTP code that both APIs share.
//!
//! | module | contents |
//! |---|---|
//! | [`caller`] | the user and device of a request |
//! | `client_address` | the client's IP address, directly or behind proxies |
//! | `encoding` | content encodings and percent-encoding |
//! | `idempotency` | writes that are safe to repeat |
//! | `json` | JSON bodies |
//! | `file_url` | download URLs of files |
//! | [`request_id`] | the id of a request and its response |
//! | `root_path` | serving under a path of a reverse proxy |
//! | [`access_log`] | request metrics, and one log line per request |
//! | `body` | the bodies of forms with files |
//! | [`server`] | listening and graceful shutdown |
//! | `connection` | connections, their deadlines and limits |
//! | [`open_files`] | the limit of open files |

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
pub(crate) mod root_path;
pub mod server;
