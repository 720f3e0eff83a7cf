//! Operation parameters as clients send them, for every transport.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Map, Value};

use super::document::{Hash, read_hash};
use super::response::Refusal;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct Parameters {
    pub(in crate::graphql) query: Option<String>,
    #[serde(default, deserialize_with = "operation_name")]
    pub(in crate::graphql) operation_name: Option<String>,
    pub(in crate::graphql) variables: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "extensions")]
    pub(in crate::graphql) extensions: Extensions,
}

/// The supported request extensions.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::graphql) struct Extensions {
    pub(in crate::graphql) persisted_query: Option<PersistedQuery>,
}

/// Apollo's automatic persisted queries: a document by its hash.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct PersistedQuery {
    pub(in crate::graphql) version: u64,
    pub(in crate::graphql) sha256_hash: String,
}

impl PersistedQuery {
    pub(super) fn hash(&self) -> Result<Hash, Refusal> {
        if self.version != 1 {
            return Err(Refusal::bad_request(format!(
                "extensions.persistedQuery.version is {}; only 1 is supported",
                self.version
            )));
        }
        read_hash(&self.sha256_hash).ok_or_else(|| {
            Refusal::bad_request(format!(
                "extensions.persistedQuery.sha256Hash is '{}'; send 64 hexadecimal digits",
                self.sha256_hash.chars().take(80).collect::<String>()
            ))
        })
    }
}

/// Reads an empty name as absent: many clients send one for an operation without a name.
fn operation_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name: Option<String> = Option::deserialize(deserializer)?;
    Ok(name.filter(|name| !name.is_empty()))
}

/// Accepts only objects: the derived implementation would also accept lists, by the order of their fields.
fn extensions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Extensions, D::Error> {
    known_extensions(Option::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Ignores unsupported extensions.
pub(in crate::graphql) fn known_extensions(extensions: Option<Map<String, Value>>) -> serde_json::Result<Extensions> {
    serde_json::from_value(Value::Object(extensions.unwrap_or_default()))
}
